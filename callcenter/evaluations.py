"""Evaluations of conversations: one that counts for each conversation of an agent, by a form of `flows/quality.yaml`.

    draft  ──submit──>  submitted  ──the agent disagrees──>  disputed  ──a supervisor settles──>  settled

An agent replies once to what was submitted: a remark leaves it as it is, disagreeing has a supervisor look again, who
may correct the answers. Each of these is an event, `evaluation.*`, with all that a figure is counted from. They name
the contact in their data and belong to none, so that no score is on a customer's timeline.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from callcenter import events
from callcenter.customers import before_bound
from callcenter.quality import Answer, Form, score
from callcenter.quality_tables import COUNTED, evaluations, quality_forms
from callcenter.tables import contacts, users

Status = Literal["draft", "submitted", "disputed", "settled"]
LONGEST = 4000
"""Characters of a summary, a reply, a settlement."""
LONGEST_COMMENT = 1000
MOST_COMMENTS = 50


class Impossible(Exception):
    """It can't be done as things stand now: somebody was quicker, or it isn't theirs to do. Nothing has changed."""


@dataclass(frozen=True, slots=True)
class Comment:
    """Something said of a moment: `second` of a recording, whose id may be "" where there is none."""

    recording: str
    second: int
    text: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`agent` is the id in flows/agents.yaml (a login, for those who have none), `user_id` who that was. Scores are
    shares from 0 to 1. `calibration_id` marks one that doesn't count. `seq` goes up with each change."""

    id: str
    contact_id: str
    contact_at: datetime
    channel: str
    queue: str
    agent: str
    user_id: str | None
    evaluator_id: str
    form_hash: str
    calibration_id: str | None
    status: Status
    answers: dict[str, Answer]
    comments: list[Comment]
    summary: str
    score: float | None
    sections: dict[str, float | None]
    reply: str
    settlement: str
    settled_by: str | None
    created_at: datetime
    submitted_at: datetime | None
    seen_at: datetime | None
    replied_at: datetime | None
    settled_at: datetime | None
    seq: int

    def of(self, user_id: str, agent_id: str | None) -> bool:
        """Whether a user is the one who was evaluated: that person, also when somebody else has the agent's id now."""
        return self.user_id == user_id if self.user_id else agent_id is not None and agent_id == self.agent


_PLAIN = tuple(one.name for one in fields(Evaluation) if one.name != "comments")


def start(
    conn: Connection, *, contact_id: str, agent: str, queue: str, form_name: str, form: Form, evaluator_id: str,
    at: datetime, calibration_id: str | None = None,
) -> str:  # fmt: skip
    """A draft; returns its id. One that the evaluator has already is given again. Raises `Impossible` where somebody
    else evaluates this conversation, or it is the evaluator's own, and LookupError for an unknown contact."""
    contact = conn.execute(sa.select(contacts).where(contacts.c.id == contact_id)).one_or_none()
    if contact is None:
        raise LookupError(contact_id)
    person = user_of(conn, agent)
    if person == evaluator_id:
        raise Impossible("nobody evaluates themselves")
    known = _of_conversation(conn, contact_id, agent, calibration_id, evaluator_id)
    if known is not None:
        if known.evaluator_id != evaluator_id:
            raise Impossible("somebody else evaluates this conversation")
        return str(known.id)
    evaluation_id = uuid.uuid4().hex
    statement = sa.insert(evaluations).values(
        id=evaluation_id, contact_id=contact_id, contact_at=contact.started_at, channel=contact.channel, queue=queue,
        agent=agent, user_id=person, evaluator_id=evaluator_id, form_hash=keep_form(conn, form_name, form, at),
        calibration_id=calibration_id, status="draft", answers={}, comments=[], sections={}, created_at=at,
    )  # fmt: skip
    try:
        with conn.begin_nested():
            conn.execute(statement)
    except IntegrityError:
        raise Impossible("somebody else evaluates this conversation") from None
    return evaluation_id


def keep_form(conn: Connection, name: str, form: Form, at: datetime) -> str:
    """Store a form's content once; returns its hash."""
    row = {"hash": form.hash, "name": name, "data": form.model_dump(mode="json", exclude_unset=True), "created_at": at}
    if conn.execute(sa.select(quality_forms.c.hash).where(quality_forms.c.hash == form.hash)).first() is None:
        try:
            with conn.begin_nested():
                conn.execute(sa.insert(quality_forms).values(row))
        except IntegrityError:
            pass  # somebody else stored the same at the same time
    return form.hash


