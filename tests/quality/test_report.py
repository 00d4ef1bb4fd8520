"""Means by groups: counted again from the event log, and none shown of too few."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import evaluations
from callcenter.db import reading
from callcenter.quality import read as answered
from callcenter.reports.quality import ENOUGH, GROUPS, Scores, read
from callcenter.tables import events
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres
from tests.quality.support import ANSWERS, MONDAY, calls, talked

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]
END = MONDAY + timedelta(days=60)


def write(conn: Connection, count: int = 40) -> None:
    dice = random.Random(3)
    for _ in range(count):
        at, agent, queue = MONDAY + timedelta(days=dice.randrange(20)), dice.choice("abc"), dice.choice(("", "billing"))
        contact = talked(conn, agent, at, queue=queue or "general")
        id = evaluations.start(
            conn, contact_id=contact, agent=agent, queue=queue, form_name="calls", form=calls(), evaluator_id="u",
            at=at,
        )  # fmt: skip
        given = ANSWERS | {"solved": str(dice.randint(1, 5)), "identity": dice.choice(("yes", "yes", "no", "na"))}
        answers = answered(calls(), given, complete=True)
        if dice.random() < 0.1:
            continue  # a draft
        evaluations.submit(conn, evaluations.get(conn, id), answers=answers, comments=[], summary="", at=at)
        if dice.random() < 0.3:
            evaluations.reply(conn, evaluations.get(conn, id), "no", disagrees=True, at=at)
            if dice.random() < 0.5:
                better = answered(calls(), given | {"solved": "5"}, complete=True)
                evaluations.settle(conn, evaluations.get(conn, id), "so", answers=better, by="v", at=at)


@pytest.mark.parametrize(("group", "field"), [("agent", "agent"), ("queue", "queue"), ("form", "form")])
def test_the_same_as_an_independent_count_from_the_events(engine: Engine, group: str, field: str) -> None:
    with engine.begin() as conn:
        write(conn)
    counted: dict[str, dict[str, float]] = {}
    with reading(engine) as conn:
        query = sa.select(events).where(events.c.kind.in_(("evaluation.submitted", "evaluation.settled")))
        for row in conn.execute(query.order_by(events.c.id)):  # the last score of each counts
            counted.setdefault(row.data[field], {})[row.data["evaluation"]] = row.data["score"]
        found = read(conn, MONDAY, END, UTC, next(one for one in GROUPS if one == group))
    assert {name: one.count for name, one in found.rows.items()} == {name: len(of) for name, of in counted.items()}
    for name, of in counted.items():
        assert found.rows[name].mean == pytest.approx(sum(of.values()) / len(of))
    assert found.total.count == sum(len(of) for of in counted.values())


def test_sections_weeks_and_one_agent(engine: Engine) -> None:
    with engine.begin() as conn:
        write(conn)
    with reading(engine) as conn:
        sections = read(conn, MONDAY, END, UTC, "section")
        weeks = read(conn, MONDAY, END, UTC, "week")
        one = read(conn, MONDAY, END, UTC, "agent", "a")
        nothing = read(conn, END, END + timedelta(days=1), UTC, "agent")
    assert sections.rows.keys() == {"calls / opening", "calls / matter"}
    assert sections.rows["calls / opening"].mean == 1
    assert weeks.rows == weeks.weeks
    assert set(weeks.rows) == {"2026-W47", "2026-W48", "2026-W49"}
    assert one.rows.keys() == {"a"}
    assert one.total == one.rows["a"]
    assert (nothing.rows, nothing.total) == ({}, Scores())


def test_no_mean_of_too_few() -> None:
    scores = Scores()
    for number in range(ENOUGH):
        assert scores.mean is None
        scores.add(number / 2, disputed=number == 1)
    assert (scores.mean, scores.zero, scores.disputed) == (0.5, 1, 1)


def test_calibrations_do_not_count(engine: Engine) -> None:
    from callcenter import quality_calibration

    at = datetime(2026, 11, 17, 9, 0, tzinfo=UTC)
    with engine.begin() as conn:
        contact = talked(conn, "a", at)
        id = quality_calibration.start(
            conn, contact_id=contact, agent="a", queue="", form_name="calls", form=calls(), by="u", at=at
        )
        own = quality_calibration.join(conn, quality_calibration.get(conn, id), "u", at)
        answers = answered(calls(), ANSWERS, complete=True)
        evaluations.submit(conn, evaluations.get(conn, own), answers=answers, comments=[], summary="", at=at)
        assert read(conn, MONDAY, END, UTC, "agent").rows == {}
