"""A browser as a telephone: aiortc plays the page, our own SIP engine with its media process rings it."""

from __future__ import annotations

import asyncio
import fractions
import wave
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame
from numpy.typing import NDArray

from callcenter.live import Live
from callcenter.softphones import NoGateway, Softphones
from ivr.bridge.state import Party
from ivr.bridge.talk import why_gone
from ivr.channels.leg import Answered, Clip, HungUp, RecordingEnded
from ivr.channels.sip.endpoint import SipEndpoint
from ivr.channels.sip.media.client import Media
from ivr.channels.sip.media.g711 import encode_ulaw
from ivr.channels.sip.settings import SipSettings
from ivr.channels.webrtc import gateway as gateway_module
from ivr.channels.webrtc.gateway import Gateway

pytestmark = [pytest.mark.timeout(60), pytest.mark.filterwarnings("ignore::DeprecationWarning")]
RATE, PAGE_TONE, ENGINE_TONE = 8000, 1200, 440


def tone(hertz: float, seconds: float) -> NDArray[np.int16]:
    return (8000 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)).astype(np.int16)


def strength(samples: NDArray[np.int16], hertz: float) -> float:
    """The share of the sound's energy that is at this pitch."""
    if len(samples) < RATE / 5:
        return 0.0
    wave_ = samples.astype(float) * np.hanning(len(samples))
    spectrum = np.abs(np.fft.rfft(wave_)) ** 2
    around = np.abs(np.fft.rfftfreq(len(samples), 1 / RATE) - hertz) < 15
    return float(spectrum[around].sum() / (spectrum.sum() or 1))


