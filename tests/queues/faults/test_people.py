"""What the people of the fault run notice: without it the run could find nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from bench.faults.killing import PROGRAMS, Killer
from bench.faults.people import Caller, Writer
from bench.faults.voices import FRAME, frame, speaker


class Played:
    """The other end of a line, on which these frames are heard, one each time somebody listens."""

    def __init__(self, *heard: bytes) -> None:
        self.ended = asyncio.Event()
        self.said: list[bytes] = []
        self._heard = list(heard)

    def audio(self, sound: bytes, *, samples: int) -> None:
        self.said.append(sound)

    def arrived(self) -> Iterator[bytes]:
        if self._heard:
            yield self._heard.pop(0)
        else:
            self.ended.set()

    async def bye(self) -> None:
        self.ended.set()


def test_a_frame_tells_who_speaks() -> None:
    assert len(frame("p1234")) == FRAME
    assert speaker(frame("p1234")) == "p1234"
    assert speaker(b"\xff" * FRAME) == ""
    assert speaker(frame("a1")[:80]) == ""


def test_a_caller_notices_each_agent() -> None:
    caller = Caller(7, "sip")
    line = Played(b"\xff" * FRAME, frame("a1"), frame("a1"), frame("a2"))
    assert asyncio.run(caller.talk(line))
    assert dict(caller.conversations) == {"a1": 1, "a2": 1}
    assert caller.faults == ["heard a2 after a1 in one call"]
    assert {speaker(said) for said in line.said} == {"p7"}


def test_whoever_hears_music_only_is_not_served() -> None:
    caller = Caller(7, "sip")
    assert asyncio.run(caller.talk(Played(b"\xff" * FRAME)))
    assert not caller.served.is_set()


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        (("m1", "Answer x1 by a1"), "got message m1 twice"),
        (("m2", "Answer x1 by a1"), "was given answer x1 twice"),
        (("m2", "Answer x2 by a2"), "was answered by x2, and before by x1"),
    ],
)
def test_a_writer_notices_what_comes_twice(second: tuple[str, str], fault: str) -> None:
    writer = Writer(7, "sms", "+12025550007")
    writer.tries = 1
    writer.reads("m0", "One moment please.")
    assert not writer.served.is_set()
    writer.reads("m1", "Answer x1 by a1")
    assert writer.served.is_set()
    assert writer.faults == []
    writer.reads(*second)
    assert writer.faults == [fault]


def test_each_program_is_killed_as_often_as_the_others() -> None:
    """Those that aren't up come later. No process has these ids."""
    nobody = 1 << 30
    running = {nobody + number: line for number, line in enumerate(PROGRAMS.values())}
    killer = Killer(lambda: running, random.Random(1))
    for _ in range(50):
        assert killer.kill_any() == ""
    assert killer.kills.total() == 0
