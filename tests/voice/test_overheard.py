"""What a waiting caller says: when it is listened to, what stops the music, what comes of a recogniser that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, cast

import numpy as np
import pytest

from ivr.channels.leg import Clip
from ivr.channels.voice.ear import Ear, Pondering, SpeechBegan, Trouble, Understood
from ivr.channels.voice.hold import Said
from ivr.channels.voice.line import Line
from ivr.channels.voice.overheard import Overheard
from ivr.channels.voice.waiting import _first as first
from ivr.flow.effects import Collect
from ivr.flow.inputs import Words
from ivr.speech import pcm
from ivr.speech.barge import BargeIn
from ivr.speech.endpoint import webrtc
from ivr.speech.music import music
from ivr.speech.recognise import Heard, RecogniserBusy
from ivr.speech.recognise.listener import ListenEvent
from tests.speech.test_barge import coded, onto, voice

ASK = Collect((), "menu", phrases=("call me back",), speech=True, first_timeout=6.0)
INTRO, TUNE = Clip("intro", b"\x10" * 1600), Clip("tune", b"\x20" * 8000)


class FakeEar(Ear):
    """Hears what the test says."""

    def __init__(self, up: bool = True) -> None:
        self.up, self.closed, self.asked = up, False, 0
        self.told: list[int] = []
        self.heard = self._events = asyncio.Queue[ListenEvent]()
        self._next = None

    def open(self, ask: Collect, clips: Sequence[Clip]) -> bool:
        self.plays(clips)
        return self.up

    def plays(self, clips: Sequence[Clip]) -> None:
        self.told.append(sum(len(clip.ulaw) for clip in clips))

    def again(self, ask: Collect) -> None:
        self.asked += 1

    def prompt_ended(self) -> None: ...

    def close(self) -> None:
        self.closed = True


class FakeLeg:
    def __init__(self) -> None:
        self.playing: list[str] = []

    def play(self, clips: Sequence[Clip], *, loop: bool = False) -> int:
        self.playing.append(clips[0].key)
        return len(self.playing)

    def stop(self) -> None:
        self.playing.append("")


class Scene:
    """A caller who waits. `now` is the line's clock."""

    def __init__(self, up: bool = True, ask: Collect | None = ASK, intro: bool = True) -> None:
        self.ear, self.leg, self.now = FakeEar(up), FakeLeg(), 100.0
        self.wake = asyncio.Event()
        line = Line(cast(Any, self.leg))
        line.now = lambda: self.now  # type: ignore[method-assign]
        self.overheard = Overheard(line, self.ear, ask, self.wake)

        async def said() -> Sequence[Clip]:
            return [INTRO]

        self.said = Said(line, [TUNE], said() if intro else None, self.overheard, self.wake)

    async def hears(self, *events: ListenEvent) -> Words | None:
        """What comes of this."""
        found = None
        for event in events:
            self.wake.clear()
            self.ear.heard.put_nowait(event)
            async with asyncio.timeout(20):
                await self.wake.wait()
            found = self.overheard.take(self.said.music)
        return found

    async def begins(self) -> None:
        async with asyncio.timeout(20):
            await self.wake.wait()
        self.said.go_on()


def run(work: Coroutine[None, None, None]) -> None:
    asyncio.run(work)


def understood(text: str, *, matched: bool = True) -> Understood:
    return Understood(Heard(text, 0.9, (), matched=matched), 0.6)


def test_a_choice_is_heard_over_the_announcement_and_over_the_music() -> None:
    async def work() -> None:
        for music_plays in (False, True):
            scene = Scene()
            await scene.begins()
            if music_plays:
                scene.said.music()
            assert await scene.hears(SpeechBegan(True)) is None
            assert scene.leg.playing[-1] == "", "who speaks hears nothing else"
            found = await scene.hears(understood("call me back"))
            assert found == Words("call me back", 0.9)
            scene.said.close()
            assert scene.ear.closed

    run(work())


