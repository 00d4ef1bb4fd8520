"""Notes that people write on a customer, a contact or a case."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import customers, webhooks
from callcenter.customers import before_bound, members
from callcenter.tables import notes

LONGEST = 10_000


@dataclass(frozen=True, slots=True)
class Note:
    id: str
    customer_id: str
    contact_id: str | None
    case_id: str | None
    author: str
    text: str
    created_at: datetime


def add(
    conn: Connection,
    customer_id: str,
    text: str,
    *,
    author: str,
    at: datetime,
    contact_id: str | None = None,
    case_id: str | None = None,
) -> Note:
    """Raises `UnknownCustomer`, and ValueError for an empty or too long text."""
    if not text.strip() or len(text) > LONGEST:
        raise ValueError(f"a note has 1 to {LONGEST} characters")
    kept = customers.keeper(conn, customer_id, contact_id=contact_id, case_id=case_id)
    note = Note(uuid.uuid4().hex, kept, contact_id, case_id, author, text.strip(), at)
    conn.execute(sa.insert(notes).values({name: getattr(note, name) for name in note.__slots__}))
    webhooks.emit(conn, "note.added", {"note_id": note.id, "customer_id": note.customer_id}, at)
    return note


def of_case(conn: Connection, case_id: str) -> list[Note]:
    """The notes on a case, the newest first."""
    query = sa.select(notes).where(notes.c.case_id == case_id)
    return [Note(**row._mapping) for row in conn.execute(query.order_by(notes.c.created_at.desc(), notes.c.id.desc()))]


def listed(
    conn: Connection, customer_id: str, *, limit: int = 50, before: tuple[datetime, str] | None = None
) -> list[Note]:
    """A person's notes, the newest first; `before` is the last one's (created_at, id)."""
    query = sa.select(notes).where(notes.c.customer_id.in_(members(customer_id)))
    if before is not None:
        query = query.where(sa.tuple_(notes.c.created_at, notes.c.id) < before_bound(notes.c.created_at, before))
    rows = conn.execute(query.order_by(notes.c.created_at.desc(), notes.c.id.desc()).limit(limit))
    return [Note(**row._mapping) for row in rows]
