"""Calibration: several supervisors evaluate the same conversation, none seeing the others', and then compare.

Agreement is shown in two ways. Of a question, the share of pairs of evaluators who gave the same answer. Of a pair of
evaluators, the share of questions that they answered alike, p_o, and Cohen's kappa, which takes off what chance alone
would give (J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20,
1960, 37-46):

    kappa = (p_o - p_e) / (1 - p_e),    p_e = sum over answers k of  share of k of the one * share of k of the other

Answers are names without an order here: 4 and 5 of a scale differ as 1 and 5 do. Kappa is 1 for full agreement, 0 for
what chance would give, and isn't defined where both gave one and the same answer throughout (p_e = 1). From the few
questions of one form it is rough.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from callcenter import evaluations as evaluating
from callcenter import events
from callcenter.evaluations import Impossible
from callcenter.quality import Answer, Form
from callcenter.quality_tables import calibrations, evaluations

FEWEST = 2
"""Evaluations that have to be complete before they are compared."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`submitted` are the users who completed theirs; results are shown once it is closed, and nothing is added."""

    id: str
    contact_id: str
    agent: str
    queue: str
    form_hash: str
    created_by: str
    created_at: datetime
    closed_at: datetime | None
    submitted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pair:
    """Two evaluators (user ids): the share of questions answered alike, and kappa where it is defined."""

    one: str
    other: str
    agreed: float
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Result:
    """`scores` and `answers` by evaluator, `agreed` by question: the share of pairs who gave the same answer."""

    scores: Mapping[str, float | None]
    answers: Mapping[str, Mapping[str, Answer]]
    agreed: Mapping[str, float]
    pairs: list[Pair]


def start(
    conn: Connection, *, contact_id: str, agent: str, queue: str, form_name: str, form: Form, by: str, at: datetime
) -> str:
    """Returns its id. Raises `Impossible` for one's own conversation."""
    if evaluating.user_of(conn, agent) == by:
        raise Impossible("nobody evaluates themselves")
    calibration_id = uuid.uuid4().hex
    conn.execute(
        sa.insert(calibrations).values(
            id=calibration_id, contact_id=contact_id, agent=agent, queue=queue, created_by=by, created_at=at,
            form_hash=evaluating.keep_form(conn, form_name, form, at),
        )
    )  # fmt: skip
    events.record(conn, None, None, "calibration.begun", {"calibration": calibration_id, "contact": contact_id}, at)
    return calibration_id


def join(conn: Connection, found: Calibration, evaluator_id: str, at: datetime) -> str:
    """The evaluator's own draft, begun where there is none yet; its id. Raises `Impossible` once it is closed."""
    if found.closed_at is not None:
        raise Impossible("it is closed")
    name, form = evaluating.form_of(conn, found.form_hash)
    return evaluating.start(
        conn, contact_id=found.contact_id, agent=found.agent, queue=found.queue, form_name=name, form=form,
        evaluator_id=evaluator_id, at=at, calibration_id=found.id,
    )  # fmt: skip


def close(conn: Connection, found: Calibration, at: datetime) -> None:
    """Show what everybody answered; drafts that aren't complete go. Raises `Impossible` with fewer than `FEWEST`, or
    when it is closed."""
    current = get(conn, found.id)
    if len(current.submitted) < FEWEST:
        raise Impossible("too few have completed it")
    still_open = (calibrations.c.id == found.id, calibrations.c.closed_at.is_(None))
    if conn.execute(sa.update(calibrations).where(*still_open).values(closed_at=at)).rowcount != 1:
        raise Impossible("it is closed")
    conn.execute(
        sa.delete(evaluations).where(evaluations.c.calibration_id == found.id, evaluations.c.status == "draft")
    )
    events.record(conn, None, None, "calibration.closed", {"calibration": found.id, "contact": found.contact_id}, at)


def get(conn: Connection, calibration_id: str) -> Calibration:
    """Raises LookupError."""
    found = _read(conn, calibrations.c.id == calibration_id, limit=1)
    if not found:
        raise LookupError(calibration_id)
    return found[0]


def listed(conn: Connection, limit: int = 100) -> list[Calibration]:
    """The newest first."""
    return _read(conn, limit=limit)


def result(conn: Connection, found: Calibration) -> Result:
    """What everybody answered. Raises `Impossible` until it is closed."""
    if found.closed_at is None:
        raise Impossible("it isn't closed")
    _, form = evaluating.form_of(conn, found.form_hash)
    rows = conn.execute(_complete(found.id)).all()
    answers = {row.evaluator_id: dict(row.answers) for row in rows}
    asked = [name for name, question in form.questions() if question.kind != "text"]
    agreed, pairs = agreement(answers, asked)
    return Result({row.evaluator_id: row.score for row in rows}, answers, agreed, pairs)


def agreement(answers: Mapping[str, Mapping[str, Answer]], asked: Sequence[str]) -> tuple[dict[str, float], list[Pair]]:
    """Of each question and of each pair of evaluators; `answers` are theirs, by question."""
    duos = list(combinations(sorted(answers), 2))
    by_question = {
        name: sum(answers[one].get(name) == answers[other].get(name) for one, other in duos) / len(duos)
        for name in asked if duos
    }  # fmt: skip
    pairs = []
    for one, other in duos:
        mine, theirs = ([answers[who].get(name) for name in asked] for who in (one, other))
        alike = sum(a == b for a, b in zip(mine, theirs, strict=True)) / len(asked)
        pairs.append(Pair(one, other, alike, kappa(mine, theirs)))
    return by_question, pairs


def kappa(mine: Sequence[Hashable], theirs: Sequence[Hashable]) -> float | None:
    """Cohen's kappa of two who judged the same things, in the same order; None where it isn't defined. Raises
    ValueError where they judged different numbers of them."""
    if len(mine) != len(theirs):
        raise ValueError("two lists of the same length are compared")
    count = len(mine)
    if not count:
        return None
    observed = sum(a == b for a, b in zip(mine, theirs, strict=True))
    ones, others = Counter(mine), Counter(theirs)
    chance = sum(ones[answer] * others[answer] for answer in ones)  # in squares of `count`: whole numbers are exact
    if chance == count * count:
        return None
    return (observed * count - chance) / (count * count - chance)


def _complete(calibration_id: str) -> sa.Select[Any]:
    query = sa.select(evaluations).where(
        evaluations.c.calibration_id == calibration_id, evaluations.c.status != "draft"
    )
    return query.order_by(evaluations.c.evaluator_id)


def _read(conn: Connection, *conditions: sa.ColumnElement[bool], limit: int) -> list[Calibration]:
    query = sa.select(calibrations).where(*conditions).order_by(calibrations.c.created_at.desc(), calibrations.c.id)

    def made(row: Row[Any]) -> Calibration:
        done = tuple(one.evaluator_id for one in conn.execute(_complete(row.id)))
        return Calibration(**row._mapping, submitted=done)

    return [made(row) for row in conn.execute(query.limit(limit)).all()]
