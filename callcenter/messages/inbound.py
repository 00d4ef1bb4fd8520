"""What customers write, from any channel: stored once, in the contact that it belongs to, with its files.

A thread of messages is one contact for as long as it lasts. A message finds the newest contact with its sender that
hasn't ended (or the one that the channel names), else it begins a new one, and whoever wrote it is recognised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from callcenter import contacts, events, files, locks, recognition, undeliverable, webhooks
from callcenter.files import LIMITS, Limits
from callcenter.ids import new_id
from callcenter.messages.masking import masked, masked_html
from callcenter.tables import contacts as contacts_table
from callcenter.tables import files as files_table
from callcenter.tables import messages

CHANNELS = frozenset({"sms", "whatsapp", "messenger", "email", "chat"})
LONGEST = 100_000
"""Characters of one message; what is beyond is cut off, and an event says so."""
FLOW = "flow"


@dataclass(frozen=True, slots=True)
class InboundFile:
    """A file as it came; `name` and `media_type` are the sender's."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message. `sender` is the customer's address (E.164, a mail address, a chat visitor's id, a Messenger id) and
    `to` ours; `text` is what is new in it. A second message with the same (channel, `provider_id`) changes nothing.

    `thread` is the contact that it continues, where the channel knows. `html` has been sanitised. `refused` names
    files that the channel itself didn't take, with why. `meta` is JSON that the channel needs to answer.
    """

    channel: str
    sender: str
    to: str
    text: str = field(repr=False)
    provider_id: str
    subject: str = field(default="", repr=False)
    thread: str = ""
    html: str = field(default="", repr=False)
    files: tuple[InboundFile, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Received:
    """`started`: a new contact began with it. `duplicate`: it had come before; the ids are those of then."""

    message_id: str
    contact_id: str
    started: bool
    duplicate: bool


def receive(
    conn: Connection,
    inbound: Inbound,
    now: datetime,
    *,
    region: str = "",
    files_dir: Path,
    limits: Limits = LIMITS,
) -> Received:
    """Store a message with its files, once, within the caller's transaction. Card numbers in it are masked first.

    `region` is the ISO 3166 country of national numbers. Raises ValueError for an unknown channel or a message without
    a sender, and `OSError` where a file can't be written.
    """
    sender = address(inbound.channel, inbound.sender, region)
    locks.hold(conn, f"thread:{inbound.channel}:{sender}")
    known = _known(conn, inbound)
    if known is not None:
        return Received(known.id, known.contact_id, started=False, duplicate=True)
    contact_id, started = _thread(conn, inbound, sender, now, region)
    undeliverable.clear(conn, inbound.channel, sender)  # somebody is there after all
    message_id = new_id(now)
    text, cut = masked(inbound.text.replace("\0", "")), len(inbound.text) > LONGEST
    conn.execute(
        sa.insert(messages).values(
            id=message_id,
            contact_id=contact_id,
            direction="in",
            channel=inbound.channel,
            sender=sender,
            to=inbound.to,
            author="customer",
            subject=masked(inbound.subject.replace("\0", ""))[:1000],
            body=text[:LONGEST],
            html=masked_html(inbound.html.replace("\0", "")),
            status="received",
            next_at=now,
            provider_id=inbound.provider_id or None,
            meta=dict(inbound.meta),
            created_at=now,
        )
    )
    kept = _files(conn, inbound.files, inbound.refused, contact_id, message_id, now, files_dir, limits)
    data: dict[str, Any] = {"message": message_id, "channel": inbound.channel, "files": kept}
    events.record(conn, contact_id, None, "message_received", data | ({"cut": True} if cut else {}), now)
    webhooks.emit(conn, "message.received",
                  {"message_id": message_id, "contact_id": contact_id, "channel": inbound.channel}, now)  # fmt: skip
    return Received(message_id, contact_id, started, duplicate=False)


def attach(
    conn: Connection,
    message_id: str,
    came: Sequence[InboundFile],
    not_taken: Sequence[tuple[str, str]],
    now: datetime,
    *,
    files_dir: Path,
    limits: Limits = LIMITS,
) -> int:
    """Keep files that came later than their message, and name those that were not taken; returns how many were kept.
    Raises LookupError for an unknown message."""
    row = conn.execute(sa.select(messages.c.contact_id).where(messages.c.id == message_id)).one_or_none()
    if row is None:
        raise LookupError(f"there is no message {message_id}")
    kept = _files(conn, came, not_taken, row.contact_id, message_id, now, files_dir, limits)
    events.record(conn, row.contact_id, None, "files_received", {"message": message_id, "files": kept}, now)
    return kept


def address(channel: str, sender: str, region: str = "") -> str:
    """The customer's address in the form that contacts keep: what names somebody is normalised. Raises ValueError."""
    if channel not in CHANNELS:
        raise ValueError(f"{channel!r} is not a channel for messages; there are {', '.join(sorted(CHANNELS))}")
    if not sender.strip() or len(sender) > 320 or not sender.isprintable():
        raise ValueError("a message has a sender: one printable line")
    found = recognition.identifier_of(channel, sender, region)
    return sender.strip() if found is None or found[0] == "social" else found[1]


def carry_over(conn: Connection, message_id: str, now: datetime, *, region: str = "") -> str:
    """Move a message, which came while its contact ended, to the contact that follows; returns that one's id."""
    row = conn.execute(sa.select(messages).where(messages.c.id == message_id)).one()
    locks.hold(conn, f"thread:{row.channel}:{row.sender}")
    found = contacts.open_thread(conn, row.channel, row.sender)
    contact_id = str(found.id) if found is not None else _start(conn, row.channel, row.sender, row.to, now, region)
    conn.execute(sa.update(messages).where(messages.c.id == message_id).values(contact_id=contact_id))
    conn.execute(sa.update(files_table).where(files_table.c.message_id == message_id).values(contact_id=contact_id))
    events.record(conn, row.contact_id, None, "message_moved", {"message": message_id, "to": contact_id}, now)
    events.record(conn, contact_id, None, "continues", {"contact": row.contact_id, "message": message_id}, now)
    return contact_id


def handle(conn: Connection, message_id: str, now: datetime) -> bool:
    """The flow or an agent has this message now; False when somebody had it already."""
    unhandled = (messages.c.id == message_id, messages.c.handled_at.is_(None))
    return conn.execute(sa.update(messages).where(*unhandled).values(handled_at=now)).rowcount == 1


def handle_all(conn: Connection, contact_id: str, now: datetime) -> int:
    """An agent has taken the contact, and so all that was written in it."""
    return conn.execute(sa.update(messages).where(*_waiting(contact_id)).values(handled_at=now)).rowcount


def unhandled(conn: Connection, contact_id: str) -> Sequence[Row[Any]]:
    """A contact's messages that nobody has read, in the order in which they came."""
    query = sa.select(messages).where(*_waiting(contact_id)).order_by(messages.c.created_at, messages.c.id)
    return conn.execute(query).all()


def left(conn: Connection, before: datetime, limit: int = 200) -> list[str]:
    """The ids of messages that came before then and that the flow, which serves their contact, hasn't taken."""
    query = (
        sa.select(messages.c.id)
        .join(contacts_table, contacts_table.c.id == messages.c.contact_id)
        .where(
            messages.c.direction == "in",
            messages.c.handled_at.is_(None),
            messages.c.created_at < before,
            contacts_table.c.served_by.in_((FLOW, "queue")),
        )
        .order_by(messages.c.created_at, messages.c.id)
        .limit(limit)
    )
    return list(conn.execute(query).scalars())


def _waiting(contact_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (messages.c.contact_id == contact_id, messages.c.direction == "in", messages.c.handled_at.is_(None))


def _known(conn: Connection, inbound: Inbound) -> Row[Any] | None:
    if not inbound.provider_id:
        return None
    same = (messages.c.channel == inbound.channel, messages.c.provider_id == inbound.provider_id)
    return conn.execute(sa.select(messages).where(*same)).one_or_none()


def _thread(conn: Connection, inbound: Inbound, sender: str, now: datetime, region: str) -> tuple[str, bool]:
    """The contact that a message belongs to, and whether it began with it."""
    before: Any = contacts.get(conn, inbound.thread) if inbound.thread else None
    if before is not None and before.channel == inbound.channel and before.ended_at is None:
        return str(before.id), False
    found = None if before is not None else contacts.open_thread(conn, inbound.channel, sender)
    if found is not None:
        return str(found.id), False
    contact_id = _start(conn, inbound.channel, sender, inbound.to, now, region)
    if before is not None:
        events.record(conn, contact_id, None, "continues", {"contact": before.id}, now)
    return contact_id, True


def _start(conn: Connection, channel: str, sender: str, to: str, now: datetime, region: str) -> str:
    contact_id = contacts.start(conn, channel=channel, caller=sender, called=to, at=now, served_by=FLOW)
    recognition.recognise(conn, contact_id, channel=channel, address=sender, at=now, region=region)
    return contact_id


def _files(
    conn: Connection,
    came: Sequence[InboundFile],
    not_taken: Sequence[tuple[str, str]],
    contact_id: str,
    message_id: str,
    now: datetime,
    folder: Path,
    limits: Limits,
) -> int:
    """Keep what may be kept; an event names every other file."""
    kept = 0
    refused = [(name, "", -1, why) for name, why in not_taken]
    for file in came:
        why = files.refusal(file.name, file.media_type, len(file.data), limits)
        why = why or ("too_many" if kept >= limits.count else "")
        if why:
            refused.append((file.name, file.media_type, len(file.data), why))
            continue
        files.store(
            conn,
            folder,
            file.data,
            name=masked(files.shown_name(file.name)),
            media_type=file.media_type.partition(";")[0].strip().lower(),
            contact_id=contact_id,
            message_id=message_id,
            at=now,
        )
        kept += 1
    for name, media_type, size, why in refused:
        data: dict[str, Any] = {"message": message_id, "name": masked(files.shown_name(name)), "why": why}
        data |= {"media_type": media_type[:100], "size": size} if size >= 0 else {}
        events.record(conn, contact_id, None, "file_refused", data, now)
    return kept
