"""Visitors' chat. What a page says is stored before it is acknowledged; what it is shown is read from the database.

Live events only wake a page: its thread is read again, and what is new or changed is sent. So whatever was missed,
by whomever, is there the next time; a message has an id, and a page that gets it twice shows it once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import structlog

from callcenter import contacts, identifiers
from callcenter.db import compact, reading
from callcenter.live import LiveEvent
from callcenter.messages.chat import visitor_topic
from callcenter.messages.inbound import FLOW, Inbound
from ivr.assembly import make_queueing
from ivr.channels.chat import proving, thread, visitors
from ivr.channels.chat.rates import Rates, TooOften
from ivr.channels.chat.thread import CHANNEL, Thread
from ivr.conversations import Conversations
from ivr.embedded import address
from ivr.flow.inputs import HungUp
from ivr.live import origins
from ivr.live.connection import Connection
from ivr.live.context import Context
from ivr.live.endpoint import Endpoint, Refused, endpoint
from ivr.settings import Settings
from ivr.store import Unknown

log = structlog.get_logger("callwright.live")

LEFT_SUBJECT = "Your message to us"
LONGEST = 4000
"""Characters of a message."""
CLIENT_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
TYPING_SECONDS = 2.0
"""A visitor's typing is told no more often."""


@dataclass
class Visit:
    """What a connection knows. `sent` is what the page was given, by id, as it was then."""

    visitor: str
    site: str
    network: str
    contact: str = ""
    served_by: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)
    typed_at: float = 0.0
    proof: proving.Attempt | None = None
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)


