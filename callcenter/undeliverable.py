"""Addresses at which there is nobody, as a carrier or a mail server has said: nothing further is sent there.

Kept by channel and address, whoever it belongs to: a landline that takes no texts can still be called. What comes from
such an address, or a person, takes the mark away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import consent, events, locks
from callcenter.identifiers import Identifier
from callcenter.recognition import KIND_OF_CHANNEL
from callcenter.tables import undeliverable

LONGEST = 300
"""Characters of a reason."""


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """`code` is the carrier's (an enhanced status code as in RFC 3463, a Twilio error), "" where it gave none."""

    channel: str
    address: str
    code: str
    reason: str
    at: datetime


def mark(
    conn: Connection,
    channel: str,
    address: str,
    *,
    code: str,
    reason: str,
    at: datetime,
    contact_id: str | None = None,
    message_id: str | None = None,
) -> None:
    """Nothing can be delivered to this address; the newest reason counts."""
    kept = consent.kept(channel, address)
    locks.hold(conn, f"undeliverable:{channel}:{kept}")
    conn.execute(sa.delete(undeliverable).where(_same(channel, address)))
    values = {"channel": channel, "address": kept, "code": code[:20], "reason": reason[:LONGEST], "at": at}
    conn.execute(sa.insert(undeliverable).values(values | {"message_id": message_id}))
    data = {"channel": channel, "code": code[:20], "reason": reason[:LONGEST], "message": message_id or ""}
    events.record(conn, contact_id, None, "address_undeliverable", data, at)


def clear(conn: Connection, channel: str, address: str) -> bool:
    """There is somebody after all; False when it wasn't marked."""
    return conn.execute(sa.delete(undeliverable).where(_same(channel, address))).rowcount == 1


def found(conn: Connection, channel: str, address: str) -> Undeliverable | None:
    """Why nothing can be delivered to this address; `None` if nothing is known against it."""
    row = conn.execute(sa.select(undeliverable).where(_same(channel, address))).one_or_none()
    return None if row is None else Undeliverable(row.channel, row.address, row.code, row.reason, row.at)


def of_identifiers(conn: Connection, known: Sequence[Identifier]) -> dict[str, list[Undeliverable]]:
    """The marks of these identifiers, by the identifier's id; those without any are left out."""
    marks: dict[str, list[Undeliverable]] = {}
    for identifier in known:
        for channel, kind in KIND_OF_CHANNEL.items():
            mark = found(conn, channel, identifier.value) if kind == identifier.kind else None
            if mark is not None:
                marks.setdefault(identifier.id, []).append(mark)
    return marks


def clear_identifier(conn: Connection, identifier: Identifier) -> bool:
    """Take all marks from an identifier; False when there were none."""
    channels = [channel for channel, kind in KIND_OF_CHANNEL.items() if kind == identifier.kind]
    return sum(clear(conn, channel, identifier.value) for channel in channels) > 0


def _same(channel: str, address: str) -> sa.ColumnElement[bool]:
    return sa.and_(undeliverable.c.channel == channel, undeliverable.c.address == consent.kept(channel, address))
