"""What conversations look up: a contact's session, its messages, and which thread of this process is at it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import chat_links, contacts, outbox
from callcenter.db import reading
from callcenter.messages import shape_of
from callcenter.messages.inbound import CHANNELS, FLOW
from callcenter.tables import contacts as contacts_table
from callcenter.tables import files, messages, sessions
from ivr import earlier, messaging
from ivr.channels.text import choices, fold
from ivr.flow.effects import Effect
from ivr.flow.inputs import Earlier
from ivr.flow.session import Session
from ivr.runner import Runner
from ivr.store import Stored, Unknown
from ivr.text_queue import QUEUE

CHAT = "chat"


class Threads:
    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.engine = runner.engine

    def stored(self, contact: Any) -> Stored | None:
        """The session of a contact; `None` before the flow has begun."""
        try:
            return self.runner.store.find(contact.channel, contact.id)
        except Unknown:
            return None

    def contact_of(self, message_id: str) -> str:
        """Raises LookupError for an unknown message."""
        with reading(self.engine) as conn:
            query = sa.select(messages.c.contact_id).where(messages.c.id == message_id)
            found = conn.execute(query).scalar_one_or_none()
        if found is None:
            raise LookupError(f"there is no message {message_id}")
        return str(found)

    def names_of_files(self, message_id: str) -> str:
        """What stands for the words of a message that has only files."""
        with reading(self.engine) as conn:
            query = sa.select(files.c.name).where(files.c.message_id == message_id).order_by(files.c.created_at)
            return ", ".join(conn.execute(query).scalars())

    def language(self, contact: Any) -> str:
        with reading(self.engine) as conn:
            return messaging.spoken(conn, contact)

    def left(self, before: datetime) -> list[str]:
        """The contacts whose flows have waited since then for what comes at once, or after an action: its outcome, a
        place in a queue, a callback, that the agent was done."""
        data = sessions.c.data
        waiting = sa.select(sessions.c.contact_id).join(contacts_table, contacts_table.c.id == sessions.c.contact_id)
        waiting = waiting.where(
            sa.not_(sessions.c.ended),
            contacts_table.c.ended_at.is_(None),
            sessions.c.channel.in_(CHANNELS),
            sessions.c.updated_at < before,
            sa.or_(
                data.contains('"ActionDone"'),
                data.contains('"CallbackBooked"'),
                sa.and_(
                    data.contains('"Queued"'),
                    sa.or_(data.contains('"told":false'), contacts_table.c.served_by == FLOW),
                ),
            ),
        )
        with reading(self.engine) as conn:
            return list(conn.execute(waiting.limit(200)).scalars())

    def waiting(self) -> list[str]:
        """The contacts that wait for an agent."""
        query = sa.select(contacts_table.c.id).where(
            contacts_table.c.served_by == QUEUE,
            contacts_table.c.channel.in_(CHANNELS),
            contacts_table.c.ended_at.is_(None),
        )
        with reading(self.engine) as conn:
            return list(conn.execute(query).scalars())

    def handed_over(self, contact: Any) -> Earlier | None:
        """The conversation that a chat goes on with, which a link led to; `None` for every other contact."""
        if contact.channel != CHAT:
            return None
        with reading(self.engine) as conn:
            link = chat_links.of_chat(conn, contact.id)
            return None if link is None else earlier.by_link(conn, link)

    def region(self) -> str:
        """The country of national numbers."""
        flows = messaging.current(self.runner.published)
        return "" if flows is None else flows.company.country


def last_inbound(conn: Connection, contact_id: str) -> Any:
    """The newest message that the customer wrote in a contact."""
    query = sa.select(messages).where(messages.c.contact_id == contact_id, messages.c.direction == "in")
    return conn.execute(query.order_by(messages.c.created_at.desc(), messages.c.id.desc()).limit(1)).one_or_none()


def answering(subject: str) -> str:
    """The subject of an answer."""
    if not subject:
        return ""
    return subject if subject.casefold().startswith("re:") else f"Re: {subject}"


def reply_to(message: Any) -> dict[str, Any]:
    """What a channel needs to thread an answer: the message's ids and its `meta`."""
    return {"message": message.id, "provider_id": message.provider_id or "", **message.meta}


def write(conn: Connection, contact_id: str, body: str, *, author: str, at: datetime, **more: Any) -> str:
    """Queue what an agent writes in a contact, within the caller's transaction; returns the message's id, to be given
    to `outbox.deliver`. `more` is as in `outbox.queue`. Raises LookupError for an unknown contact or one that is no
    thread of messages."""
    contact: Any = contacts.get(conn, contact_id)
    if contact is None or contact.channel not in CHANNELS:
        raise LookupError(f"there is no thread of messages {contact_id}")
    answered = last_inbound(conn, contact_id)
    if answered is not None:
        more.setdefault("subject", answering(answered.subject))
        more["meta"] = {"reply_to": reply_to(answered), **(more.get("meta") or {})}
    return outbox.queue(conn, channel=contact.channel, to=contact.caller, sender=contact.called, body=body,
                        contact_id=contact_id, author=author, at=at, **more)  # fmt: skip


def queue_said(
    conn: Connection,
    contact: Any,
    message: Any,
    session: Session,
    effects: Sequence[Effect],
    carried: str,
    at: datetime,
) -> list[str]:  # fmt: skip
    """Queue what a step of the flow says, as the answer to a message (by default the newest), after `carried`; gives
    the messages' ids."""
    answered = message if message is not None else last_inbound(conn, contact.id)
    said = [piece for text in fold(effects, carried)[0] for piece in shape_of(contact.channel).pieces(text)]
    meta: dict[str, Any] = {"reply_to": reply_to(answered)} if answered is not None else {}
    queued = []
    for number, text in enumerate(said):
        offered = choices(effects) if number == len(said) - 1 else []
        queued.append(
            outbox.queue(
                conn,
                channel=contact.channel,
                to=contact.caller,
                sender=contact.called,
                body=text,
                subject=answering(answered.subject) if answered is not None else "",
                meta=meta | ({"choices": offered} if offered else {}),
                contact_id=contact.id,
                author=FLOW,
                dedupe_key=f"{session.id}:{session.seq}.{number}",
                at=at,
            )
        )
    return queued


@dataclass(slots=True)
class _Held:
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0


class OneAtATime:
    """One thread of this process at a contact; other processes are told apart by the database."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}
        self._guard = threading.Lock()

    @contextmanager
    def at(self, contact_id: str) -> Iterator[None]:
        with self._guard:
            held = self._held.setdefault(contact_id, _Held())
            held.users += 1
        try:
            with held.lock:
                yield
        finally:
            with self._guard:
                held.users -= 1
                if not held.users:
                    del self._held[contact_id]
