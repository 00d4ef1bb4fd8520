"""Evaluations as pages show them: what of them somebody may see, and what their forms send."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.engine import Connection
from werkzeug.exceptions import NotFound

from callcenter import evaluations, quality
from callcenter import quality_sampling as sampling
from callcenter.desk import threads, users
from callcenter.desk.users import User
from callcenter.desk.visit import Refused, Visit
from callcenter.evaluations import LONGEST, LONGEST_COMMENT, MOST_COMMENTS, Comment, Evaluation, Impossible
from callcenter.quality import Answer, Form, QualityFile
from callcenter.quality_sampling import Talk

MOMENT = re.compile(r"(?:(\d{1,2}):)?(\d{1,3}):(\d{2})|(\d{1,5})")
SPARE = 3
"""Empty lines for comments, beside those that are there."""


def file(visit: Visit) -> QualityFile | None:
    """The published forms. Not to be called in a transaction."""
    return quality.from_data(visit.desk.flows.data(quality.FILE))


def chosen(visit: Visit) -> tuple[str, Form]:
    """The form that was chosen, by its name. Raises Refused. Not to be called in a transaction."""
    known, name = file(visit), visit.form("form", 40)
    if known is None or name not in known.forms:
        raise Refused(visit.t("There is no such form: flows/quality.yaml has them."))
    return name, known.forms[name]


def talk(visit: Visit, conn: Connection, contact_id: str) -> Talk:
    """What the agent who was chosen had of a contact. Raises NotFound."""
    for one in sampling.of_contact(conn, contact_id):
        if one.agent == visit.form("agent", 64):
            return one
    raise NotFound


def found(visit: Visit, evaluation_id: str) -> Evaluation:
    """One that this visitor may see. Raises NotFound for all others, so that nobody learns that they are there: an
    agent has their own, once submitted; drafts are for those who evaluate, never the one they are of; a calibration's
    is its evaluator's until it is closed, when `quality_calibration` shows it."""
    try:
        one = evaluations.get(visit.conn, evaluation_id)
    except LookupError:
        raise NotFound from None
    mine = one.evaluator_id == visit.user.id
    own = one.of(visit.user.id, visit.user.agent_id)
    if one.calibration_id is not None:
        allowed = mine and visit.may("quality.evaluate")
    elif one.status == "draft":
        allowed = visit.may("quality.evaluate") and not own
    else:
        allowed = own or visit.may("quality.read")
    if not allowed:
        raise NotFound
    return one


def for_change(visit: Visit, evaluation_id: str) -> Evaluation:
    """As `found`, as it was when the visitor's page was made: what is kept then is kept only where nobody was
    quicker."""
    seq = visit.form("seq", 9)
    return replace(found(visit, evaluation_id), seq=int(seq) if seq.isdecimal() and seq.isascii() else -1)


def refused(visit: Visit, error: Impossible) -> Refused:
    """For whoever asked."""
    words = {
        "nobody evaluates themselves": visit.t("Nobody evaluates themselves."),
        "somebody else evaluates this conversation": visit.t("Somebody else evaluates this conversation already."),
        "somebody has changed it meanwhile": visit.t("Somebody has changed it meanwhile: load the page again."),
        "it was replied to already": visit.t("You have replied to it already."),
    }
    return Refused(words.get(str(error), visit.t("That isn't possible any more: load the page again.")))


def text(visit: Visit, name: str, *, needed: str = "", longest: int = LONGEST) -> str:
    """Words from a form. Raises Refused, with `needed`, where there are none but must be."""
    words = visit.form(name, longest).strip()
    if needed and not words:
        raise Refused(needed)
    return words


def answers(visit: Visit, form: Form, *, complete: bool) -> dict[str, Answer]:
    """What was answered. Raises `quality.WrongAnswers`."""
    given = {name: visit.form(f"q_{name}", quality.LONGEST_TEXT) for name, _ in form.questions()}
    return quality.read(form, given, complete=complete)


def comments(visit: Visit) -> list[Comment]:
    """Those with words, in the order of time. Raises Refused for a moment that can't be read."""
    listed: list[Comment] = []
    for number in range(MOST_COMMENTS):
        words = visit.form(f"comment_{number}", LONGEST_COMMENT).strip()
        if not words:
            continue
        at = second(visit.form(f"comment_at_{number}", 20))
        if at is None:
            raise Refused(visit.t("A comment's moment is written as minutes and seconds: 1:05."))
        listed.append(Comment(visit.form(f"comment_sound_{number}", 64), at, words))
    return sorted(listed, key=lambda one: (one.recording, one.second))


def second(written: str) -> int | None:
    """1:05, 1:02:03 or 65 as seconds; None for anything else, 0 for nothing."""
    if not written.strip():
        return 0
    match = MOMENT.fullmatch(written.strip())
    if match is None or not written.isascii():
        return None
    hours, minutes, rest, alone = match.groups()
    return int(alone) if alone else int(hours or 0) * 3600 + int(minutes) * 60 + int(rest)


def conversation(visit: Visit, contact: Any) -> dict[str, Any]:
    """What a template needs for the recordings and the transcript of a contact."""
    sounds = threads.sounds(visit.conn, contact.id) if visit.may("recordings.listen") else []
    return {
        "contact": contact,
        "talk": threads.transcript(visit.conn, contact.id),
        "sounds": sounds,
        "names": users.names(visit.conn),
    }


def people(conn: Connection) -> dict[str, str]:
    """Users' ids to their names."""
    return {user.id: user.name for user in users.listed(conn)}


def evaluators(conn: Connection) -> Mapping[str, User]:
    """Supervisors who are active, by id: conversations that were drawn fall to them."""
    return {user.id: user for user in users.listed(conn) if user.active and user.role == "supervisor"}
