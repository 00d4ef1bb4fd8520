"""Threads of messages as the inbox shows them: who serves them, what was said last, what is put aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.db import UtcDateTime
from callcenter.desk_tables import snoozes
from callcenter.messages.inbound import CHANNELS
from callcenter.one_time_codes import DEDUPE, HIDDEN
from callcenter.tables import contacts, customers, events, files, messages, recordings

Box = Literal["mine", "queue", "flow", "others", "aside", "ended"]
BOXES: tuple[Box, ...] = get_args(Box)
MOST = 100
HAPPENINGS = ("served_by", "file_refused", "identified", "ambiguous", "transferred", "continues", "message_moved",
              "message_parked", "action_failed", "opted_out")  # fmt: skip
"""Events that are shown between the messages."""


@dataclass(frozen=True, slots=True)
class Thread:
    """`waiting`: the customer wrote last. `name` is the customer's, "" where nobody knows it."""

    id: str
    channel: str
    caller: str
    name: str
    served_by: str
    preview: str
    at: datetime
    waiting: bool
    ended: bool
    aside_until: datetime | None


@dataclass(frozen=True, slots=True)
class Said:
    """A line of a transcript. `author` is customer, flow, system or agent:ID; `kind` is message or event."""

    kind: str
    id: str
    at: datetime
    author: str
    channel: str
    subject: str
    text: str
    status: str
    error: str
    files: tuple[Any, ...] = ()


@cache
def _query(box: Box) -> sa.Select[Any]:
    """With `mine` and `now` to be bound: pages ask this again and again, and making it costs more than its answer."""
    mine = sa.bindparam("mine", type_=sa.Text)
    aside = sa.and_(snoozes.c.contact_id == contacts.c.id, snoozes.c.until > sa.bindparam("now", type_=UtcDateTime))
    where: list[Any] = [contacts.c.channel.in_(CHANNELS)]
    where.append(contacts.c.ended_at.is_not(None) if box == "ended" else contacts.c.ended_at.is_(None))
    match box:
        case "mine":
            where += [contacts.c.served_by == mine, snoozes.c.until.is_(None)]
        case "queue":
            where.append(contacts.c.served_by == "queue")
        case "flow":
            where.append(contacts.c.served_by.in_(("flow", "")))
        case "others":
            where += [contacts.c.served_by.startswith("agent:"), contacts.c.served_by != mine]
        case "aside":
            where += [contacts.c.served_by == mine, snoozes.c.until.is_not(None)]
    order = contacts.c.ended_at.desc() if box == "ended" else contacts.c.started_at.desc()
    last = (
        sa.select(messages.c.id)
        .where(messages.c.contact_id == contacts.c.id)
        .order_by(messages.c.created_at.desc(), messages.c.id.desc())
        .limit(1)
        .correlate(contacts)
        .scalar_subquery()
    )
    root = customers.alias("root")
    return (
        sa.select(contacts, root.c.name, snoozes.c.until, messages.c.direction.label("last_direction"),
                  messages.c.body, messages.c.subject, messages.c.created_at, messages.c.dedupe_key)
        .outerjoin(snoozes, aside)
        .outerjoin(messages, messages.c.id == last)
        .outerjoin(customers, customers.c.id == contacts.c.customer_id)
        .outerjoin(root, root.c.id == customers.c.root_id)
        .where(*where)
        .order_by(order, contacts.c.id)
        .limit(MOST)
    )  # fmt: skip


def threads(conn: Connection, box: Box, *, mine: str, now: datetime) -> list[Thread]:
    """The threads of a box, those longest waiting first, then the newest; `mine` is `agent:ID`."""
    found = [
        Thread(
            id=row.id,
            channel=row.channel,
            caller=row.caller,
            name=row.name or "",
            served_by=row.served_by,
            preview=HIDDEN if (row.dedupe_key or "").startswith(DEDUPE) else (row.subject or row.body or ""),
            at=row.created_at or row.started_at,
            waiting=row.last_direction == "in" and row.ended_at is None,
            ended=row.ended_at is not None,
            aside_until=row.until,
        )
        for row in conn.execute(_query(box), {"mine": mine, "now": now})
    ]
    return sorted(found, key=lambda thread: (not thread.waiting, thread.at.timestamp() * (1 if thread.waiting else -1)))


def counts(conn: Connection, *, mine: str, now: datetime) -> dict[str, int]:
    """How many threads are waiting for me, and in the queue."""
    aside = sa.and_(snoozes.c.contact_id == contacts.c.id, snoozes.c.until > now)
    query = (
        sa.select(contacts.c.served_by, sa.func.count())
        .outerjoin(snoozes, aside)
        .where(
            contacts.c.channel.in_(CHANNELS), contacts.c.ended_at.is_(None),
            contacts.c.served_by.in_((mine, "queue")), snoozes.c.until.is_(None),
        )
        .group_by(contacts.c.served_by)
    )  # fmt: skip
    found: dict[str, int] = {row[0]: row[1] for row in conn.execute(query)}
    return {"mine": found.get(mine, 0), "queue": found.get("queue", 0)}


def transcript(conn: Connection, contact_id: str) -> list[Said]:
    """All that was written in a contact, by whomever, and what happened in between, in order."""
    attached: dict[str, list[Any]] = {}
    for file in conn.execute(sa.select(files).where(files.c.contact_id == contact_id).order_by(files.c.created_at)):
        attached.setdefault(file.message_id or "", []).append(file)
    by_id = {file.id: file for found in attached.values() for file in found}
    said: list[Said] = []
    for row in conn.execute(sa.select(messages).where(messages.c.contact_id == contact_id)):
        sent = [by_id[id] for id in row.meta.get("files", ()) if id in by_id]
        text = HIDDEN if (row.dedupe_key or "").startswith(DEDUPE) else row.body
        status = row.status if row.direction == "out" else ""
        kept = (*attached.get(row.id, ()), *sent)
        line = Said(
            "message", row.id, row.created_at, row.author, row.channel, row.subject, text, status, row.error, kept
        )
        said.append(line)
    for event in conn.execute(
        sa.select(events).where(events.c.contact_id == contact_id, events.c.kind.in_(HAPPENINGS)).order_by(events.c.id)
    ):
        detail = event.data.get("served_by", "") if event.kind == "served_by" else ""
        said.append(Said("event", str(event.id), event.at, detail, "", "", event.kind, "", ""))
    return sorted(said, key=lambda line: (line.at, line.kind, line.id))


def sounds(conn: Connection, contact_id: str) -> Sequence[Any]:
    """The recordings of a contact, the oldest first."""
    query = sa.select(recordings).where(recordings.c.contact_id == contact_id)
    return conn.execute(query.order_by(recordings.c.created_at)).all()


def snooze(conn: Connection, contact_id: str, user_id: str, until: datetime) -> None:
    wake(conn, contact_id)
    conn.execute(sa.insert(snoozes).values(contact_id=contact_id, user_id=user_id, until=until))


def wake(conn: Connection, contact_id: str) -> bool:
    """Take a thread out of what is put aside; False where it wasn't."""
    return conn.execute(sa.delete(snoozes).where(snoozes.c.contact_id == contact_id)).rowcount == 1
