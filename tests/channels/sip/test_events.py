"""What a leg tells of its end, and when."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.channels.leg import Digit, HungUp, LegEvent, LegOver, RecordingEnded
from ivr.channels.sip.events import Events
from tests.channels.sip.fakes import FakeClock

ONE, OTHER = Path("one.wav"), Path("other.wav")
GONE = HungUp("peer", "")


def ended(path: Path) -> RecordingEnded:
    return RecordingEnded(path, 1.0, "hangup")


async def told(events: Events) -> list[LegEvent]:
    """All that is told until the end; fails where that isn't told."""
    found: list[LegEvent] = []
    while not found or not isinstance(found[-1], HungUp):
        found.append(await asyncio.wait_for(events.next(), 20))
    return found


async def test_the_end_comes_last_and_once() -> None:
    events = Events("leg", FakeClock(), set())
    events.tell(Digit("1"))
    events.end(GONE)
    events.tell(Digit("2"))
    assert await told(events) == [Digit("1"), GONE]
    with pytest.raises(LegOver, match="leg"):
        await events.next()


async def test_the_end_waits_for_all_recordings() -> None:
    clock, recordings = FakeClock(), {ONE, OTHER}
    events = Events("leg", clock, recordings)
    events.tell(ended(ONE))
    assert recordings == {OTHER}
    events.end(GONE)
    events.tell(ended(OTHER))
    clock.advance(60)
    events.tell(ended(OTHER))
    assert await told(events) == [ended(ONE), ended(OTHER), GONE]
    assert recordings == set()


async def test_a_recording_whose_end_never_comes_is_not_waited_for_long() -> None:
    clock, recordings = FakeClock(), {ONE}
    events = Events("leg", clock, recordings)
    events.end(GONE)
    clock.advance(60)
    events.tell(ended(ONE))
    assert await told(events) == [GONE]
    assert recordings == set()
