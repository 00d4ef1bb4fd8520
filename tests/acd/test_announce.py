"""Announcements: no more often than the admin says, and only what improved."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from callcenter.acd.announce import Announced, due, minutes
from callcenter.acd.config import Announce
from callcenter.acd.model import Estimate, Place

POLICY = Announce(every=60)


def place(position: int = 3, seconds: float | None = 200, state: str = "waiting") -> Place:
    told = None if seconds is None else Estimate(seconds, seconds / 2, seconds * 2)
    return Place(position, 9, told, state, "q")  # type: ignore[arg-type]


def test_the_first_time_all_is_said() -> None:
    said = due(POLICY, None, place(), 0)
    assert said is not None
    assert (said.position, said.minutes) == (3, 4)


def test_not_before_its_time() -> None:
    last = Announced(100, 5, 600)
    assert due(POLICY, last, place(), 159) is None
    assert due(POLICY, last, place(), 160) is not None


def test_only_what_improved() -> None:
    last = Announced(0, 3, 200)
    assert due(POLICY, last, place(3, 200), 100) is None
    assert due(POLICY, last, place(4, 500), 100) is None
    nearer = due(POLICY, last, place(2, 500), 100)
    assert nearer is not None
    assert (nearer.position, nearer.estimate) == (2, None)
    sooner = due(POLICY, last, place(3, 170), 100)
    assert sooner is not None
    assert (sooner.position, sooner.minutes) == (None, 3)
    assert due(POLICY, last, place(3, 190), 100) is None  # four minutes as before


def test_what_the_admin_switched_off_isnt_said() -> None:
    assert due(Announce(every=60, position=False, estimate=False), None, place(), 0) is None
    said = due(Announce(every=60, estimate=False), None, place(), 0)
    assert said is not None
    assert (said.position, said.estimate) == (3, None)


def test_whoever_isnt_waiting_is_told_nothing() -> None:
    for state in ("offered", "connected", "left"):
        assert due(POLICY, None, place(state=state), 0) is None


@given(st.lists(st.tuples(st.integers(1, 20), st.floats(1, 5000), st.floats(0.1, 40)), max_size=60))
def test_nobody_ever_hears_that_it_got_worse(changes: list[tuple[int, float, float]]) -> None:
    now, last = 0.0, None
    positions, waits, times = [], [], []
    for position, seconds, pause in changes:
        now += pause
        said = due(POLICY, last, place(position, seconds), now)
        if said is None:
            continue
        times.append(now)
        if said.position is not None:
            positions.append(said.position)
        if said.estimate is not None:
            waits.append(minutes(said.estimate))
        last = Announced(
            now,
            said.position or (last.position if last else position),
            said.estimate.seconds if said.estimate else (last.seconds if last else None),
        )
    assert all(later - earlier >= 60 for earlier, later in pairwise(times))
    assert positions == sorted(set(positions), reverse=True)
    assert waits == sorted(set(waits), reverse=True)