def form_of(conn: Connection, form_hash: str) -> tuple[str, Form]:
    """A kept form with its name. Raises LookupError."""
    row = conn.execute(sa.select(quality_forms).where(quality_forms.c.hash == form_hash)).one_or_none()
    if row is None:
        raise LookupError(form_hash)
    return row.name, Form.model_validate(row.data)


def user_of(conn: Connection, agent: str) -> str | None:
    """The id of the user who is this agent now: by the agent's id, else by login where they have none."""
    query = sa.select(users.c.id).where(
        sa.or_(users.c.agent_id == agent, sa.and_(users.c.agent_id.is_(None), users.c.login == agent))
    )
    found: str | None = conn.execute(query.order_by(users.c.agent_id.is_(None)).limit(1)).scalar()
    return found


def get(conn: Connection, evaluation_id: str) -> Evaluation:
    """Raises LookupError."""
    row = conn.execute(sa.select(evaluations).where(evaluations.c.id == evaluation_id)).one_or_none()
    if row is None:
        raise LookupError(evaluation_id)
    return _evaluation(row)


def listed(conn: Connection, *conditions: sa.ColumnElement[bool], limit: int = 200) -> list[Evaluation]:
    """Those that count (calibrations don't) for which conditions on `evaluations` hold, what changed last first."""
    changed = sa.func.coalesce(evaluations.c.settled_at, evaluations.c.replied_at, evaluations.c.submitted_at,
                               evaluations.c.created_at)  # fmt: skip
    query = sa.select(evaluations).where(COUNTED, *conditions).order_by(changed.desc(), evaluations.c.id)
    return [_evaluation(row) for row in conn.execute(query.limit(limit))]


def page(
    conn: Connection, *, limit: int, before: tuple[datetime, str] | None = None, agent: str | None = None
) -> list[Evaluation]:
    """Those that count and are submitted, of one agent where given, the last submitted first; `before` is the last
    one's (submitted_at, id)."""
    order = (evaluations.c.submitted_at, evaluations.c.id)
    query = sa.select(evaluations).where(COUNTED, evaluations.c.status != "draft")
    if agent is not None:
        query = query.where(evaluations.c.agent == agent)
    if before is not None:
        query = query.where(sa.tuple_(*order) < before_bound(evaluations.c.submitted_at, before))
    return [_evaluation(row) for row in conn.execute(query.order_by(*(one.desc() for one in order)).limit(limit))]


def seen_by_agent(user_id: str, agent_id: str | None) -> list[sa.ColumnElement[bool]]:
    """Conditions for `listed`: what an agent may see of themselves, which is never a draft."""
    mine = evaluations.c.user_id == user_id
    if agent_id is not None:
        mine = sa.or_(mine, sa.and_(evaluations.c.user_id.is_(None), evaluations.c.agent == agent_id))
    return [mine, evaluations.c.status != "draft"]


def save(
    conn: Connection, found: Evaluation, *, answers: Mapping[str, Answer], comments: Sequence[Comment], summary: str,
) -> None:  # fmt: skip
    """Keep a draft. Raises `Impossible` where it isn't the one that was read any more."""
    _draft(found)
    _change(conn, found, answers=dict(answers), comments=[asdict(one) for one in comments], summary=summary)


def submit(
    conn: Connection, found: Evaluation, *, answers: Mapping[str, Answer], comments: Sequence[Comment], summary: str,
    at: datetime,
) -> float | None:  # fmt: skip
    """Complete a draft and count its score, which is returned; the agent may see it from now on. Raises `Impossible`
    as `save`."""
    _draft(found)
    return _scored(conn, found, answers, at, "submitted", status="submitted", submitted_at=at, summary=summary,
                   comments=[asdict(one) for one in comments])  # fmt: skip


def discard(conn: Connection, found: Evaluation) -> None:
    """Delete a draft. Raises `Impossible` where it is none any more."""
    _draft(found)
    same = (evaluations.c.id == found.id, evaluations.c.status == "draft")
    if conn.execute(sa.delete(evaluations).where(*same)).rowcount != 1:
        raise Impossible("it isn't a draft any more")


