"""Who contacts turn out to be after they have joined a queue: settled by a flow, an agent or a merge, in the database,
and told the store from there. What nobody could tell it because a process or the store was gone is told later."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter.db import reading
from callcenter.identifiers import InvalidIdentifier
from callcenter.queues.callbacks import Callbacks, known_as
from callcenter.tables import contacts, queue_entries, settled_contacts

BATCH = 200
WRAP_UP = timedelta(hours=1)
"""How long ago a contact may have ended whose customer is merged with another, for that to count as having served
both."""


def settled(conn: Connection, contact_id: str) -> None:
    """Note, in the transaction that settles it, that this contact is with somebody else than was known."""
    conn.execute(sa.insert(settled_contacts).values(contact_id=contact_id))


def merged(conn: Connection, customer_ids: Iterable[str], at: datetime) -> None:
    """The same for a merge: it concerns those of these customers' contacts that are in queues or conversations."""
    recent = sa.or_(
        queue_entries.c.state.in_(("waiting", "connected")),
        sa.and_(queue_entries.c.state == "done", queue_entries.c.updated_at > at - WRAP_UP),
    )
    query = sa.select(queue_entries.c.contact_id).where(queue_entries.c.customer_id.in_(list(customer_ids)), recent)
    for contact_id in conn.execute(query).scalars().all():
        settled(conn, contact_id)


def follow(engine: Engine, queues: Callbacks) -> int:
    """Tell the store what has been settled since the last time; gives how many contacts. Several at once are safe.
    Raises `redis.RedisError` and SQLAlchemy's errors: then it is told again."""
    with reading(engine) as conn:
        rows = conn.execute(sa.select(settled_contacts).order_by(settled_contacts.c.id).limit(BATCH)).all()
    told = dict.fromkeys(row.contact_id for row in rows)
    for contact_id in told:
        _tell(engine, queues, contact_id)
    if rows:
        with engine.begin() as conn:
            done = [row.id for row in rows]
            conn.execute(sa.delete(settled_contacts).where(settled_contacts.c.id.in_(done)))
    return len(told)


def _tell(engine: Engine, queues: Callbacks, contact_id: str) -> None:
    entry = queues.entry(contact_id)
    if not entry:
        return
    numbers = []
    with suppress(InvalidIdentifier):  # a chat, a mail, a withheld number
        numbers.append(queues.dialled(entry["caller"]))
    with reading(engine) as conn:
        query = sa.select(contacts.c.customer_id).where(contacts.c.id == contact_id)
        customer_id = conn.execute(query).scalar_one_or_none()
        if customer_id is None:  # the store knows more of it than the database
            return
        keys = known_as(conn, customer_id, numbers)
    queues.identify(contact_id, customer_id, keys)
