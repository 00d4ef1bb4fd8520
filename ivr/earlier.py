"""What a customer was at when they were last cut off, for a session that begins: `callcenter.context` as the flow's
`Earlier`."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter import context, identifiers, recognition
from callcenter.chat_links import Link
from callcenter.db import reading
from callcenter.tables import contacts
from ivr.flow.inputs import Earlier
from ivr.flow.model import Company
from ivr.flow.session import Session

log = structlog.get_logger("callwright.earlier")

OPENED = "opened"
"""The exit of what sends a link by which the chat goes on (`ivr.actions.send_chat_link`)."""


def find_earlier(engine: Engine, company: Company, session: Session, now: datetime, *, known: bool) -> Earlier | None:
    """What to go on with, and what was answered lately; `None` if nothing is known of the caller. `known`: the contact
    is stored and its customer settled. A telephone that several people share is nobody's: what one of them said is
    not offered to another. Never raises: a caller is waiting."""
    assert company.resume is not None
    window = timedelta(seconds=company.resume.window)
    try:
        with reading(engine) as conn:
            customer_id = _customer(conn, session, company.country, known)
            if customer_id is None:
                return None
            found = context.resumable(conn, customer_id, now, window, besides=session.contact_id)
            given = context.given(conn, customer_id, now - window)
    except SQLAlchemyError as error:
        log.warning("what came before can't be looked up", error=type(error).__name__)
        return None
    if found is None:
        return Earlier(answered=tuple(given)) if given else None
    return Earlier(found.session_id, found.contact_id, found.language, found.stack, found.trail, dict(found.slots),
                   tuple(given))  # fmt: skip


def by_link(conn: Connection, link: Link) -> Earlier | None:
    """What a link to the chat hands over: the slots as they are by now, at the step that sent it."""
    found = context.left_at(conn, link.session_id)
    if found is None:
        return None
    return Earlier(found.session_id, found.contact_id, found.language, link.stack, found.trail, dict(found.slots),
                   exit=OPENED)  # fmt: skip


def _customer(conn: Connection, session: Session, region: str, known: bool) -> str | None:
    if known:
        query = sa.select(contacts.c.customer_id).where(contacts.c.id == session.contact_id)
        return conn.execute(query).scalar_one_or_none()
    found = recognition.identifier_of(session.channel, session.caller, region)
    candidates = identifiers.identify(conn, *found) if found else []
    return candidates[0].customer_id if len(candidates) == 1 else None
