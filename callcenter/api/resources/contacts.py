"""Contacts, what happened in them, and messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import sqlalchemy as sa
from pydantic import Field

from callcenter import consent, contacts, customers, events, outbox, recognition
from callcenter.api.models import ContactOut, Id, In, Line, MessageOut, Out, Paragraph
from callcenter.api.operations import Call, operation
from callcenter.api.paging import Page, PageQuery, paged, read
from callcenter.api.problems import Mistake, Problem
from callcenter.customers import before_bound
from callcenter.identifiers import InvalidIdentifier, normalise
from callcenter.one_time_codes import DEDUPE, HIDDEN
from callcenter.tables import contacts as contacts_table
from callcenter.tables import messages

SHOWN_EVENTS = 1000


class EventOut(Out):
    id: int
    at: datetime
    kind: str
    data: dict[str, Any]


class Events(Out):
    items: list[EventOut]


class Messages(Out):
    items: list[MessageOut]


class SettleIn(In):
    customer_id: Id
    proof: Literal["agent", "pin", "one_time_code"] = "agent"


class MessageIn(In):
    channel: Literal["sms", "email"]
    to: Annotated[str, Field(min_length=1, max_length=254)] = Field(description="a phone number or a mail address")
    subject: Line = ""
    body: Paragraph
    contact_id: Id | None = None
    needs_consent: bool = Field(False, description="for what isn't an answer: not sent unless it was agreed to")


def _contact(call: Call[Any, Any]) -> Any:
    row = contacts.get(call.conn, call.path["contact_id"])
    if row is None:
        raise Problem(404, "there is no such contact")
    return row


def shown_message(row: Any) -> MessageOut:
    out = MessageOut.model_validate(row)
    return out.model_copy(update={"body": HIDDEN}) if (row.dedupe_key or "").startswith(DEDUPE) else out


@operation("GET", "/contacts", scope="contacts:read", query=PageQuery, answer=Page[ContactOut])
def list_contacts(call: Call[None, PageQuery]) -> Page[ContactOut]:
    """Contacts on all channels, the newest first"""
    at, id = contacts_table.c.started_at, contacts_table.c.id
    query = sa.select(contacts_table).order_by(at.desc(), id.desc()).limit(call.query.limit + 1)
    if (before := read(call.query.cursor)) is not None:
        query = query.where(sa.tuple_(at, id) < before_bound(at, before))
    shown, cursor = paged(call.conn.execute(query).all(), call.query.limit, lambda row: (row.started_at, row.id))
    return Page(items=[ContactOut.model_validate(row) for row in shown], next=cursor)


@operation("GET", "/contacts/{contact_id}", scope="contacts:read", answer=ContactOut)
def get_contact(call: Call[None, None]) -> ContactOut:
    """One contact"""
    return ContactOut.model_validate(_contact(call))


@operation("GET", "/contacts/{contact_id}/events", scope="contacts:read", answer=Events)
def list_events(call: Call[None, None]) -> Events:
    """What happened in a contact, in order: the first 1000 events; secrets are dots"""
    found = events.of_contact(call.conn, _contact(call).id)[:SHOWN_EVENTS]
    return Events(items=[EventOut.model_validate(event) for event in found])


@operation("PUT", "/contacts/{contact_id}/customer", scope="contacts:write", body=SettleIn, answer=ContactOut)
def settle_contact(call: Call[SettleIn, None]) -> ContactOut:
    """Settle whom a contact is with"""
    row = _contact(call)
    try:
        recognition.settle(
            call.conn, row.id, call.body.customer_id, proof=call.body.proof, at=call.now, by=call.by, region=call.region
        )
    except customers.UnknownCustomer:
        detail = "there is no such customer"
        raise Problem(422, detail, errors=[Mistake(pointer="/customer_id", detail=detail)]) from None
    return ContactOut.model_validate(_contact(call))


@operation("GET", "/contacts/{contact_id}/messages", scope="messages:read", answer=Messages)
def list_messages(call: Call[None, None]) -> Messages:
    """A contact's messages both ways, the oldest first"""
    query = sa.select(messages).where(messages.c.contact_id == _contact(call).id)
    rows = call.conn.execute(query.order_by(messages.c.created_at, messages.c.id).limit(SHOWN_EVENTS))
    return Messages(items=[shown_message(row) for row in rows])


@operation("GET", "/messages/{message_id}", scope="messages:read", answer=MessageOut)
def get_message(call: Call[None, None]) -> MessageOut:
    """One message, with what became of it"""
    row = call.conn.execute(sa.select(messages).where(messages.c.id == call.path["message_id"])).one_or_none()
    if row is None:
        raise Problem(404, "there is no such message")
    return shown_message(row)


@operation("POST", "/messages", scope="messages:write", body=MessageIn, answer=MessageOut, status=202, problems=(409,))
def send_message(call: Call[MessageIn, None]) -> MessageOut:
    """Queue a text or a mail, unless its receiver doesn't want any"""
    given = call.body
    try:
        to = normalise("phone" if given.channel == "sms" else "email", given.to, call.region)
    except InvalidIdentifier as error:
        raise Problem(422, "this can't be an address", errors=[Mistake(pointer="/to", detail=str(error))]) from None
    if given.contact_id is not None and contacts.get(call.conn, given.contact_id) is None:
        detail = "there is no such contact"
        raise Problem(422, detail, errors=[Mistake(pointer="/contact_id", detail=detail)])
    refusal = consent.refusal(call.conn, given.channel, to, needs_consent=given.needs_consent)
    if refusal:
        raise Problem(409, f"this address must not be written to: {refusal}")
    message_id = outbox.queue(
        call.conn,
        channel=given.channel,
        to=to,
        subject=" ".join(given.subject.split()),
        body=given.body,
        at=call.now,
        contact_id=given.contact_id,
        customer_id=recognition.only(call.conn, given.channel, to),
        author="api",
        purpose="reminder" if given.needs_consent else "notice",
    )
    return shown_message(call.conn.execute(sa.select(messages).where(messages.c.id == message_id)).one())
