"""Addresses that told us to stop: by a word (STOP), by the link in a mail, or to their carrier, which then says so.

Kept by channel and address, whoever it belongs to. What opts an address out withdraws the customer's consent for the
channel as well, where it is clear whose it is; a word (START) or a person takes both back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import consent, contacts, events, recognition
from callcenter.identifiers import Identifier
from callcenter.recognition import KIND_OF_CHANNEL
from callcenter.tables import suppressions

KEYWORD, LINK, CARRIER = "keyword", "link", "carrier"
"""Where it was said; else it is a person ("user:ID") or a program ("api:ID")."""


@dataclass(frozen=True, slots=True)
class OptOut:
    channel: str
    address: str
    source: str
    at: datetime


def opt_out(
    conn: Connection, channel: str, address: str, *, source: str, at: datetime, contact_id: str | None, code: str = ""
) -> None:
    """Nothing goes to this address on this channel any more, as of now; the newest word counts. `code` is the
    carrier's."""
    consent.suppress(conn, channel, address, source=source, at=at)
    _decided(conn, channel, address, "withdrawn", source, at, contact_id)
    data = {"channel": channel, "source": source} | ({"code": code} if code else {})
    events.record(conn, contact_id, None, "opted_out", data, at)


def opt_in(
    conn: Connection, channel: str, address: str, *, source: str, at: datetime, contact_id: str | None = None
) -> bool:
    """The address wants to hear from us again; False when it hadn't opted out."""
    was = consent.unsuppress(conn, channel, address)
    _decided(conn, channel, address, "granted", source, at, contact_id)
    events.record(conn, contact_id, None, "opted_in", {"channel": channel, "source": source}, at)
    return was


def found(conn: Connection, channel: str, address: str) -> OptOut | None:
    """Since when and by what an address has opted out; `None` if it hasn't."""
    row = conn.execute(sa.select(suppressions).where(consent.suppressed(channel, address))).one_or_none()
    return None if row is None else OptOut(row.channel, row.address, row.source, row.at)


def of_identifiers(conn: Connection, known: Sequence[Identifier]) -> dict[str, list[OptOut]]:
    """The channels on which these identifiers have opted out, by the identifier's id; those of none are left out."""
    wanted = sa.and_(
        suppressions.c.channel.in_(KIND_OF_CHANNEL), suppressions.c.address.in_({one.value for one in known})
    )
    out: dict[tuple[str, str], list[OptOut]] = {}
    for row in conn.execute(sa.select(suppressions).where(wanted).order_by(suppressions.c.channel)):
        mark = OptOut(row.channel, row.address, row.source, row.at)
        out.setdefault((KIND_OF_CHANNEL[row.channel], row.address), []).append(mark)
    return {one.id: out[one.kind, one.value] for one in known if (one.kind, one.value) in out}


def opt_in_identifier(conn: Connection, identifier: Identifier, *, source: str, at: datetime) -> list[str]:
    """A person says that this identifier wants messages again: the channels on which it had opted out."""
    out = [mark.channel for mark in of_identifiers(conn, [identifier]).get(identifier.id, ())]
    for channel in out:
        opt_in(conn, channel, identifier.value, source=source, at=at)
    return out


def _decided(
    conn: Connection,
    channel: str,
    address: str,
    state: consent.State,
    source: str,
    at: datetime,
    contact_id: str | None,
) -> None:
    contact = contacts.get(conn, contact_id) if contact_id else None
    customer_id = None if contact is None else contact.customer_id
    if customer_id is None:
        customer_id = recognition.only(conn, channel, address)
    if customer_id is not None:
        consent.put(conn, str(customer_id), channel, source=source, at=at, consent=state)
