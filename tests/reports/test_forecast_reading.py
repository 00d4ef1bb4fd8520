"""What a forecast is made from: which visits count, when, and as what; the same from events and from kept lives."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from callcenter.db import reading
from callcenter.reports import kept
from callcenter.reports.forecast import Arrivals, Key
from callcenter.reports.forecast_reading import PATIENT, Gathered, gather, patience
from callcenter.reports.kept import SETTLED, keep_up
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres
from tests.reports import day
from tests.reports.day import Writer

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SINCE, UNTIL = datetime(2026, 11, 20, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)


class Caller(Writer):
    """Writes one contact that goes to a queue."""

    def joins(self, queue: str = "billing", **data: Any) -> None:
        self.fact("queue.joined", **{"queue": queue, "joined_at": self.at.timestamp(), "leg": "present", **data})

    def leaves(self, why: str) -> None:
        self.fact("queue.left", queue="billing", why=why)

    def talks(self, seconds: float, why: str = "completed", offer: str = "o1") -> None:
        self.fact("offer.connected", queue="billing", agent="ana", offer=offer)
        self.passes(seconds)
        self.fact("offer.done", queue="billing", agent="ana", offer=offer, seconds=seconds, why=why)


def gathered(engine: Engine) -> Arrivals:
    """From the events, and the same from kept lives."""
    with reading(engine) as conn:
        found = gather(kept.read(conn, SINCE - timedelta(days=7), UNTIL), SINCE, UNTIL)
    at = NOON
    for _ in range(3):
        keep_up(engine, at)
        at += SETTLED
    with reading(engine) as conn:
        assert gather(kept.read(conn, SINCE - timedelta(days=7), UNTIL), SINCE, UNTIL) == found
    return found


def came(found: Arrivals) -> dict[Key, int]:
    return {key: of_key.total() for key, of_key in found.came.items()}


def test_visits_count_when_they_join_and_as_what_they_are(engine: Engine) -> None:
    with engine.begin() as conn:
        call = Caller(conn, NOON - timedelta(minutes=20), "sip", "")
        call.passes(19 * 60)  # in a flow
        call.joins()
        call.passes(45)
        call.talks(200, "transferred")
        call.joins("general", transferred="o1")
        call.passes(10)
        call.talks(100, offer="o2")
        Caller(conn, NOON, "twilio", "").joins()
        Caller(conn, NOON, "chat", "").joins()
        Caller(conn, NOON, "sms", "").joins()
    found = gathered(engine)
    assert came(found) == {
        ("billing", "voice"): 2, ("general", "voice"): 1, ("billing", "chat"): 1, ("billing", "sms"): 1,
    }  # fmt: skip
    assert found.count(("billing", "voice"), NOON - timedelta(minutes=30)) == 1
    assert found.count(("billing", "voice"), NOON) == 1
    assert found.count(("general", "voice"), NOON) == 1  # four minutes later
    assert list(found.lengths[("billing", "voice")]) == [200]
    assert list(found.lengths[("general", "voice")]) == [100]


def test_who_leaves_at_once_needs_nobody(engine: Engine) -> None:
    with engine.begin() as conn:
        for seconds in (3, 30):
            one = Caller(conn, NOON, "sip", "")
            one.joins()
            one.passes(seconds)
            one.leaves("abandoned")
    found = gathered(engine)
    assert came(found) == {("billing", "voice"): 1}
    assert (found.waits["billing"], found.gave_up["billing"]) == (30, 1)


def test_a_callback_counts_when_it_reached_somebody(engine: Engine) -> None:
    with engine.begin() as conn:
        for reached in (True, False):
            one = Caller(conn, NOON, "sip", "")
            one.joins(leg="absent")
            one.fact("callback.requested", queue="billing", number="+12125550100", at=0)
            one.passes(7200)
            if reached:
                one.talks(120)
                one.fact("callback.done", queue="billing", agent="ana", offer="o1")
            else:
                one.fact("callback.failed", queue="billing", attempts=3)
                one.leaves("callback_failed")
    found = gathered(engine)
    assert found.came == {("billing", "callback"): Counter({int((NOON.timestamp() + 7200) // 900): 1})}
    assert found.waits["billing"] == 0  # nobody held a line


def test_only_what_joined_within_the_days(engine: Engine) -> None:
    with engine.begin() as conn:
        for at in (SINCE - timedelta(seconds=1), SINCE, UNTIL - timedelta(seconds=1), UNTIL):
            Caller(conn, at, "sip", "").joins()
        thread = Caller(conn, SINCE - timedelta(days=2), "sms", "")
        thread.passes(3 * 86_400 - 60)
        thread.joins()
    assert came(gathered(engine)) == {("billing", "voice"): 2, ("billing", "sms"): 1}


def test_patience_is_that_of_the_censored_sample() -> None:
    found = Arrivals(SINCE, UNTIL)
    found.waits["billing"], found.gave_up["billing"] = 60.0 * PATIENT, PATIENT
    assert patience(found, "billing") == 60
    found.gave_up["billing"] -= 1
    assert patience(found, "billing") is None
    assert patience(found, "general") is None


def test_a_day_that_was_read_is_not_read_again(engine: Engine) -> None:
    reader, today = Gathered(), date(2026, 11, 21)
    with engine.begin() as conn:
        day.write(conn, 50)
    with reading(engine) as conn:
        first = reader.read(conn, today, UTC)
        assert first.came
        assert reader.read(conn, today, UTC) is first
        assert reader.read(conn, today - timedelta(days=1), UTC) is not first
        assert reader.read(conn, today, UTC) == first


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "STEP", 5)  # contacts are torn apart by steps
