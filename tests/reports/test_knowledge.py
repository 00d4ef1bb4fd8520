"""Which articles helped and what nobody could answer, from the events; on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy.engine import Engine

from callcenter import events
from callcenter.db import reading
from callcenter.knowledge import NONE
from callcenter.reports import knowledge
from ivr.actions import specs
from ivr.flow.load import read_folders
from ivr.flow.model import FlowSet
from ivr.knowledge import PublishedKnowledge
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


@cache
def demo() -> FlowSet:
    return read_folders(ROOT / "flows", ROOT / "prompts", specs())[0]


def fill(engine: Engine, *facts: tuple[str, str, str], minutes: int = 5) -> None:
    """Each fact's kind, article or question, and language."""
    with engine.begin() as conn:
        for kind, about, language in facts:
            what = "question" if kind == "answer_unknown" else "article"
            events.record(conn, None, None, kind, {what: about, "language": language}, NOW - timedelta(minutes=minutes))


def test_uses_and_gaps_of_a_period(engine: Engine) -> None:
    fill(engine, ("answer_shown", "deposit", "en"), ("answer_shown", "deposit", "en"),
         ("answer_helped", "deposit", "en"),
         ("answer_inserted", "meter", "en"), ("answer_shown", "meter", "es"), ("answer_not_helped", "meter", "es"),
         ("answer_unknown", "where can I park", "en"), ("step", "deposit", "en"))  # fmt: skip
    fill(engine, ("answer_unknown", "do you sell tulips", "en"), ("answer_shown", "deposit", "en"), minutes=60)
    with reading(engine) as conn:
        found = knowledge.read(conn, NOW - timedelta(minutes=30), NOW, NONE)
    uses = {(one.article, one.language): (one.shown, one.helped, one.not_helped, one.inserted) for one in found.uses}
    assert uses == {("deposit", "en"): (2, 1, 0, 0), ("meter", "en"): (0, 0, 0, 1), ("meter", "es"): (1, 0, 1, 0)}
    assert [one.share for one in found.uses] == [1.0, None, 0.0]
    assert [one.questions for one in found.gaps] == [("where can I park",)]
    assert found.unknown == 1


def test_questions_that_are_much_alike_stand_together(sqlite_engine: Engine) -> None:
    asked = ["do you sell tulips", "where can I park my car", "can I buy tulips here", "Do you sell tulips?",
             "is there a place to park"]  # fmt: skip
    for place, words in enumerate(asked):
        fill(sqlite_engine, ("answer_unknown", words, "en"), minutes=len(asked) - place)
    fill(sqlite_engine, ("answer_unknown", "venden tulipanes", "es"), minutes=9)
    with reading(sqlite_engine) as conn:
        found = knowledge.read(conn, NOW - timedelta(hours=1), NOW, PublishedKnowledge(demo, lambda: NOW))
    first, *others = found.gaps
    assert {*first.questions} >= {"do you sell tulips", "Do you sell tulips?"}
    assert first.count >= 2
    assert not any("park" in question for question in first.questions)
    assert sum(gap.count for gap in found.gaps) == found.unknown == 6
    assert any(gap.language == "es" and gap.questions == ("venden tulipanes",) for gap in others)


def test_the_index_of_answers_is_used(sqlite_engine: Engine) -> None:
    from callcenter.tables import ANSWERS
    from callcenter.tables import events as table

    with reading(sqlite_engine) as conn:
        import sqlalchemy as sa

        query = sa.select(table.c.data).where(ANSWERS, table.c.at >= NOW)
        plan = conn.exec_driver_sql(
            "EXPLAIN QUERY PLAN " + str(query.compile(conn, compile_kwargs={"literal_binds": True}))
        ).all()
    assert any("ix_events_answers" in str(row) for row in plan), plan