class Microphone(MediaStreamTrack):
    """A tone for ever."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.sound, self.pts = tone(PAGE_TONE, 1), 0
        self.began = asyncio.get_running_loop().time()

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(max(0.0, self.began + self.pts / RATE - asyncio.get_running_loop().time()))
        frame = AudioFrame(format="s16", layout="mono", samples=160)
        frame.planes[0].update(self.sound[self.pts % RATE : self.pts % RATE + 160].tobytes())
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.pts, fractions.Fraction(1, RATE)
        self.pts += 160
        return frame


class Page:
    """The agent's page: its telephone side alone."""

    def __init__(self, phones: Softphones, name: str = "one") -> None:
        self.phones, self.name = phones, name
        self.heard: list[NDArray[np.int16]] = []
        self.connection = RTCPeerConnection()
        self.connection.addTrack(Microphone())
        self.connection.on("track", lambda track: asyncio.ensure_future(self._listen(track)))
        self.up = asyncio.Event()
        self.connection.on("connectionstatechange", self._changed)

    def _changed(self) -> None:
        if self.connection.connectionState == "connected":
            self.up.set()

    async def connect(self) -> Page:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        sdp = self.connection.localDescription.sdp
        answer = await asyncio.to_thread(self.phones.connect, "ana", self.name, sdp)
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await asyncio.wait_for(self.up.wait(), 10)
        return self

    async def _listen(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame: Any = await track.recv()
                self.heard.append(frame.to_ndarray().reshape(-1))
        except Exception:
            return

    async def hears(self, hertz: float) -> None:
        """Wait until it hears that pitch."""
        async with asyncio.timeout(10):
            while strength(np.concatenate(self.heard[-25:] or [np.zeros(1, np.int16)]), hertz) < 0.5:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


class Desk:
    """What a test has: the gateway, Redis' side of it, and an engine that can ring it."""

    def __init__(self, gateway: Gateway, phones: Softphones, engine: SipEndpoint, live: Live) -> None:
        self.gateway, self.phones, self.engine, self.live = gateway, phones, engine, live

    async def until(self, kind: str, after: str = "0-0") -> str:
        """The id of the first event of that kind after another."""
        while True:
            for event in await asyncio.to_thread(self.live.read, {"agent:ana": after}, 500):
                if event.kind == kind:
                    return event.id
                after = event.id

    async def ring(self) -> Any:
        address = await asyncio.to_thread(self.phones.address, "ana")
        assert address
        return await self.engine.dial(address, caller="+12125550100")

    async def answers(self) -> tuple[Page, Any]:
        """The agent's page, and the leg that it has answered."""
        page = await Page(self.phones).connect()
        leg = await self.ring()
        await self.until("phone.ringing")
        await asyncio.to_thread(self.phones.answer, "ana")
        assert isinstance(await leg.next_event(), Answered)
        return page, leg


@asynccontextmanager
async def desk(redis_url: str) -> AsyncIterator[Desk]:
    import redis

    gateway, live = Gateway(redis_url), Live(redis_url)
    client = redis.Redis.from_url(redis_url)
    await gateway.start()
    media = await Media.start()
    engine = await SipEndpoint.start(SipSettings(host="127.0.0.1", port=0), media, _nobody)
    try:
        yield Desk(gateway, Softphones(client), engine, live)
    finally:
        await engine.close()
        await media.close()
        await gateway.close()
        live.close()
        client.close()


async def _nobody(leg: Any) -> None:
    await leg.reject(404)


def run(redis_url: str, story: Callable[[Desk], Any]) -> None:
    async def whole() -> None:
        async with desk(redis_url) as made:
            await story(made)

    asyncio.run(whole())


async def talk(made: Desk, page: Page, path: Path) -> None:
    """Each hears the other's tone."""
    leg = await made.ring()
    await made.until("phone.ringing")
    assert await asyncio.to_thread(made.phones.answer, "ana")
    assert isinstance(await leg.next_event(), Answered)
    leg.record(path, max_seconds=1.5)
    leg.play([Clip("tone", encode_ulaw(tone(ENGINE_TONE, 2)))], loop=True)
    await page.hears(ENGINE_TONE)
    event = await leg.next_event()
    while not isinstance(event, RecordingEnded):
        event = await leg.next_event()
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    assert strength(samples[RATE // 2 :], PAGE_TONE) > 0.8


def test_both_hear_each_other(redis_url: str, tmp_path: Path) -> None:
    async def story(made: Desk) -> None:
        page = await Page(made.phones).connect()
        await talk(made, page, tmp_path / "agent.wav")
        assert await asyncio.to_thread(made.phones.hang_up, "ana")
        await made.until("phone.over")
        await page.connection.close()

    run(redis_url, story)


def test_closing_leaves_no_connection_to_redis(redis_url: str) -> None:
    """The end of a page that is up has something to tell, too."""

    async def story() -> None:
        async with desk(redis_url) as made:
            page = await Page(made.phones).connect()
        pool = made.gateway._redis.connection_pool
        await asyncio.sleep(0)
        assert not made.gateway._tasks
        assert not [one for one in (*pool._available_connections, *pool._in_use_connections) if one.is_connected]
        await page.connection.close()

    asyncio.run(story())


def test_a_call_waits_for_a_page_that_was_lost(redis_url: str, tmp_path: Path) -> None:
    async def story(made: Desk) -> None:
        page = await Page(made.phones).connect()
        leg = await made.ring()
        await made.until("phone.ringing")
        await asyncio.to_thread(made.phones.answer, "ana")
        await made.until("phone.up")
        leg.play([Clip("tone", encode_ulaw(tone(ENGINE_TONE, 2)))], loop=True)
        await page.hears(ENGINE_TONE)
        await page.connection.close()
        again = await Page(made.phones, "two").connect()
        await again.hears(ENGINE_TONE)
        assert not leg.over
        await again.connection.close()

    run(redis_url, story)


def test_a_page_that_never_comes_back_ends_the_call(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_module, "GRACE", 0.2)

    async def story(made: Desk) -> None:
        page, leg = await made.answers()
        await page.connection.close()
        ended = await asyncio.wait_for(leg.next_event(), 20)
        assert isinstance(ended, HungUp)
        # The agent hasn't put down the receiver: the caller waits for another one.
        assert why_gone(ended, Party("agent", up=True)) == "failed"
        assert await asyncio.to_thread(made.phones.address, "ana") is None

    run(redis_url, story)


def test_a_gateway_that_is_stopped_costs_no_caller(redis_url: str) -> None:
    async def story(made: Desk) -> None:
        page, leg = await made.answers()
        await made.gateway.close()
        ended = await asyncio.wait_for(leg.next_event(), 20)
        assert isinstance(ended, HungUp)
        assert why_gone(ended, Party("agent", up=True)) == "failed"
        await page.connection.close()

    run(redis_url, story)


def test_refused_busy_and_nobody_there(redis_url: str) -> None:
    async def story(made: Desk) -> None:
        page = await Page(made.phones).connect()
        first = await made.ring()
        await made.until("phone.ringing")
        second = await made.ring()
        ended = await second.next_event()
        assert isinstance(ended, HungUp)
        assert ended.reason.startswith("486")
        assert await asyncio.to_thread(made.phones.hang_up, "ana")
        ended = await first.next_event()
        assert isinstance(ended, HungUp)
        assert ended.reason.startswith("603")
        assert not await asyncio.to_thread(made.phones.answer, "ana")
        assert not await asyncio.to_thread(made.phones.answer, "ben")
        await page.connection.close()

    run(redis_url, story)


@pytest.mark.parametrize("sdp", ["", "v=0", "no sdp at all\r\n" * 9, "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"])
def test_an_offer_that_is_none_is_refused(redis_url: str, sdp: str) -> None:
    async def story(made: Desk) -> None:
        with pytest.raises(ValueError, match="offer"):
            await asyncio.to_thread(made.phones.connect, "ana", "page", sdp)
        assert await asyncio.to_thread(made.phones.address, "ana") is None

    run(redis_url, story)


def test_without_a_gateway_it_says_so(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import redis

    monkeypatch.setattr("callcenter.softphones.REPLY_SECONDS", 1)
    with redis.Redis.from_url(redis_url) as client, pytest.raises(NoGateway, match="callwright phone"):
        Softphones(client).answer("ana")