@endpoint
class Chat(Endpoint):
    path: ClassVar[str] = "chat"
    purpose: ClassVar[str] = visitors.PURPOSE
    ticket_seconds: ClassVar[float] = visitors.TICKET_SECONDS
    per_second: ClassVar[float] = 5.0
    burst: ClassVar[float] = 20.0

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._queueing = make_queueing(context.settings, context.runner)
        self._conversations = Conversations(
            context.runner, context.settings, context.live, submit=context.submit, queueing=lambda: self._queueing
        )
        self._rates = Rates(address(context.settings))
        self._proving = proving.Proving(context, self._rates)
        self._kinds = {
            "message": self._message,
            "typing": self._typing,
            "seen": self._seen,
            "prove": self._prove,
            "leave": self._leave,
            "end": self._end,
        }

    def origins(self, settings: Settings) -> frozenset[str]:
        return origins.listed(settings.chat_origins)

    async def opened(self, connection: Connection) -> None:
        ticket = connection.ticket
        connection.state = Visit(ticket.subject, str(ticket.data.get("site", "")), str(ticket.data.get("net", "")))
        await connection.follow([visitor_topic(ticket.subject)], {})
        await self._sync(connection)

    async def happened(self, connection: Connection, event: LiveEvent) -> None:
        visit: Visit = connection.state
        if event.kind == "typing":
            if event.data.get("by") != "visitor" and event.topic == f"contact:{visit.contact}":
                await connection.send("typing", {"on": bool(event.data.get("on"))})
            return
        await self._sync(connection)

    async def received(self, connection: Connection, kind: str, message: Mapping[str, Any]) -> None:
        handle = self._kinds.get(kind)
        if handle is None:
            raise Refused("unknown_kind")
        data = message.get("data")
        try:
            await handle(connection, str(message.get("id", "")), data if isinstance(data, dict) else {})
        except TooOften:
            raise Refused("too_often") from None

    async def _sync(self, connection: Connection) -> None:
        """Read the thread, and send what the page doesn't have as it is now."""
        visit: Visit = connection.state
        async with visit.busy:
            found = await self.context.thread(self._read, visit.visitor)
            before, visit.contact, visit.served_by = visit.contact, found.contact, found.served_by
            if visit.contact != before:
                if before:
                    await connection.unfollow(f"contact:{before}")
                if visit.contact:
                    await connection.follow([f"contact:{visit.contact}"], {})
                    found = await self.context.thread(self._read, visit.visitor)
            first = not visit.state
            new = [message for message in found.messages if visit.sent.get(message["id"]) != compact(_lasting(message))]
            visit.sent = {message["id"]: compact(_lasting(message)) for message in found.messages}
            state = _state(found)
            changed, visit.state = state != visit.state, state
            if new or changed or first:
                await connection.send("thread", {"messages": new, "state": state, "whole": first})

    def _read(self, visitor: str) -> Thread:
        context = self.context
        with reading(context.engine) as conn:
            return thread.read(conn, visitor, context.clock(), lambda file_id: self._link(visitor, file_id))

    def _link(self, visitor: str, file_id: str) -> str:
        ticket = visitors.file_ticket(self.context.tickets, visitor, file_id)
        return f"{self.context.settings.base_url}/chat/files/{file_id}?ticket={ticket}"

    async def _message(self, connection: Connection, id: str, data: Mapping[str, Any]) -> None:
        """Store it, say so, and answer it."""
        visit: Visit = connection.state
        text = data.get("text")
        if not CLIENT_ID.fullmatch(id):
            raise Refused("id")
        if not isinstance(text, str) or not text.strip():
            raise Refused("empty")
        if len(text) > LONGEST:
            raise Refused("too_long")
        await self.context.thread(self._rates.count, "message", visitor=visit.visitor, network=visit.network)
        inbound = Inbound(
            channel=CHANNEL,
            sender=visit.visitor,
            to=visit.site or CHANNEL,
            text=text.strip(),
            provider_id=f"{visit.visitor}:{id}",
        )
        received = await self.context.thread(self._conversations.take, inbound, wait=False)
        await connection.send("ack", {"message": received.message_id, "contact": received.contact_id}, id=id)
        if received.contact_id != visit.contact:
            # The visitor's other pages don't know this contact yet.
            await self._publish(visitor_topic(visit.visitor), "contact", {"id": received.contact_id})
        if visit.served_by in ("", FLOW) and not received.duplicate:
            await connection.send("typing", {"on": True})
        await self._sync(connection)

    async def _typing(self, connection: Connection, id: str, data: Mapping[str, Any]) -> None:
        visit: Visit = connection.state
        now = asyncio.get_running_loop().time()
        on = bool(data.get("on"))
        if not visit.contact or visit.served_by == FLOW or (on and now - visit.typed_at < TYPING_SECONDS):
            return
        visit.typed_at = now
        await self._publish(f"contact:{visit.contact}", "typing", {"by": "visitor", "on": on})

    async def _seen(self, connection: Connection, id: str, data: Mapping[str, Any]) -> None:
        """The page has, or the visitor has seen, some of our messages."""
        visit: Visit = connection.state
        ids, read = data.get("ids"), bool(data.get("read"))
        if not isinstance(ids, list) or len(ids) > thread.SHOWN or not all(isinstance(one, str) for one in ids):
            raise Refused("ids")
        await self.context.thread(self._report, visit.visitor, ids, "read" if read else "delivered")

    def _report(self, visitor: str, ids: list[str], status: Literal["delivered", "read"]) -> None:
        with reading(self.context.engine) as conn:
            own = thread.unread(conn, visitor, ids, status)
        for message_id in own:
            self._conversations.reported(message_id, status)

    async def _prove(self, connection: Connection, id: str, data: Mapping[str, Any]) -> None:
        visit: Visit = connection.state
        visit.proof, answer = await self.context.thread(self._proving.take, visit, data)
        await connection.send("proof", answer, id=id)
        if answer["state"] == "proven":
            await self._publish(visitor_topic(visit.visitor), "identified", {})
            if visit.contact:
                await self._publish(f"contact:{visit.contact}", "identified", {})
            await self._sync(connection)

    async def _leave(self, connection: Connection, id: str, data: Mapping[str, Any]) -> None:
        """A message to be answered by mail, later: a contact of its own on that channel."""
        visit: Visit = connection.state
        address, text = data.get("email"), data.get("text")
        if not CLIENT_ID.fullmatch(id):
            raise Refused("id")
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
            raise Refused("empty" if not isinstance(text, str) or not text.strip() else "too_long")
        try:
            address = identifiers.normalise("email", address if isinstance(address, str) else "")
        except identifiers.InvalidIdentifier:
            raise Refused("invalid") from None
        await self.context.thread(self._rates.count, "mail", visitor=visit.visitor, network=visit.network)
        inbound = Inbound(
            channel="email",
            sender=address,
            to=self.context.settings.mail_from or CHANNEL,
            text=text.strip(),
            subject=LEFT_SUBJECT,
            provider_id=f"{visit.visitor}:{id}",
            meta={"left_in": CHANNEL, "visitor": visit.visitor},
        )
        await self.context.thread(self._conversations.take, inbound, wait=False)
        await connection.send("left", id=id)

    async def _end(self, connection: Connection, id: str, data: Mapping[str, Any]) -> None:
        """The visitor has had enough."""
        visit: Visit = connection.state
        contact = visit.contact
        if contact:
            await self.context.thread(self._hang_up, contact)
            await self._publish(f"contact:{contact}", "ended", {"by": "visitor", "outcome": thread.LEFT})
            await self._publish(visitor_topic(visit.visitor), "ended", {"contact": contact})
        await connection.send("ended", {"contact": contact}, id=id)

    def _hang_up(self, contact_id: str) -> None:
        runner = self.context.runner
        with suppress(Unknown):  # no flow has begun
            runner.feed(runner.store.find(CHANNEL, contact_id).session, HungUp())
        self._queueing.leave(contact_id, "abandoned")
        with self.context.engine.begin() as conn:
            contacts.end(conn, contact_id, outcome=thread.LEFT, at=self.context.clock())

    async def _publish(self, topic: str, kind: str, data: Mapping[str, Any]) -> None:
        await self.context.thread(self.context.live.publish, topic, kind, data)


def _state(found: Thread) -> dict[str, Any]:
    """What the page needs to know beside the messages: who answers, and whether the visitor is known."""
    served = found.served_by.partition(":")[0]
    return {"contact": found.contact, "served_by": served, "name": found.name, "known": found.known}


def _lasting(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message without what is made anew each time: the tickets of its files."""
    lasting = dict(message)
    if "files" in lasting:
        lasting["files"] = [file["name"] for file in lasting["files"]]
    return lasting
