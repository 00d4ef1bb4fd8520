"""A link to the chat is opened: the visitor goes on with what a call was at, as the customer whom the link was sent to.

The proof is that they have what we sent to that telephone or mailbox (`link`). It settles this one conversation; the
browser is remembered only where it was known to be the customer's before.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import structlog
from sqlalchemy.engine import Connection

from callcenter import chat_links, contacts, customers, events, identifiers, recognition
from callcenter.chat_links import Link, LinkOver
from callcenter.db import reading
from callcenter.messages.chat import visitor_topic
from callcenter.messages.inbound import FLOW
from callcenter.tickets import BadTicket
from ivr.actions.send_chat_link import PURPOSE
from ivr.channels.chat import identity
from ivr.channels.chat.site import Site
from ivr.channels.chat.thread import CHANNEL, LEFT
from ivr.channels.chat.visitors import new_visitor
from ivr.flow.inputs import HungUp
from ivr.store import Unknown

log = structlog.get_logger("callwright.chat")

State = Literal["opened", "over"]


@dataclass(frozen=True, slots=True)
class Opening:
    """`visitor` is who the browser is from now on; `over`: the link counts no longer, and the chat begins as ever."""

    visitor: str
    state: State


def open_link(site: Site, visitor: str, ticket: str, origin: str) -> Opening:
    """Open a link in a visitor's browser, and let the chat go on. Opening it again there changes nothing."""
    try:
        link_id = site.tickets.read(ticket, PURPOSE, chat_links.LIFETIME.total_seconds()).subject
    except BadTicket as error:
        log.info("a link to the chat is refused", why=str(error))
        return Opening(visitor, "over")
    now = site.runner.now()
    _leave(site, visitor, link_id, now)
    try:
        with site.runner.engine.begin() as conn:
            link = chat_links.opened(conn, link_id, visitor, now)
            if not link.chat:
                visitor, chat = _begin(conn, site, link, visitor, origin, now)
            else:
                chat = link.chat
    except LinkOver:
        log.info("a link to the chat is over", link=link_id)
        return Opening(visitor, "over")
    site.runner.submit(site.conversations.open, chat)
    site.publish(visitor_topic(visitor), "contact", {"id": chat})
    return Opening(visitor, "opened")


def _begin(conn: Connection, site: Site, link: Link, visitor: str, origin: str, now: datetime) -> tuple[str, str]:
    """The visitor and the contact that goes on: a new one, or the one in which an agent is with them already."""
    before: Any = contacts.get(conn, link.contact_id)
    settled = before.customer_id if before is not None else None
    people = chat_links.customers_of(conn, link, customers.root(conn, settled) if settled else None)
    bound = identity.bound_to(conn, visitor)
    if bound and bound not in people:
        visitor = new_visitor()  # another customer's browser: its own thread is none of this one's
    chat: Any = contacts.open_thread(conn, CHANNEL, visitor)
    chat_id = chat.id if chat is not None else None
    if chat_id is None:
        language = before.language if before is not None else ""
        chat_id = contacts.start(
            conn, channel=CHANNEL, caller=visitor, called=origin, at=now, served_by=FLOW, language=language
        )
    if len(people) == 1:
        identity.prove(conn, people[0], link.kind, link.value, "link", now)
        owner = identifiers.owner(conn, people[0], link.kind, link.value) or people[0]
        if chat is None or chat.customer_id is None:
            recognition.assume(conn, chat_id, owner, proof="link", at=now)
    elif people:
        events.record(conn, chat_id, None, "ambiguous", {"candidates": people}, now)
    events.record(conn, link.contact_id, link.session_id, "chat_link_opened", {"contact": chat_id}, now)
    events.record(conn, chat_id, None, "goes_on_by_link", {"contact": link.contact_id}, now)
    chat_links.goes_on(conn, link, visitor, chat_id)
    return visitor, chat_id


def _leave(site: Site, visitor: str, link_id: str, now: datetime) -> None:
    """A chat that only the flow serves ends when a new link leads elsewhere; one with people goes on."""
    with reading(site.runner.engine) as conn:
        chat: Any = contacts.open_thread(conn, CHANNEL, visitor) if chat_links.unused(conn, link_id, now) else None
    if chat is None or chat.served_by != FLOW:
        return
    with suppress(Unknown):  # no flow has begun
        site.runner.feed(site.runner.store.find(CHANNEL, chat.id).session, HungUp())
    with site.runner.engine.begin() as conn:
        contacts.end(conn, chat.id, outcome=LEFT, at=now)
