"""Contacts: one conversation on one channel, whoever serves it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row
from sqlalchemy.pool import PoolProxiedConnection

from callcenter import events, webhooks
from callcenter.prepared import Prepared
from callcenter.tables import contacts

_INSERT = sa.insert(contacts).inline()
_COLUMNS = ("id", "channel", "caller", "called", "direction", "language", "started_at", "served_by", "customer_id")
_END = (
    sa.update(contacts)
    .where(contacts.c.id == sa.bindparam("contact"), contacts.c.ended_at.is_(None))
    .values(ended_at=sa.bindparam("at"), outcome=sa.bindparam("how"))
)


def start(
    conn: Connection,
    *,
    channel: str,
    caller: str,
    called: str,
    at: datetime,
    direction: Literal["in", "out"] = "in",
    language: str = "",
    contact_id: str | None = None,
    served_by: str = "",
) -> str:
    """Store a contact that began; returns its id (32 hexadecimal digits unless one is given). `served_by` is "flow",
    "queue" or "agent:ID" for a thread of messages."""
    contact_id = contact_id or uuid.uuid4().hex
    row = {
        "id": contact_id,
        "channel": channel,
        "caller": caller,
        "called": called,
        "direction": direction,
        "language": language,
        "started_at": at,
        "served_by": served_by,
    }
    conn.execute(_INSERT, row)
    return contact_id


def end(conn: Connection, contact_id: str, *, outcome: str, at: datetime) -> bool:
    """Note how a contact ended. The first end counts: False when it had ended already or doesn't exist."""
    if conn.execute(_END, {"contact": contact_id, "at": at, "how": outcome}).rowcount != 1:
        return False
    webhooks.emit(conn, "contact.ended", {"contact_id": contact_id, "outcome": outcome}, at)
    return True


class CallWriter:
    """`start` and `end` on the driver's own connection, for what every call does."""

    def __init__(self, engine: Engine) -> None:
        self._start = Prepared(engine, _INSERT, _COLUMNS, column_keys=_COLUMNS)
        self._end = Prepared(engine, _END, ("contact", "at", "how"))
        self._webhooks = webhooks.Emitter(engine)

    def start(
        self,
        driver: PoolProxiedConnection,
        contact_id: str,
        *,
        channel: str,
        caller: str,
        called: str,
        at: datetime,
        language: str,
        customer_id: str | None = None,
    ) -> None:
        row = (contact_id, channel, caller, called, "in", language, at, "", customer_id)
        self._start.execute(driver, dict(zip(_COLUMNS, row, strict=True)))

    def end(self, driver: PoolProxiedConnection, contact_id: str, *, outcome: str, at: datetime) -> bool:
        if self._end.execute(driver, {"contact": contact_id, "at": at, "how": outcome}) != 1:
            return False
        self._webhooks.emit(driver, "contact.ended", {"contact_id": contact_id, "outcome": outcome}, at)
        return True


def set_served_by(conn: Connection, contact_id: str, served_by: str, at: datetime, *, before: str = "") -> bool:
    """Who answers a thread of messages from now on; False when it is so already, the contact has ended, or somebody
    else than `before` (where that is given) has it."""
    changed = sa.update(contacts).where(
        contacts.c.id == contact_id, contacts.c.ended_at.is_(None), contacts.c.served_by != served_by
    )
    if before:
        changed = changed.where(contacts.c.served_by == before)
    if conn.execute(changed.values(served_by=served_by)).rowcount != 1:
        return False
    events.record(conn, contact_id, None, "served_by", {"served_by": served_by}, at)
    return True


def open_thread(conn: Connection, channel: str, caller: str) -> Row[tuple[object, ...]] | None:
    """The newest contact with this address that hasn't ended."""
    query = sa.select(contacts).where(
        contacts.c.channel == channel, contacts.c.caller == caller, contacts.c.ended_at.is_(None)
    )
    return conn.execute(query.order_by(contacts.c.started_at.desc(), contacts.c.id.desc()).limit(1)).one_or_none()


def set_language(conn: Connection, contact_id: str, language: str) -> None:
    conn.execute(sa.update(contacts).where(contacts.c.id == contact_id).values(language=language))


def get(conn: Connection, contact_id: str) -> Row[tuple[object, ...]] | None:
    """The contact's row, or None."""
    return conn.execute(sa.select(contacts).where(contacts.c.id == contact_id)).one_or_none()


def recent(conn: Connection, *, limit: int = 50, caller: str | None = None) -> Sequence[Row[tuple[object, ...]]]:
    """The newest contacts first, of one caller where given."""
    query = sa.select(contacts).order_by(contacts.c.started_at.desc(), contacts.c.id).limit(limit)
    if caller is not None:
        query = query.where(contacts.c.caller == caller)
    return conn.execute(query).all()
