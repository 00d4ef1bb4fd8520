"""Figures equal those that an independent script counts from the raw events; they add up over groups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import Connection, Engine

from callcenter.reports import exits, figures
from callcenter.reports.lives import lives
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres
from tests.reports import day
from tests.reports.recount import recount

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]
LONG_AGO, SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        yield connection


def counted(conn: Connection, group: figures.Group) -> dict[str, figures.Figures]:
    return figures.count(lives(conn, LONG_AGO, SOME_DAY), group, lambda queue: 30.0, SOME_DAY)


@pytest.mark.parametrize("queue", day.QUEUES)
def test_they_equal_an_independent_count(conn: Connection, queue: str) -> None:
    day.write(conn)
    shown = counted(conn, figures.by_queue)[queue].shown()
    expected = recount(conn, queue, 30.0)
    assert {name: pytest.approx(value) for name, value in expected.items()} == {name: shown[name] for name in expected}
    assert sum(shown["given_up_after"]) == shown["abandoned"]


@pytest.mark.parametrize(
    "group",
    [figures.by_queue, figures.by_channel, figures.by_time(ZoneInfo("America/New_York"), "%H")],
    ids=["queue", "channel", "hour"],
)
def test_groups_add_up(conn: Connection, group: figures.Group) -> None:
    day.write(conn)
    parts, whole = counted(conn, group).values(), counted(conn, figures.together)["all"]
    for name in ("offered", "answered", "abandoned", "within", "handled", "transferred", "callbacks"):
        assert sum(getattr(part, name) for part in parts) == getattr(whole, name)


def test_who_comes_again_was_not_done(conn: Connection) -> None:
    for hours, customer in ((0, "ana"), (5, "ana"), (0, "ben"), (24 * 9, "cleo")):
        one = day.Writer(conn, day.MORNING + timedelta(hours=hours), "sip", customer)
        one.end("completed")
    found = figures.count(
        lives(conn, LONG_AGO, SOME_DAY), figures.together, lambda queue: 20.0, day.MORNING + timedelta(days=1)
    )["all"]
    assert (found.contacts, found.known, found.resolved) == (3, 3, 2)


def test_contacts_of_the_same_moment_are_not_each_other_s_return(conn: Connection) -> None:
    def resolved() -> tuple[int, int]:
        until = day.MORNING + timedelta(days=1)
        found = figures.count(lives(conn, LONG_AGO, SOME_DAY), figures.by_channel, lambda queue: 20.0, until)["sip"]
        return found.known, found.resolved

    for hours, customer in ((0, "ana"), (0, "ana"), (24 * 7, "cleo")):
        day.Writer(conn, day.MORNING + timedelta(hours=hours), "sip", customer).end("completed")
    assert resolved() == (2, 2)
    day.Writer(conn, day.MORNING + figures.RECONTACT, "sip", "ana").end("completed")  # within the time, just
    assert resolved() == (2, 0)


def test_groups_that_are_counted_at_once_are_what_each_is_by_itself(conn: Connection) -> None:
    day.write(conn)
    groups = (figures.by_queue, figures.by_agent, figures.by_channel, figures.by_time(UTC, "%H"))
    together = figures.count_by(lives(conn, LONG_AGO, SOME_DAY), groups, lambda queue: 30.0, SOME_DAY)
    for group, found in zip(groups, together, strict=True):
        alone = counted(conn, group)
        assert found.keys() == alone.keys()
        for name, one in found.items():
            shown, expected = one.shown(), alone[name].shown()
            assert shown.pop("given_up_after") == expected.pop("given_up_after")
            assert shown == pytest.approx(expected)


def test_what_the_store_lost_and_put_back_is_one_visit(conn: Connection) -> None:
    one = day.Writer(conn, day.MORNING, "sip", "")
    joined = one.at.timestamp()
    one.fact("queue.joined", queue="billing", joined_at=joined, leg="present", data={})
    one.passes(30)
    one.fact("queue.joined", queue="billing", joined_at=joined, leg="present", data={})
    one.passes(30)
    one.fact("offer.connected", queue="billing", agent="ana", offer="o", waited=60)
    found = counted(conn, figures.together)["all"]
    assert (found.offered, found.answered) == (1, 1)
    assert found.waited == pytest.approx(60)


def test_surveys(conn: Connection) -> None:
    one = day.Writer(conn, day.MORNING, "sip", "")
    for kind, score in (("csat", 5), ("csat", 2), ("nps", 10), ("nps", 9), ("nps", 3), ("ces", 6)):
        one.fact("survey", kind=kind, score=score)
    shown = counted(conn, figures.together)["all"].shown()
    assert (shown["csat"], shown["nps"], shown["ces"]) == (0.5, pytest.approx(100 / 3), 6.0)


def test_nothing_at_all_has_no_rates(conn: Connection) -> None:
    shown = figures.Figures().shown()
    assert shown["service_level"] is None
    assert shown["contacts"] == 0
    assert counted(conn, figures.together) == {}


def test_where_callers_leave(conn: Connection) -> None:
    for outcome, step in (("hung_up", "ask"), ("completed", "bye"), ("hung_up", "ask")):
        one = day.Writer(conn, day.MORNING, "sip", "")
        one.fact("step", flow="pay", step=step)
        one.fact("exit", flow="pay", step=step, exit="done")
        one.end(outcome)
    assert exits.leaving(lives(conn, LONG_AGO, SOME_DAY)) == {("pay", "ask"): 2}
    found = exits.traffic(conn, LONG_AGO, SOME_DAY, "pay")
    assert found.entered == {"ask": 2, "bye": 1}
    assert found.taken[("ask", "done")] == 2


def test_the_traffic_is_that_of_one_flow(conn: Connection) -> None:
    one = day.Writer(conn, day.MORNING, "sip", "")
    for flow in ("pay_bill", "paybill", "pay%", "pay"):
        one.fact("step", flow=flow, step="ask")
    one.fact("step", flow="hours", step='"flow":"pay"')  # a name that looks like another's
    for flow in ("pay_bill", "pay%", "pay"):
        assert exits.traffic(conn, LONG_AGO, SOME_DAY, flow).entered == {"ask": 1}
    assert exits.traffic(conn, LONG_AGO, SOME_DAY, "nothing").entered == {}
