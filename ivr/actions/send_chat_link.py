"""send_chat_link: the caller goes on in a chat on their own screen, with what they have said already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.engine import Connection

from callcenter import chat_links, identifiers, outbox, recognition
from callcenter.messages import NotConfiguredError, open_sender
from callcenter.messages.inbound import CHANNELS
from callcenter.one_time_codes import CHANNEL
from callcenter.tables import contacts, sessions
from callcenter.tickets import Tickets
from ivr.actions import Action, ActionContext, ActionError, ActionResult, Args, action
from ivr.actions._who import possible
from ivr.settings import Settings

PURPOSE = "chat-link"
"""Of the ticket in the link."""
SUBJECT, BODY = "system.chat_link_subject", "system.chat_link"
WORDS = {SUBJECT: "Go on with {company} in a chat", BODY: "Go on with {company} in a chat: {link}"}


class SendChatLinkArgs(Args):
    to: str = Field("", max_length=254, description="a telephone number or mail address; by default the caller's")


@action
class SendChatLink(Action):
    """Text or mail the caller a link to the chat, which counts once and for an hour. Whoever opens it goes on there by
    the exit `opened` of this very step, with all slots but secret ones.

    Who writes already takes the exit `opened` at once: nothing is sent. `no_address`: the number is withheld, can't be
    one, or is a stranger's, to whom nothing is sent at the company's expense.
    """

    name: ClassVar[str] = "send_chat_link"
    Args = SendChatLinkArgs
    exits: ClassVar[tuple[str, ...]] = ("sent", "opened", "no_address", "too_many")
    budget: ClassVar[float] = 20.0

    def run(self, context: ActionContext, args: SendChatLinkArgs) -> ActionResult:
        region = context.company.country
        with context.engine.begin() as conn:
            contact = conn.execute(sa.select(contacts).where(contacts.c.id == context.contact_id)).one_or_none()
            stored = conn.execute(sa.select(sessions.c.data).where(sessions.c.id == context.session_id)).scalar()
            if contact is None or stored is None:
                raise ActionError("no link can be sent: the conversation isn't stored")
            if contact.channel in CHANNELS:
                return ActionResult("opened")
            address = _address(conn, contact, args.to.strip(), region)
            if address is None:
                return ActionResult("no_address")
            kind, value = address
            try:
                open_sender(CHANNEL[kind], context.settings)
            except NotConfiguredError as error:
                raise ActionError(f"no link can be sent: {error}") from None
            id = chat_links.new_id()
            words = {"{link}": _url(context.settings, id), "{company}": context.company.name}
            try:
                message = chat_links.issue(
                    conn, id, kind, value, key=context.idempotency_key, at=context.now, contact_id=context.contact_id,
                    session_id=context.session_id, stack=json.loads(stored)["stack"],
                    body=_filled(context, BODY, words), subject=_filled(context, SUBJECT, words),
                )  # fmt: skip
            except chat_links.TooManyLinks:
                return ActionResult("too_many")
        # At once, since somebody waits for it; what fails now is sent by the timed job.
        outbox.deliver(context.engine, context.settings, message, context.now)
        return ActionResult("sent")

    def repeated(self, context: ActionContext) -> ActionResult | None:
        with context.engine.connect() as conn:
            return None if chat_links.issued(conn, context.idempotency_key) is None else ActionResult("sent")


def _address(conn: Connection, contact: Any, to: str, region: str) -> tuple[str, str] | None:
    """Where to send it: the caller's own address, or another that somebody has whom the contact may be with."""
    own = recognition.identifier_of(contact.channel, contact.called if contact.direction == "out" else contact.caller,
                                    region)  # fmt: skip
    own = own if own is not None and own[0] in CHANNEL else None
    if not to:
        return own
    kind = "email" if "@" in to else "phone"
    try:
        value = identifiers.normalise(kind, to, region)
    except identifiers.InvalidIdentifier:
        return None
    people = possible(conn, contact, region)
    owners = [one.customer_id for one in identifiers.identify(conn, kind, value) if not one.provisional]
    if (kind, value) == own or any(people is None or owner in people for owner in owners):
        return kind, value
    return None


def _url(settings: Settings, link_id: str) -> str:
    """The ticket stands behind the #: browsers send that part to nobody, so no log and no preview has it."""
    from ivr.assembly import make_tickets  # which imports all actions

    tickets: Tickets = make_tickets(settings)
    return f"{settings.base_url}/chat/link#{tickets.issue(PURPOSE, link_id)}"


def _filled(context: ActionContext, id: str, words: Mapping[str, str]) -> str:
    text = context.text(id)
    if not text or (id == BODY and "{link}" not in text):
        text = WORDS[id]
    for hole, value in words.items():
        text = text.replace(hole, value)
    return text
