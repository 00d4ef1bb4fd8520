"""The figures of today are those of all of today's lives, whatever came since they were read first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.db import reading
from callcenter.events import record
from callcenter.reports import figures, kept, today
from callcenter.reports.lives import lives
from callcenter.reports.today import SETTLED, Today
from callcenter.tables import events
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres
from tests.reports import day

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]
MIDNIGHT = datetime(2026, 11, 20, tzinfo=UTC)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LEVELS = {"billing": 30.0}


def look(engine: Engine, one: Today, now: datetime = NOW, levels: Any = LEVELS) -> dict[str, Any]:
    """What it says, which is what a count of the whole day says; by queue, those that somebody was in."""
    with reading(engine) as conn:
        found, promises = one.read(conn, MIDNIGHT, now, levels)
        all_of_them = list(lives(conn, MIDNIGHT, MIDNIGHT + timedelta(days=1)))
    counted = figures.count(
        all_of_them, figures.by_queue, lambda queue: levels.get(queue, 20.0), MIDNIGHT + timedelta(days=1)
    )
    shown = {name: one.shown() for name, one in found.items() if one.offered or one.contacts}
    expected = {name: one.shown() for name, one in counted.items()}
    assert {name: plain(one) for name, one in shown.items()} == {
        name: pytest.approx(plain(one)) for name, one in expected.items()
    }
    assert {name: one["given_up_after"] for name, one in shown.items()} == {
        name: one["given_up_after"] for name, one in expected.items()
    }
    told = [
        (visit.queue, visit.promised)
        for life in all_of_them
        for visit in life.visits
        if visit.connected and visit.promised is not None and not visit.callback
    ]
    by_queue = {queue: [promised for name, promised in told if name == queue] for queue, _ in told}
    assert {name: one.count for name, one in promises.items()} == {name: len(mine) for name, mine in by_queue.items()}
    assert {name: one.told for name, one in promises.items()} == pytest.approx(
        {name: sum(mine) / len(mine) for name, mine in by_queue.items()}
    )
    return shown


def plain(shown: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name != "given_up_after"}


def test_it_follows_what_happens(engine: Engine) -> None:
    with engine.begin() as conn:
        day.write(conn, 80)
    one = Today()
    before = look(engine, one)
    assert look(engine, one) == before
    with engine.begin() as conn:
        day.write(conn, 40, seed=8)
        for id in conn.execute(sa.select(events.c.contact_id).distinct().limit(30)).scalars().all():
            record(conn, id, None, "queue.joined", {"queue": "general", "joined_at": NOW.timestamp()}, NOW)
    after = look(engine, one)
    assert after["general"]["offered"] > before["general"]["offered"]
    with engine.begin() as conn:
        one_more = day.Writer(conn, day.MORNING, "sip", "")
        one_more.fact("queue.joined", queue="new", joined_at=one_more.at.timestamp(), leg="present", data={})
    assert look(engine, one)["new"]["offered"] == 1
    with engine.begin() as conn:  # to another queue, and answered there
        one_more.conn = conn
        one_more.passes(40)
        one_more.fact("queue.moved", queue="billing", why="supervisor")
    assert "new" not in look(engine, one)
    with engine.begin() as conn:
        one_more.conn = conn
        one_more.fact("offer.connected", queue="billing", agent="ana", offer="o", waited=40)
    assert look(engine, one)["billing"]["answered"] == after["billing"]["answered"] + 1


def test_what_is_kept_already_is_read_from_there(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine.begin() as conn:
        day.write(conn, 60)
    kept.keep_up(engine, NOW)
    kept.keep_up(engine, NOW + SETTLED)
    one = Today()
    look(engine, one)
    with engine.begin() as conn:
        day.write(conn, 20, seed=9)
    monkeypatch.setattr(kept, "read", None)  # only what is new is read now
    look(engine, one)


def test_events_that_appear_late_count_once(engine: Engine) -> None:
    """Another transaction had taken smaller ids, and is committed after a look."""
    with engine.begin() as conn:
        contact = day.Writer(conn, day.MORNING, "sip", "")
        joined = {"queue": "billing", "joined_at": day.MORNING.timestamp(), "leg": "present"}
        row = {"contact_id": contact.id, "at": NOW, "data": joined}
        conn.execute(sa.insert(events).values(id=50, kind="queue.joined", **row))
        conn.execute(sa.insert(events).values(id=90, kind="to_person", **(row | {"data": {}})))
    one = Today()
    assert look(engine, one)["billing"]["answered"] == 0
    for id, seconds in ((70, 1), (60, 20)):
        with engine.begin() as conn:
            told = {"agent": "ana", "offer": "o", "queue": "billing"}
            conn.execute(sa.insert(events).values(id=id, kind="offer.connected", **(row | {"data": told})))
        assert look(engine, one, NOW + timedelta(seconds=seconds))["billing"]["answered"] == 1
    assert look(engine, one, NOW + 2 * SETTLED)["billing"]["answered"] == 1


def test_after_a_long_time_the_day_is_read_anew(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Today()
    look(engine, one)
    with engine.begin() as conn:
        day.write(conn, 50)
    monkeypatch.setattr(today, "MANY", 10)
    look(engine, one)


def test_other_service_levels_count_at_once(engine: Engine) -> None:
    with engine.begin() as conn:
        day.write(conn, 50)
    one = Today()
    strict = look(engine, one, levels={"billing": 1.0, "general": 1.0})
    assert strict["billing"]["service_level"] < look(engine, one, levels={"billing": 600.0})["billing"]["service_level"]


def test_a_look_that_fails_loses_nothing(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Today()
    look(engine, one)
    with engine.begin() as conn:
        day.write(conn, 20)
    with monkeypatch.context() as broken:
        broken.setattr(today, "folded", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            look(engine, one)
    look(engine, one)