def test_what_was_not_for_us_leads_back_to_the_music_and_is_listened_to_on() -> None:
    async def work() -> None:
        scene = Scene(intro=False)
        for noise in (understood(""), understood("mind the dog", matched=False)):
            assert await scene.hears(SpeechBegan(True), noise) is None
            assert scene.leg.playing[-1] == "tune"
            assert not scene.overheard.speaking
        assert scene.ear.asked == 2
        assert await scene.hears(SpeechBegan(True), understood("call me back")) is not None

    run(work())


def test_it_ends_some_seconds_after_the_announcement_but_nobody_is_cut_short() -> None:
    async def work() -> None:
        scene = Scene()
        await scene.begins()
        scene.now += 30
        scene.overheard.over()
        assert not scene.ear.closed, "the announcement isn't over"
        scene.said.music()
        scene.now += 5.9
        scene.overheard.over()
        assert not scene.ear.closed
        assert await scene.hears(SpeechBegan(True)) is None
        scene.now += 2
        scene.overheard.over()
        assert not scene.ear.closed, "the caller speaks"
        assert await scene.hears(understood("")) is None
        assert scene.ear.closed
        assert scene.overheard.until is None
        assert scene.leg.playing[-1] == "tune"

    run(work())


def test_a_recogniser_that_takes_its_time_is_waited_for_with_music() -> None:
    async def work() -> None:
        scene = Scene(intro=False)
        assert await scene.hears(SpeechBegan(True), Pondering()) is None
        assert scene.leg.playing[-1] == "tune"
        assert await scene.hears(understood("call me back")) is not None

    run(work())


def test_a_busy_recogniser_costs_nothing_but_the_words() -> None:
    async def work() -> None:
        scene = Scene(intro=False)
        assert await scene.hears(SpeechBegan(True), Trouble(RecogniserBusy("too much"))) is None
        assert scene.ear.closed
        assert scene.leg.playing[-1] == "tune"

    run(work())


@pytest.mark.parametrize(("up", "ask"), [(False, ASK), (True, None)], ids=["no recogniser", "nobody was told"])
def test_nobody_listens(up: bool, ask: Collect | None) -> None:
    async def work() -> None:
        scene = Scene(up, ask, intro=False)
        assert scene.leg.playing == ["tune"]
        assert scene.overheard.until is None
        assert scene.overheard.take(scene.said.music) is None

    run(work())


def test_neither_who_speaks_nor_a_telephone_that_rings_is_looked_at_again_and_again() -> None:
    """News that are due while an agent is rung used to keep the process busy until the agent answered."""

    async def work() -> None:
        scene = Scene(intro=False)
        assert first(103.0, scene.overheard) == 103.0
        assert first(200.0, scene.overheard) == 106.0, "then nobody listens any more"
        assert first(None, scene.overheard) == 106.0
        assert await scene.hears(SpeechBegan(True)) is None
        assert first(103.0, scene.overheard) is None
        scene.said.close()
        assert first(None, scene.overheard) is None

    run(work())


def test_all_the_music_is_known_that_may_come_back() -> None:
    """A short tune plays again and again."""

    async def work() -> None:
        scene = Scene(intro=False)
        assert scene.ear.told == [7 * 8000]
        scene.said.close()

    run(work())


def barged(echo_db: float, caller: bool) -> bool:
    """Whether the music, come back so much quieter after 120 ms, is taken for the caller; with one or without."""
    tune = pcm.from_pcm16(pcm.pcm16(music().ulaw)).astype(np.float64)
    line = np.concatenate([np.zeros(960), tune[:-960]]) * 10 ** (echo_db / 20)
    if caller:
        line = onto(line, 4.0, voice(1.0, 190, 3))
    line += np.random.default_rng(7).standard_normal(len(line)) * 0.0005
    barge, classify = BargeIn(), webrtc()
    for _ in range(50):
        barge.hear(b"\xff" * 160, classify(b"\xff" * 160))
    barge.playing(music().ulaw)
    heard = coded(line)
    return any(
        barge.hear(frame, classify(frame)) for frame in (heard[at : at + 160] for at in range(0, len(heard), 160))
    )


@pytest.mark.parametrize("echo_db", [-15.0, -20.0, -30.0])
def test_the_echo_of_our_music_is_no_caller_and_a_caller_is_heard_over_it(echo_db: float) -> None:
    assert not barged(echo_db, caller=False)
    assert barged(echo_db, caller=True)
