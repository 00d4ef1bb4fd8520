"""A visitor's thread as their page shows it: read from the database, whatever made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from callcenter import contacts
from callcenter.tables import contacts as contacts_table
from callcenter.tables import customers as customers_table
from callcenter.tables import files, messages

CHANNEL = "chat"
SHOWN = 200
"""Messages that a page is given."""
REPLAYED = timedelta(days=2)
"""An ended conversation is shown for so long to a visitor who comes back."""
LEFT = "hung_up"
"""The outcome of a contact that the visitor ended: what was said before is not shown again."""
OURS = ("sending", "sent", "delivered", "read", "unknown")
"""Of our messages, those that the page may have. Others are not sent, or not yet."""


@dataclass(frozen=True, slots=True)
class Thread:
    """`contact` is the one that goes on, "" if the next message begins one; `served_by` says who answers in it; `name`
    is the customer's, once they have proven who they are."""

    contact: str
    served_by: str
    name: str
    known: bool
    messages: tuple[dict[str, Any], ...]


def read(conn: Connection, visitor: str, now: datetime, link: Callable[[str], str]) -> Thread:
    """The thread as it stands. `link` makes the address of a file from its id."""
    since = now - REPLAYED
    left = conn.execute(
        sa.select(sa.func.max(contacts_table.c.ended_at)).where(*_own(visitor), contacts_table.c.outcome == LEFT)
    ).scalar_one()
    if left is not None:
        since = max(since, left)
    open_contact: Any = contacts.open_thread(conn, CHANNEL, visitor)
    own = (
        sa.select(contacts_table.c.id)
        .where(*_own(visitor), sa.or_(contacts_table.c.ended_at.is_(None), contacts_table.c.ended_at > since))
        .order_by(contacts_table.c.started_at.desc())
        .limit(20)
    )
    ids = list(conn.execute(own).scalars())
    query = (
        sa.select(messages)
        .where(
            messages.c.contact_id.in_(ids),
            messages.c.channel == CHANNEL,
            sa.or_(messages.c.direction == "in", messages.c.status.in_(OURS)),
        )
        .order_by(messages.c.created_at.desc(), messages.c.id.desc())
        .limit(SHOWN)
    )
    rows = list(reversed(conn.execute(query).all())) if ids else []
    kept = _files(conn, rows)
    customer = _customer(conn, open_contact.customer_id) if open_contact is not None else None
    return Thread(
        contact=open_contact.id if open_contact is not None else "",
        served_by=open_contact.served_by if open_contact is not None else "",
        name=customer.name if customer is not None else "",
        known=customer is not None,
        messages=tuple(_labelled([_shown(row, kept.get(row.id, []), link) for row in rows])),
    )


def unread(conn: Connection, visitor: str, ids: Sequence[str], status: Literal["delivered", "read"]) -> list[str]:
    """Those of our messages among `ids` that went to this visitor and aren't known to be that far."""
    missing = messages.c.delivered_at if status == "delivered" else messages.c.read_at
    query = sa.select(messages.c.id).where(
        messages.c.id.in_(ids),
        messages.c.to == visitor,
        messages.c.channel == CHANNEL,
        messages.c.direction == "out",
        missing.is_(None),
    )
    return list(conn.execute(query.order_by(messages.c.id)).scalars())


def _own(visitor: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (contacts_table.c.channel == CHANNEL, contacts_table.c.caller == visitor)


def _customer(conn: Connection, customer_id: str | None) -> Row[Any] | None:
    if customer_id is None:
        return None
    root = sa.select(customers_table.c.root_id).where(customers_table.c.id == customer_id).scalar_subquery()
    return conn.execute(sa.select(customers_table).where(customers_table.c.id == root)).one_or_none()


def _files(conn: Connection, rows: Sequence[Row[Any]]) -> dict[str, list[Row[Any]]]:
    """The files of each message: those that came with it, and those that it was sent with."""
    sent = {file_id: row.id for row in rows for file_id in row.meta.get("files", ())}
    query = sa.select(files).where(
        sa.or_(files.c.message_id.in_([row.id for row in rows if row.direction == "in"]), files.c.id.in_(list(sent)))
    )
    found: dict[str, list[Row[Any]]] = {}
    for file in conn.execute(query.order_by(files.c.created_at, files.c.id)):
        found.setdefault(sent.get(file.id) or file.message_id, []).append(file)
    return found


def _shown(row: Row[Any], kept: Sequence[Row[Any]], link: Callable[[str], str]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": row.id,
        "by": _by(row),
        "text": row.body,
        "at": row.created_at.isoformat(),
        "contact": row.contact_id,
    }
    if kept:
        shown["files"] = [
            {"name": file.name, "size": file.size, "type": file.media_type, "url": link(file.id)} for file in kept
        ]
    if row.direction == "in":
        # The page's own id for it, so that it recognises what it has sent.
        shown["client"] = (row.provider_id or "").rpartition(":")[2]
        shown["read"] = row.read_at is not None or row.handled_at is not None
        return shown
    choices = row.meta.get("choices") or []
    if choices:
        shown["choices"] = choices
        shown["text"] = _without(row.body, [f"{choice['key']}. {choice['label']}" for choice in choices])
    if name := row.meta.get("name"):
        shown["name"] = name
    return shown


def _labelled(shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Who pressed a button has answered with its key: the page shows its label."""
    labels: dict[str, str] = {}
    for message in shown:
        if message["by"] != "you":
            labels = {choice["key"]: choice["label"] for choice in message.get("choices", ())} or labels
        elif label := labels.get(message["text"]):
            message["label"] = label
    return shown


def _by(row: Row[Any]) -> str:
    """Who wrote it, in a page's words: you, bot, agent, system."""
    if row.direction == "in":
        return "you"
    return {"flow": "bot", "system": "system"}.get(row.author, "agent")


def _without(text: str, lines: Sequence[str]) -> str:
    """The text without the numbered list at its end: the page has buttons."""
    return text.removesuffix("\n".join(lines)).rstrip()
