"""What a campaign's call begins with, whether an agent or a flow makes it: may it be made, its contact, and what those
who make it and those who talk must know."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy.engine import Connection

from callcenter import contacts, customers, recognition
from callcenter.campaigns import deciding, people
from callcenter.campaigns.config import Campaign
from callcenter.campaigns.deciding import Lists
from callcenter.campaigns.people import Person
from callcenter.queues.callbacks import known_as

CHANNEL: Final = "sip"
Waiting = Callable[..., Sequence[object]]
"""The callbacks that these keys (`known_as` without its kinds) wait for: `Queues.callbacks_of`."""


def may_begin(conn: Connection, lists: Lists, person: Person, now: datetime, callbacks: Waiting) -> bool:
    """Whether this person, whose turn it is, may be called now. If not, they are done, or looked at again later."""
    found = deciding.hindrance(conn, lists, person, now)
    if found is None and callbacks(*_keys(conn, person)):
        found = deciding.Hindrance("with_us", at=now + deciding.BUSY_WITH_US)
    if found is None:
        return True
    if found.result:
        people.finish(conn, person, found.result, now, before=people.WAITING)
    elif found.at is not None:
        people.again(conn, person, found.at, now, before=people.WAITING)
    return False


def contact(conn: Connection, person: Person, now: datetime) -> str:
    """The contact of this call, on the timeline of the person; gives its id."""
    contact_id = contacts.start(
        conn, channel=CHANNEL, caller="", called=person.number, at=now, direction="out",
        language=language_of(conn, person), contact_id=uuid.uuid4().hex,
    )  # fmt: skip
    if person.customer_id:
        recognition.assume(conn, contact_id, person.customer_id, proof="none", at=now)
    return contact_id


def language_of(conn: Connection, person: Person) -> str:
    """The customer's, "" where it isn't known."""
    try:
        return customers.get(conn, person.customer_id).language if person.customer_id else ""
    except customers.UnknownCustomer:
        return ""


def slots_of(person: Person) -> dict[str, str]:
    """What the list says of them, by column."""
    given = {"name": person.name, "reference": person.reference, **person.attributes}
    return {name: value for name, value in given.items() if value}


def settings_of(lists: Lists, person: Person, campaign: Campaign, language: str) -> dict[str, Any]:
    """The campaign as it is now, for those who make this call, and for what follows from it."""
    words = campaign.machine.text
    return {
        "name": person.campaign, "label": campaign.label or person.campaign, "person": person.id,
        "reference": person.reference, "attempt": person.attempts + 1, "guide": campaign.guide,
        "answered": campaign.answered, "greeting": campaign.greeting, "caller_id": campaign.caller_id or "",
        "ring_seconds": campaign.ring_seconds, "machine": campaign.machine.say or "",
        "text": lists.say(words, language) if words else "", "attempts": campaign.attempts,
        "spacing": campaign.spacing.model_dump(), "codes": dict(campaign.codes), "preview": campaign.preview,
        "preview_seconds": campaign.preview_seconds, "skips": dict(campaign.skips) if campaign.preview else {},
    }  # fmt: skip


def _keys(conn: Connection, person: Person) -> list[str]:
    return [key.partition(":")[2] for key in known_as(conn, person.customer_id, [person.number])]
