"""A customer's score is kept once for each question."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from callcenter import contacts, events
from callcenter.db import migrate, open_database, reading
from ivr.actions import ActionContext, perform
from ivr.flow.model import Company
from ivr.settings import Settings

NOW = dt.datetime(2026, 11, 23, 15, 0, tzinfo=dt.UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(made)
    return made


def rate(engine: Engine, contact: str, score: int, kind: str = "csat") -> str:
    context = ActionContext(
        engine, NOW, contact, "session", "session:1", Company(name="Riverbend"), {}, time.monotonic() + 5,
        Settings.defaults(),
    )  # fmt: skip
    return perform("survey", context, {"kind": kind, "score": score}).exit


def test_the_first_answer_to_a_question_counts(engine: Engine) -> None:
    with engine.begin() as conn:
        contact = contacts.start(conn, channel="sip", caller="+12125550100", called="1", at=NOW)
    assert [rate(engine, contact, 5), rate(engine, contact, 1), rate(engine, contact, 10, "nps")] == ["done"] * 3
    assert rate(engine, contact, 6, "ces") == "done"
    with reading(engine) as conn:
        kept = [event.data for event in events.of_contact(conn, contact) if event.kind == "survey"]
    assert [(one["kind"], one["score"]) for one in kept] == [("csat", 5), ("nps", 10), ("ces", 6)]


@pytest.mark.parametrize(("kind", "score"), [("csat", 0), ("csat", 6), ("nps", 11), ("ces", 0)])
def test_a_score_that_the_scale_does_not_have(engine: Engine, kind: str, score: int) -> None:
    assert rate(engine, "nobody", score, kind) == "out_of_range"
