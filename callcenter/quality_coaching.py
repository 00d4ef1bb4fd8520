"""Coaching: what an agent and a supervisor agreed to work on, until when, with the evaluations that it is about."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import events
from callcenter.quality_tables import coaching, coaching_evaluations, evaluations

LONGEST_GOAL = 300
LONGEST_NOTE = 4000


@dataclass(frozen=True, slots=True)
class Coaching:
    """`user_id` is who is coached, `due_on` a day of the company's; `evaluations` are ids. It is open until somebody
    of the two, or another supervisor, ticks it off."""

    id: str
    user_id: str
    author_id: str
    goal: str
    note: str
    due_on: date
    created_at: datetime
    done_at: datetime | None
    done_by: str | None
    evaluations: tuple[str, ...] = ()


def add(
    conn: Connection, *, user_id: str, author_id: str, goal: str, note: str, due_on: date, at: datetime,
    evaluation_ids: Sequence[str] = (),
) -> str:  # fmt: skip
    """Returns its id. Raises ValueError for a goal that is empty or too long, and LookupError for an evaluation that
    isn't one of this agent's, or is a draft or a calibration's."""
    if not goal.strip() or len(goal) > LONGEST_GOAL or len(note) > LONGEST_NOTE:
        raise ValueError(f"a goal has 1 to {LONGEST_GOAL} characters")
    chosen = list(dict.fromkeys(evaluation_ids))
    fitting = sa.select(sa.func.count()).where(
        evaluations.c.id.in_(chosen), evaluations.c.user_id == user_id, evaluations.c.status != "draft",
        evaluations.c.calibration_id.is_(None),
    )  # fmt: skip
    if conn.execute(fitting).scalar_one() != len(chosen):
        raise LookupError("an evaluation of somebody else")
    coaching_id = uuid.uuid4().hex
    conn.execute(
        sa.insert(coaching).values(
            id=coaching_id, user_id=user_id, author_id=author_id, goal=goal.strip(), note=note.strip(), due_on=due_on,
            created_at=at,
        )
    )  # fmt: skip
    for evaluation_id in chosen:
        conn.execute(sa.insert(coaching_evaluations).values(coaching_id=coaching_id, evaluation_id=evaluation_id))
    _tell(conn, "added", coaching_id, user_id, author_id, at)
    return coaching_id


def get(conn: Connection, coaching_id: str) -> Coaching:
    """Raises LookupError."""
    found = _read(conn, coaching.c.id == coaching_id, limit=1)
    if not found:
        raise LookupError(coaching_id)
    return found[0]


def listed(conn: Connection, *, user_id: str | None = None, limit: int = 200) -> list[Coaching]:
    """Of one user or all: those that are open by their days, then those that are done, the newest first."""
    conditions = [] if user_id is None else [coaching.c.user_id == user_id]
    return _read(conn, *conditions, limit=limit)


def finish(conn: Connection, coaching_id: str, *, by: str, at: datetime) -> bool:
    """Tick it off; False where it was already, or isn't there. `by` is a user's id."""
    still_open = (coaching.c.id == coaching_id, coaching.c.done_at.is_(None))
    if conn.execute(sa.update(coaching).where(*still_open).values(done_at=at, done_by=by)).rowcount != 1:
        return False
    _tell(conn, "done", coaching_id, get(conn, coaching_id).user_id, by, at)
    return True


def _read(conn: Connection, *conditions: sa.ColumnElement[bool], limit: int) -> list[Coaching]:
    order = (coaching.c.done_at.is_not(None), coaching.c.done_at.desc(), coaching.c.due_on, coaching.c.id)
    rows = conn.execute(sa.select(coaching).where(*conditions).order_by(*order).limit(limit)).all()
    links: dict[str, list[str]] = {}
    query = sa.select(coaching_evaluations).where(coaching_evaluations.c.coaching_id.in_([row.id for row in rows]))
    for row in conn.execute(query.order_by(coaching_evaluations.c.evaluation_id)):
        links.setdefault(row.coaching_id, []).append(row.evaluation_id)
    return [Coaching(**row._mapping, evaluations=tuple(links.get(row.id, ()))) for row in rows]


def _tell(conn: Connection, what: str, coaching_id: str, user_id: str, by: str, at: datetime) -> None:
    """Without the words: the event log keeps facts, not what people wrote of each other."""
    events.record(conn, None, None, f"coaching.{what}", {"coaching": coaching_id, "user": user_id, "by": by}, at)
