"""Consent and do-not-contact, per channel: what a customer agreed to, and addresses that told us to stop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import customers, locks
from callcenter.recognition import identifier_of
from callcenter.tables import consents, identifiers, merges, suppressions
from callcenter.tables import customers as customers_table

CHANNELS = ("phone", "sms", "email", "chat", "whatsapp", "messenger")
State = Literal["unknown", "granted", "withdrawn"]
Reason = Literal["", "stopped", "do_not_contact", "withdrawn", "no_consent"]


@dataclass(frozen=True, slots=True)
class Consent:
    channel: str
    consent: State
    do_not_contact: bool
    source: str
    at: datetime


def put(
    conn: Connection,
    customer_id: str,
    channel: str,
    *,
    source: str,
    at: datetime,
    consent: State | None = None,
    do_not_contact: bool | None = None,
) -> Consent:
    """Note what the customer decided for a channel; what is `None` stays. `source` says where it was said. Raises
    `UnknownCustomer`."""
    root_id = customers.root(conn, customer_id)
    locks.hold(conn, f"consent:{root_id}:{channel}")
    known = of(conn, root_id).get(channel, Consent(channel, "unknown", False, source, at))
    new = Consent(
        channel,
        known.consent if consent is None else consent,
        known.do_not_contact if do_not_contact is None else do_not_contact,
        source,
        at,
    )
    row = (consents.c.customer_id == root_id, consents.c.channel == channel)
    values = {"consent": new.consent, "do_not_contact": new.do_not_contact, "source": source, "at": at}
    if conn.execute(sa.update(consents).where(*row).values(values)).rowcount == 0:
        conn.execute(sa.insert(consents).values(customer_id=root_id, channel=channel, **values))
    return new


def of(conn: Connection, customer_id: str) -> dict[str, Consent]:
    """A person's decisions by channel. Of customers that were merged the most restrictive holds, until the person
    decides anew. Raises `UnknownCustomer`."""
    root_id = customers.root(conn, customer_id)
    ids = sa.select(customers_table.c.id).where(customers_table.c.root_id == root_id)
    merged = sa.select(sa.func.max(merges.c.at)).where(merges.c.absorbed_id.in_(ids), merges.c.undone_at.is_(None))
    last_merge = conn.execute(merged).scalar_one()
    found: dict[str, Consent] = {}
    overruling: set[str] = set()
    rows = conn.execute(sa.select(consents).where(consents.c.customer_id.in_(ids))).all()
    for row in sorted(rows, key=lambda row: row.customer_id != root_id):
        own = Consent(row.channel, row.consent, row.do_not_contact, row.source, row.at)
        if row.customer_id == root_id and last_merge is not None and row.at >= last_merge:
            overruling.add(row.channel)
        if row.channel not in found:
            found[row.channel] = own
        elif row.channel not in overruling:
            found[row.channel] = _stricter(found[row.channel], own)
    return found


def _stricter(one: Consent, other: Consent) -> Consent:
    order = ("unknown", "granted", "withdrawn")
    consent = max(one.consent, other.consent, key=order.index)
    decisive = one if (one.consent, one.do_not_contact) >= (other.consent, other.do_not_contact) else other
    return Consent(one.channel, consent, one.do_not_contact or other.do_not_contact, decisive.source, decisive.at)


def suppress(conn: Connection, channel: str, address: str, *, source: str, at: datetime) -> None:
    """This address told us to stop (STOP by text, an unsubscribe link), whoever it belongs to."""
    locks.hold(conn, f"suppression:{channel}:{kept(channel, address)}")
    conn.execute(sa.delete(suppressions).where(suppressed(channel, address)))
    conn.execute(sa.insert(suppressions).values(channel=channel, address=kept(channel, address), source=source, at=at))


def unsuppress(conn: Connection, channel: str, address: str) -> bool:
    """The address wants to hear from us again (START); False when it hadn't stopped."""
    return conn.execute(sa.delete(suppressions).where(suppressed(channel, address))).rowcount == 1


def refusal(
    conn: Connection, channel: str, address: str, *, customer_id: str | None = None, needs_consent: bool = False
) -> Reason:
    """Why this address must not be contacted on this channel; "" if it may. Without `customer_id` everybody whom the
    address names must allow it. `needs_consent` is for what isn't an answer: reminders, offers."""
    if conn.execute(sa.select(suppressions.c.at).where(suppressed(channel, address))).first():
        return "stopped"
    people = {customer_id} if customer_id else _named(conn, channel, address)
    decisions = [of(conn, person).get(channel) for person in people]
    if any(decision is not None and decision.do_not_contact for decision in decisions):
        return "do_not_contact"
    if any(decision is not None and decision.consent == "withdrawn" for decision in decisions):
        return "withdrawn"
    granted = bool(decisions) and all(decision is not None and decision.consent == "granted" for decision in decisions)
    return "no_consent" if needs_consent and not granted else ""


def _named(conn: Connection, channel: str, address: str) -> set[str]:
    found = identifier_of(channel, address)
    if found is None:
        return set()
    kind, value = found
    query = (
        sa.select(customers_table.c.root_id)
        .join(identifiers, identifiers.c.customer_id == customers_table.c.id)
        .where(identifiers.c.kind == kind, identifiers.c.value == value)
    )
    return set(conn.execute(query).scalars())


def kept(channel: str, address: str) -> str:
    """An address in the form in which it is kept here."""
    found = identifier_of(channel, address)
    return found[1] if found else address.strip().lower()


def suppressed(channel: str, address: str) -> sa.ColumnElement[bool]:
    """The condition on `suppressions` for this address."""
    return sa.and_(suppressions.c.channel == channel, suppressions.c.address == kept(channel, address))
