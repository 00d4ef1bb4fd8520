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

from callcenter import consent, contacts, events, identifiers
from callcenter.identifiers import Identifier
from callcenter.recognition import KIND_OF_CHANNEL, identifier_of
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
    marks: dict[str, list[OptOut]] = {}
    for identifier in known:
        for channel in _channels(identifier):
            if (mark := found(conn, channel, identifier.value)) is not None:
                marks.setdefault(identifier.id, []).append(mark)
    return marks


def opt_in_identifier(conn: Connection, identifier: Identifier, *, source: str, at: datetime) -> list[str]:
    """A person says that this identifier wants messages again: the channels on which it had opted out."""
    out = [channel for channel in _channels(identifier) if found(conn, channel, identifier.value) is not None]
    for channel in out:
        opt_in(conn, channel, identifier.value, source=source, at=at)
    return out


def _channels(identifier: Identifier) -> list[str]:
    return [channel for channel, kind in KIND_OF_CHANNEL.items() if kind == identifier.kind]


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
        named = identifier_of(channel, address)
        people = identifiers.identify(conn, *named) if named else []
        customer_id = people[0].customer_id if len(people) == 1 else None
    if customer_id is not None:
        consent.put(conn, str(customer_id), channel, source=source, at=at, consent=state)
