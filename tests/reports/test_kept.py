"""Kept lives are those that are put together from all events, whenever the job has run; the history says the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.acd.config import Config
from callcenter.db import reading
from callcenter.desk import history
from callcenter.events import record
from callcenter.reports import figures, kept, lives
from callcenter.reports.kept import SETTLED, keep_up
from callcenter.tables import contacts, events
from callcenter.tables import lives as table
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres
from tests.reports import day
from tests.reports.recount import recount

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]
LONG_AGO, SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PERIOD = history.Period("range", date(2026, 11, 20), date(2026, 11, 20), UTC)


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "STEP", 97)  # contacts are torn apart by steps


def told(found: Any) -> dict[str, Any]:
    """What is counted of each contact, by id."""
    return {
        one.id: (
            one.channel, one.started_at, one.outcome, one.customer_id, one.asked_again, one.surveys, one.last,
            one.wanted_person,
            [
                (v.queue, v.agent, v.waited, v.connected, v.talked, v.wrapped, v.promised, v.why, v.callback,
                 v.transferred, v.inherited, v.joined_at)
                for v in one.visits
            ],
        )
        for one in found
    }  # fmt: skip


def the_same(engine: Engine) -> int:
    """Compares both ways of reading; how many lives are kept."""
    with reading(engine) as conn:
        assert told(kept.read(conn, LONG_AGO, SOME_DAY)) == told(lives.lives(conn, LONG_AGO, SOME_DAY))
        return int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def all_kept(engine: Engine, at: datetime) -> datetime:
    """The job until it has caught up; when that was."""
    for _ in range(3):
        keep_up(engine, at)
        at += SETTLED
    return at


def test_they_are_the_same_before_meanwhile_and_afterwards(engine: Engine) -> None:
    with engine.begin() as conn:
        day.write(conn, 120)
    assert the_same(engine) == 0
    at = all_kept(engine, NOW)
    assert the_same(engine) == 120
    with engine.begin() as conn:  # more of contacts that are kept, and new ones
        rows = conn.execute(sa.select(contacts.c.id)).scalars().all()
        for id in rows[:20]:
            record(conn, id, None, "survey", {"kind": "csat", "score": 5}, at)
            record(conn, id, None, "queue.joined", {"queue": "general", "joined_at": at.timestamp()}, at)
        day.write(conn, 40, seed=8)
    assert the_same(engine) == 120
    at = all_kept(engine, at)
    assert the_same(engine) == 160
    with reading(engine) as conn:  # now they are read, not put together
        assert not list(conn.execute(sa.select(events.c.id).where(events.c.id > _through(conn))))


def test_what_changes_without_an_event_counts_too(engine: Engine) -> None:
    with engine.begin() as conn:
        day.write(conn, 20)
    all_kept(engine, NOW)
    with engine.begin() as conn:
        every = sa.update(contacts)
        conn.execute(every.values(customer_id="merged", outcome="failed"))
    the_same(engine)


def test_an_event_that_appears_late_isn_t_missed(engine: Engine) -> None:
    """Another transaction had taken a smaller id, and is committed after the job has run."""
    with engine.begin() as conn:
        one = day.Writer(conn, day.MORNING, "sip", "")
        one.fact("asked_again", slot="a")
        conn.execute(sa.insert(events).values(id=100, at=NOW, contact_id=one.id, kind="to_person", data={}))
    keep_up(engine, NOW)
    keep_up(engine, NOW + SETTLED / 2)
    with engine.begin() as conn:
        conn.execute(sa.insert(events).values(id=50, at=NOW, contact_id=one.id, kind="asked_again", data={}))
    assert the_same(engine) == 0
    keep_up(engine, NOW + SETTLED)
    assert the_same(engine) == 1


def test_of_two_jobs_one_does_each_step(engine: Engine) -> None:
    with engine.begin() as conn:
        day.write(conn, 30)
    keep_up(engine, NOW)
    through, limit = kept._limit(engine, NOW + SETTLED)
    assert keep_up(engine, NOW + SETTLED) == 30 or the_same(engine) == 30
    assert not kept._keep(engine, through, limit, [])  # the slower one finds that it is done
    assert the_same(engine) == 30


@pytest.mark.parametrize("job_has_run", [False, True])
def test_the_history_of_kept_lives_equals_an_independent_count(engine: Engine, job_has_run: bool) -> None:
    with engine.begin() as conn:
        day.write(conn)
    if job_has_run:
        all_kept(engine, NOW)
    with reading(engine) as conn:
        found = history.read(conn, PERIOD, "queue", Config(), NOW)
        for queue in day.QUEUES:
            shown, expected = found.rows[queue].shown(), recount(conn, queue, 20.0)
            assert {name: pytest.approx(value) for name, value in expected.items()} == {
                name: shown[name] for name in expected
            }
        all_of_them = list(lives.lives(conn, LONG_AGO, SOME_DAY))
        whole = figures.count(all_of_them, figures.together, lambda queue: 20.0, SOME_DAY)["all"]
    told_, counted = found.total.shown(), whole.shown()
    assert told_.pop("given_up_after") == counted.pop("given_up_after")
    assert told_ == pytest.approx(counted)


def test_who_comes_again_after_the_period_is_known(engine: Engine) -> None:
    with engine.begin() as conn:
        for hours, customer in ((0, "ana"), (30, "ana"), (0, "ben"), (24 * 9, "cleo")):
            day.Writer(conn, day.MORNING + timedelta(hours=hours), "sip", customer).end("completed")
    with reading(engine) as conn:
        total = history.read(conn, PERIOD, "queue", Config(), NOW + timedelta(days=30)).total
    assert (total.contacts, total.known, total.resolved) == (2, 0, 0)  # nobody came at the end of their seven days
    with engine.begin() as conn:
        day.Writer(conn, day.MORNING + timedelta(days=7), "sip", "").end("completed")
    with reading(engine) as conn:
        total = history.read(conn, PERIOD, "queue", Config(), NOW + timedelta(days=30)).total
    assert (total.contacts, total.known, total.resolved) == (2, 2, 1)


def _through(conn: Any) -> int:
    return int(conn.execute(sa.text("SELECT through FROM lives_position")).scalar_one())
