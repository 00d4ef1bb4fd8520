"""Telephones for conversations: SIP by hand, real RTP, a tone instead of a voice, and ears that know tones."""

from __future__ import annotations

import asyncio
import re
from collections import deque

import numpy as np
from numpy.typing import NDArray

from ivr.channels.sip.media.g711 import ULAW_LINEAR
from ivr.channels.sip.media.inband import tone_frames
from tests.channels.sip.media.phone import PATIENCE, Phone, Rtp
from tests.channels.sip.media.talker import WINDOW, strength, tone_frame, tones_in
from tests.channels.sip.raw_client import Message, RawClient
from tests.channels.sip.telephone import Telephone


class TonePhone:
    """Says its tone for as long as it is on a call. Use `open`; `close` at the end."""

    def __init__(self, client: RawClient, hertz: int) -> None:
        self.client, self.hertz = client, hertz
        self.rtp = Phone(ssrc=hertz)
        client.rtp_port = self.rtp.address[1]
        self.heard: list[Rtp] = []
        self.keys = ""
        self.over = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.refer: Message | None = None
        self.dialling: deque[bytes] = deque()
        """Frames of keys to send as tones in the audio, instead of what is said."""
        self._invites: asyncio.Queue[Message] = asyncio.Queue()
        self._invite: Message | None = None
        self._remote: tuple[str, int] | None = None
        self._spoken = 0
        self._events = True
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, server: tuple[str, int], hertz: int) -> TonePhone:
        return cls(await RawClient.open(server), hertz)

    async def register(self, user: str) -> TonePhone:
        telephone = Telephone(self.client, user)
        answer = await telephone.register()
        assert answer.status == 200, answer
        self._watch()
        return self

    async def call(self, *, events: bool = True, extra: str = "") -> TonePhone:
        """Place a call, with the headers `extra`; on from its answer. Without `events` the telephone knows no keys but
        tones in the audio."""
        self._events = events
        answer = await self.client.call(self.client.sdp("0 101" if events else "0"), extra=extra)
        assert answer.status == 200, answer
        self._talk_to(answer)
        self._watch()
        return self

    # Being called

    async def rings(self) -> Message:
        async with asyncio.timeout(PATIENCE):
            self._invite = await self._invites.get()
        self.client.answer(self._invite, 180)
        return self._invite

    async def answer(self) -> TonePhone:
        if self._invite is None:
            await self.rings()
        invite = self._invite
        assert invite is not None
        self.over.clear()
        self.heard.clear()
        self.client.answer(invite, 200, body=self.client.sdp())
        self.client.call_id, self.client.to_tag = invite["call-id"], invite.tag("from")
        found = re.search(r"<([^>]+)>", invite["contact"])
        assert found
        self.client.target = found[1]
        self._talk_to(invite)
        return self

    def refuse(self, status: int) -> None:
        assert self._invite is not None
        self.client.answer(self._invite, status)
        self._invite = None

    # On the call

    def press(self, keys: str) -> None:
        for key in keys:
            self._press(key)

    def _press(self, key: str) -> None:
        if not self._events:
            self.dialling += [*tone_frames(key, 5), *[b"\xff" * 160] * 5]
            return
        event = "0123456789*#".index(key)
        self._send_event(event)

    def _send_event(self, event: int) -> None:
        assert self._remote is not None
        self.rtp.timestamp = start = (self.rtp.timestamp + 1600) & 0xFFFFFFFF
        for index in range(4):
            self.rtp.sequence = (self.rtp.sequence + 1) & 0xFFFF
            end = 0x80 if index == 3 else 0
            head = np.array([0x80, 101], np.uint8).tobytes() + self.rtp.sequence.to_bytes(2, "big")
            head += start.to_bytes(4, "big") + self.rtp.ssrc.to_bytes(4, "big")
            self.rtp.rtp.sendto(head + bytes([event, end | 10]) + (160 * (index + 1)).to_bytes(2, "big"), self._remote)

    def hang_up(self) -> None:
        self.client.cseq += 100
        self.client.send(self.client.request("BYE"))
        self._remote = self._invite = None

    def die(self) -> None:
        """At once and without a word, as a telephone does whose cable is pulled."""
        for task in self._tasks:
            task.cancel()
        self.client.close()
        self.rtp.close()

    def last(self, frames: int = WINDOW) -> NDArray[np.int16]:
        coded = b"".join(packet.payload for packet in self.heard[-frames:])
        return ULAW_LINEAR[np.frombuffer(coded, np.uint8)]

    def everything(self) -> NDArray[np.int16]:
        return self.last(len(self.heard))

    async def hears(self, *tones: int) -> None:
        """Wait until these tones, and no others of the `TONES`, are heard for a whole window."""
        self.heard.clear()
        await self.until(lambda: len(self.heard) >= WINDOW and tones_in(self.last()) == set(tones), tones)

    async def hears_ringing(self) -> None:
        self.heard.clear()
        await self.until(lambda: len(self.heard) >= 10 and strength(self.last(10), 425) > 1500, "ringing")

    async def until(self, condition: object, what: object = "") -> None:
        assert callable(condition)
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():  # noqa: ASYNC110 - polled, so that nothing needs hooks for it
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{self.hertz} Hz waits for {what}, hears {tones_in(self.last())}") from None

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.over.wait()

    def close(self) -> None:
        self.die()

    async def gone(self) -> None:
        """After `close`: wait until nothing of it runs."""
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Inside

    def _talk_to(self, message: Message) -> None:
        found = re.search(r"m=audio (\d+)", message.body)
        assert found
        self._remote = ("127.0.0.1", int(found[1]))
        if len(self._tasks) < 2:
            self._tasks.append(asyncio.create_task(self._talk()))

    def _watch(self) -> None:
        self._tasks.append(asyncio.create_task(self._signalling()))

    async def _signalling(self) -> None:
        client = self.client
        while True:
            message = await client.next(3600)
            if message.method == "INVITE":
                self._invites.put_nowait(message)
            elif message.method == "CANCEL":
                client.answer(message, 200)
                if self._invite is not None:
                    client.answer(self._invite, 487)
                self._invite = None
                self.cancelled.set()
            elif message.method == "REFER":
                self.refer = message
                client.answer(message, 202)
            elif message.method == "BYE":
                client.answer(message, 200)
                self._remote = self._invite = None
                self.over.set()
            elif message.method == "OPTIONS":
                client.answer(message, 200)

    async def _talk(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            if self._remote is not None:
                self._speak(self._remote)
            due = max(due + 0.02, loop.time() - 0.1)
            await asyncio.sleep(max(0.0, due - loop.time()))
            self._take()

    def _speak(self, remote: tuple[str, int]) -> None:
        rtp = self.rtp
        rtp.sequence, rtp.timestamp = (rtp.sequence + 1) & 0xFFFF, (rtp.timestamp + 160) & 0xFFFFFFFF
        head = bytes([0x80, 0]) + rtp.sequence.to_bytes(2, "big") + rtp.timestamp.to_bytes(4, "big")
        said = self.dialling.popleft() if self.dialling else tone_frame(self.hertz, self._spoken)
        rtp.rtp.sendto(head + rtp.ssrc.to_bytes(4, "big") + said, remote)
        self._spoken += 1

    def _take(self) -> None:
        while True:
            try:
                packet = Rtp.read(self.rtp.rtp.recv(4000))
            except (BlockingIOError, ConnectionRefusedError):
                return
            if packet.kind & 0x7F == 0:
                self.heard.append(packet)
            elif packet.kind == 0x80 | 101:
                self.keys += "0123456789*#"[packet.payload[0]]
