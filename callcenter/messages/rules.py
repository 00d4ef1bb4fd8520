"""Whether a message may go out now: who told us to stop, who agreed, and the hours in which people are left alone.

answer    the customer waits for it: only an address that told us to stop gets none, and by mail even that one (stopping
          ends what we send unasked; whoever writes to us again wants to hear)
notice    do-not-contact, withdrawn consent and quiet hours hold
reminder  consent must have been given, too
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
import sqlalchemy as sa
from phonenumbers import timezone as phone_zones
from sqlalchemy.engine import Connection

from callcenter import consent, customers, identifiers, undeliverable
from callcenter.messages import shape_of
from callcenter.recognition import identifier_of
from callcenter.tables import contacts, messages

UTC = ZoneInfo("UTC")
ZONE_ATTRIBUTE = "timezone"
"""A customer's attribute that says where they are (an IANA name)."""
KEYWORD = "keyword"
"""`meta` of what answers STOP, START or HELP: it goes out to those who have stopped, too."""
ANSWERED = frozenset({"email"})
"""Channels on which those who stopped still get answers: no carrier forbids it, and nobody asks by mail by accident."""
TEMPLATE = "content_sid"
"""`meta` of what a carrier takes outside its window."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `begins` until `ends` on the customer's clock, over midnight where it ends earlier than it begins."""

    begins: time
    ends: time

    def over_at(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When the quiet hours that are on now end; `None` if none are."""
        local = now.astimezone(zone)
        clock = local.time()
        overnight = self.ends <= self.begins
        within = clock >= self.begins or clock < self.ends if overnight else self.begins <= clock < self.ends
        if not within:
            return None
        day = local.date() + timedelta(days=1) if overnight and clock >= self.begins else local.date()
        return datetime.combine(day, self.ends, zone)


@dataclass(frozen=True, slots=True)
class Policy:
    """The company's rules: quiet hours by channel, and its own clock for customers whose time zone isn't known."""

    zone: ZoneInfo = UTC
    quiet: Mapping[str, QuietHours] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Later:
    """Not before `at`."""

    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Never:
    why: str


WORDS = {
    "stopped": "this address told us to stop",
    "do_not_contact": "the customer must not be contacted on this channel",
    "withdrawn": "the customer has withdrawn consent for this channel",
    "no_consent": "the customer has not agreed to be contacted on this channel",
    "undeliverable": "there is nobody at this address, its carrier has said; the customer's page has more",
    "window": "the customer hasn't written for so long that the carrier takes only templates",
}


def verdict(conn: Connection, message: Any, now: datetime, policy: Policy) -> Later | Never | None:
    """What hinders this row of `messages` from being sent now; `None` if nothing does."""
    if undeliverable.found(conn, message.channel, message.to) is not None:
        return Never("undeliverable")
    customer_id = _customer(conn, message.contact_id)
    answer = message.purpose == "answer"
    why = consent.refusal(
        conn, message.channel, message.to, customer_id=customer_id, needs_consent=message.purpose == "reminder"
    )
    if why and not (answer and (why != "stopped" or message.meta.get(KEYWORD) or message.channel in ANSWERED)):
        return Never(why)
    window = shape_of(message.channel).window
    if window is not None and TEMPLATE not in message.meta and not _wrote_since(conn, message, now - window):
        return Never("window")
    until = None if answer else quiet_until(conn, policy, message.channel, message.to, customer_id, now)
    return None if until is None else Later(until, "quiet_hours")


def quiet_until(
    conn: Connection, policy: Policy, channel: str, address: str, customer_id: str | None, now: datetime
) -> datetime | None:
    """When the quiet hours that are on now for an address end; `None` if none are."""
    quiet = policy.quiet.get(channel)
    if quiet is None:
        return None
    at, moved = now, True
    while moved:  # what ends quiet hours in one zone may be within those of another
        moved = False
        for zone in zones(conn, channel, address, customer_id, policy):
            over = quiet.over_at(at, zone)
            if over is not None:
                at, moved = over, True
        if at > now + timedelta(days=2):  # the zones leave no hour: the last one's will do
            break
    return at if at > now else None


def zones(conn: Connection, channel: str, address: str, customer_id: str | None, policy: Policy) -> list[ZoneInfo]:
    """Where the customer may be: as their record says, else wherever their number may be, else where the company is."""
    found = identifier_of(channel, address)
    people = [customer_id] if customer_id else []
    if found is not None and not people:
        people = [candidate.customer_id for candidate in identifiers.identify(conn, *found)]
    known = [_zone(customers.get(conn, person).attributes.get(ZONE_ATTRIBUTE)) for person in people]
    said = [zone for zone in known if zone is not None]
    if said:
        return said
    if found is not None and found[0] == "phone":
        number = phonenumbers.parse(found[1])
        possible = [_zone(name) for name in phone_zones.time_zones_for_number(number)]
        likely = [zone for zone in possible if zone is not None]
        if likely:
            return likely
    return [policy.zone]


def _zone(name: Any) -> ZoneInfo | None:
    if not isinstance(name, str) or not name or name == phone_zones.UNKNOWN_TIMEZONE:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return None


def _customer(conn: Connection, contact_id: str | None) -> str | None:
    if contact_id is None:
        return None
    return conn.execute(sa.select(contacts.c.customer_id).where(contacts.c.id == contact_id)).scalar_one_or_none()


def _wrote_since(conn: Connection, message: Any, since: datetime) -> bool:
    wrote = sa.select(messages.c.id).where(
        messages.c.direction == "in",
        messages.c.channel == message.channel,
        messages.c.sender == message.to,
        messages.c.created_at >= since,
    )
    return conn.execute(wrote.limit(1)).first() is not None