def seen(conn: Connection, found: Evaluation, at: datetime) -> bool:
    """Note that the agent has seen it; False where they had before."""
    new = (evaluations.c.id == found.id, evaluations.c.seen_at.is_(None), evaluations.c.status != "draft")
    if conn.execute(sa.update(evaluations).where(*new).values(seen_at=at)).rowcount != 1:
        return False
    _tell(conn, found, "seen", {}, at)
    return True


def reply(conn: Connection, found: Evaluation, text: str, *, disagrees: bool, at: datetime) -> None:
    """The agent's one reply. Raises `Impossible` where there is one already."""
    if found.status != "submitted" or found.replied_at is not None or found.calibration_id is not None:
        raise Impossible("it was replied to already")
    _change(conn, found, reply=text, replied_at=at, status="disputed" if disagrees else "submitted")
    _tell(conn, found, "disputed" if disagrees else "replied", {}, at)


def settle(
    conn: Connection, found: Evaluation, text: str, *, answers: Mapping[str, Answer], by: str, at: datetime
) -> float | None:
    """A supervisor's (user id `by`) last word to an agent who disagreed, with the answers as they count from now on;
    returns the score. Raises `Impossible` where nobody disagrees, or the supervisor is that agent."""
    if found.status != "disputed":
        raise Impossible("nobody disagrees with it")
    if found.user_id == by:
        raise Impossible("nobody evaluates themselves")
    return _scored(conn, found, answers, at, "settled", status="settled", settlement=text, settled_by=by,
                   settled_at=at)  # fmt: skip


def of_contacts(conn: Connection, contact_ids: Sequence[str]) -> dict[tuple[str, str], Evaluation]:
    """Those that count, by (contact, agent)."""
    found: dict[tuple[str, str], Evaluation] = {}
    for first in range(0, len(contact_ids), 500):
        query = sa.select(evaluations).where(COUNTED, evaluations.c.contact_id.in_(contact_ids[first : first + 500]))
        found |= {(row.contact_id, row.agent): _evaluation(row) for row in conn.execute(query)}
    return found


def _of_conversation(
    conn: Connection, contact_id: str, agent: str, calibration_id: str | None, evaluator_id: str
) -> Row[Any] | None:
    query = sa.select(evaluations).where(evaluations.c.contact_id == contact_id, evaluations.c.agent == agent)
    if calibration_id is None:
        query = query.where(COUNTED)
    else:
        query = query.where(evaluations.c.calibration_id == calibration_id, evaluations.c.evaluator_id == evaluator_id)
    return conn.execute(query).one_or_none()


def _draft(found: Evaluation) -> None:
    if found.status != "draft":
        raise Impossible("it isn't a draft any more")


def _scored(
    conn: Connection, found: Evaluation, answers: Mapping[str, Answer], at: datetime, what: str, **values: Any
) -> float | None:
    name, form = form_of(conn, found.form_hash)
    counted = score(form, answers)
    _change(conn, found, answers=dict(answers), score=counted.total, sections=dict(counted.sections), **values)
    told = {"form": name, "form_hash": found.form_hash, "queue": found.queue, "channel": found.channel,
            "score": counted.total, "sections": dict(counted.sections), "failed": counted.failed,
            "answers": {key: value for key, value in answers.items() if key in _closed(form)}}  # fmt: skip
    _tell(conn, found, what, told, at)
    return counted.total


def _closed(form: Form) -> set[str]:
    """Questions whose answers are no words of people: only those are in the event log."""
    return {name for name, question in form.questions() if question.kind != "text"}


def _change(conn: Connection, found: Evaluation, **values: Any) -> None:
    same = (evaluations.c.id == found.id, evaluations.c.seq == found.seq)
    if conn.execute(sa.update(evaluations).where(*same).values(**values, seq=found.seq + 1)).rowcount != 1:
        raise Impossible("somebody has changed it meanwhile")


def _tell(conn: Connection, found: Evaluation, what: str, data: Mapping[str, Any], at: datetime) -> None:
    shared = {"evaluation": found.id, "contact": found.contact_id, "agent": found.agent,
              "evaluator": found.evaluator_id, "calibration": found.calibration_id}  # fmt: skip
    events.record(conn, None, None, f"evaluation.{what}", shared | dict(data), at)


def _evaluation(row: Row[Any]) -> Evaluation:
    values = {name: getattr(row, name) for name in _PLAIN}
    return Evaluation(**values, comments=[Comment(**one) for one in row.comments])
