"""Who may be called now? Asked before a person joins the queue, while they wait there, and at the moment of the
call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import consent, customers
from callcenter.campaigns import people
from callcenter.campaigns.config import DAYS, Campaign
from callcenter.campaigns.people import Person
from callcenter.db import reading
from callcenter.messages.rules import UTC, Policy, zones
from callcenter.queues.callbacks import known_as
from callcenter.tables import contacts, queue_entries

BUSY_WITH_US = timedelta(minutes=2)
"""Who waits in a queue or is in conversation is looked at again after so long."""
UNSURE = "unsure"
"""Why nobody is called while the database doesn't answer."""
FAR = timedelta(days=9)
"""Within a week there is a time for everybody, unless their zones leave no hour."""


@dataclass(frozen=True, slots=True)
class Lists:
    """The campaigns as published: by name, with the company's time zone. `say(text, language)` gives the words of a
    prompt, "" where there are none; `language` is the company's first."""

    campaigns: Mapping[str, Campaign] = field(default_factory=dict)
    zone: ZoneInfo = UTC
    say: Callable[[str, str], str] = lambda text, language: text
    language: str = ""


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why somebody isn't called now. `result` is what becomes of them, "" where they may be called later: at `at`, or
    when somebody changes something."""

    why: str
    result: str = ""
    at: datetime | None = None


def hindrance(conn: Connection, lists: Lists, person: Person, now: datetime) -> Hindrance | None:
    """What hinders a call to this person now; `None` if nothing does."""
    campaign = lists.campaigns.get(person.campaign)
    if campaign is None:
        return Hindrance("no_such_campaign")
    if people.is_paused(conn, person.campaign):
        return Hindrance("paused")
    if not campaign.on(now.astimezone(lists.zone).date()):
        return Hindrance("dates")
    refused = refusal(conn, campaign, person.number, person.customer_id)
    if refused:
        return Hindrance(refused, result=refused)
    at = next_hour(conn, lists.zone, campaign, person.number, person.customer_id, now)
    if at is None or at > now:
        return Hindrance("hours", at=at or now + FAR)
    return _with_us(conn, campaign, person, now)


def hindered(engine: Engine, lists: Lists, contact_id: str, now: datetime) -> str:
    """Why the person whose call this contact is may not be called at this moment, for `cancel_callback`; "" if they
    may."""
    with reading(engine) as conn:
        person = people.of_contacts(conn, [contact_id]).get(contact_id)
        if person is None or person.state != people.QUEUED:
            return "not_on_the_list"
        found = hindrance(conn, lists, person, now)
    return "" if found is None else found.result or found.why


def refusal(conn: Connection, campaign: Campaign, number: str, customer_id: str) -> str:
    """`do_not_contact` or `no_consent`, "" if the person may be called at all. Whoever has the number may have said
    so."""
    for one in people.named(conn, number) | {customer_id}:
        found = consent.refusal(conn, "phone", number, customer_id=one or None,
                                needs_consent=campaign.needs_consent and one == customer_id)  # fmt: skip
        if found:
            return people.REFUSALS[found]
    return ""


def next_hour(
    conn: Connection, zone: ZoneInfo, campaign: Campaign, number: str, customer_id: str, now: datetime
) -> datetime | None:
    """The next moment from `now` on that is within the campaign's hours and days wherever this person may be; `None`
    where that never is. A record's attribute `timezone` goes before what the number tells; numbers that tell nothing
    are where the company is."""
    known = customers.root(conn, customer_id) if customer_id else None
    possible = zones(conn, "sip", number, known, Policy(zone))
    quiet, at, moved = campaign.quiet, now, True
    while moved:
        moved = False
        for theirs in possible:
            later = quiet.over_at(at, theirs) if quiet is not None else None
            if later is None and DAYS[at.astimezone(theirs).weekday()] not in campaign.days:
                tomorrow = at.astimezone(theirs).date() + timedelta(days=1)
                later = datetime.combine(tomorrow, time.min if quiet is None else quiet.ends, theirs)
            if later is not None:
                at, moved = later.astimezone(now.tzinfo), True
        if at > now + FAR:
            return None
    return at


def _with_us(conn: Connection, campaign: Campaign, person: Person, now: datetime) -> Hindrance | None:
    """They wait or talk with somebody at this moment, or have talked with an agent of the queue since the import."""
    keys = known_as(conn, person.customer_id, [person.number])
    ids = [key.partition(":")[2] for key in keys if key.startswith("customer:")]
    numbers = [key.partition(":")[2] for key in keys if key.startswith("number:")]
    other = queue_entries.c.contact_id != (person.contact_id or "")
    if people.called_elsewhere(conn, person, ids, numbers):
        return Hindrance("with_us", at=now + BUSY_WITH_US)
    open_now = (
        sa.select(queue_entries.c.contact_id)
        .outerjoin(contacts, contacts.c.id == queue_entries.c.contact_id)
        .where(
            queue_entries.c.state.in_(("waiting", "connected")),
            other,
            sa.or_(
                queue_entries.c.customer_id.in_(ids), contacts.c.customer_id.in_(ids),
                contacts.c.caller.in_(numbers), queue_entries.c.number.in_(numbers),
            ),
        )
        .limit(1)
    )  # fmt: skip
    if conn.execute(open_now).first() is not None:
        return Hindrance("with_us", at=now + BUSY_WITH_US)
    # Each part has an index of its own: this is asked of everybody on every list.
    theirs = [
        sa.select(contacts.c.id).where(contacts.c.customer_id.in_(ids)),
        sa.select(queue_entries.c.contact_id).where(queue_entries.c.customer_id.in_(ids)),
    ]
    if not ids:  # several share the number
        since = contacts.c.started_at > person.imported_at
        theirs = [sa.select(contacts.c.id).where(since, contacts.c.caller.in_(numbers))]
    talked = sa.select(queue_entries.c.contact_id).where(
        queue_entries.c.contact_id.in_(sa.union_all(*theirs)),
        queue_entries.c.queue == campaign.queue,
        queue_entries.c.connected_at > person.imported_at,
        other,
    )
    if campaign.served == "remove" and conn.execute(talked.limit(1)).first() is not None:
        return Hindrance("served", result=people.SERVED)
    return None
