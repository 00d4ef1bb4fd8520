"""Links to the chat that go to a customer's telephone or mailbox: who opens one goes on there with what they were at.

A link counts once, for an hour, and only the newest to an address does. Whoever opens it has what we sent to that
address: that tells more than caller id, which can be forged, and less than a one-time code, as a link is passed on with
a touch. So it settles the one conversation (proof `link`), and neither the browser nor a merge.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from callcenter import identifiers, locks, outbox
from callcenter.one_time_codes import CHANNEL, DEDUPE, clear
from callcenter.tables import chat_links

LIFETIME = timedelta(hours=1)
PER_HOUR = 3
"""Links to one address: more would be a way to annoy somebody."""
KEPT = timedelta(days=7)


class TooManyLinks(Exception):
    """This address got too many links within the hour."""


class LinkOver(Exception):
    """The link is unknown, too old, replaced by a newer one, or somebody else has opened it."""


@dataclass(frozen=True, slots=True)
class Link:
    """`kind` and `value` are the identifier that it went to; `stack` is the step that sent it, (flow, step) with the
    innermost last; `chat` is the contact that goes on with it, "" before it was opened."""

    id: str
    contact_id: str
    session_id: str
    kind: str
    value: str
    stack: tuple[tuple[str, str], ...]
    chat: str


def new_id() -> str:
    """What a link is called: 128 random bits."""
    return uuid.uuid4().hex


def issue(
    conn: Connection,
    link_id: str,
    kind: str,
    value: str,
    *,
    key: str,
    body: str,
    at: datetime,
    contact_id: str,
    session_id: str,
    stack: Sequence[Sequence[str]],
    subject: str = "",
) -> str:
    """Send a link to a (normalised) phone or mail address through the outbox; returns the message's id. `key` is the
    attempt that it belongs to (`issued`), `body` the text with the link in it. Raises `TooManyLinks`, and ValueError
    for another kind of identifier."""
    if kind not in CHANNEL:
        raise ValueError(f"no link can be sent to {kind!r}, only to {' or '.join(CHANNEL)}")
    locks.hold(conn, f"chat_link:{kind}:{value}")
    same = (chat_links.c.kind == kind, chat_links.c.value == value)
    recent = sa.select(sa.func.count()).where(*same, chat_links.c.created_at > at - timedelta(hours=1))
    if conn.execute(recent).scalar_one() >= PER_HOUR:
        raise TooManyLinks(f"{PER_HOUR} links within an hour")
    older = sa.update(chat_links).where(*same, chat_links.c.used_at.is_(None), chat_links.c.expires_at > at)
    conn.execute(older.values(expires_at=at))
    message_id = outbox.queue(
        conn, channel=CHANNEL[kind], to=value, subject=subject, body=body, at=at, contact_id=contact_id,
        dedupe_key=f"{DEDUPE}link:{link_id}",
    )  # fmt: skip
    conn.execute(
        sa.insert(chat_links).values(
            id=link_id,
            key=key,
            contact_id=contact_id,
            session_id=session_id,
            kind=kind,
            value=value,
            stack=[list(place) for place in stack],
            message_id=message_id,
            created_at=at,
            expires_at=at + LIFETIME,
            visitor="",
            chat_id="",
        )
    )
    return message_id


def issued(conn: Connection, key: str) -> str | None:
    """The message of the link that this very attempt has sent already."""
    return conn.execute(sa.select(chat_links.c.message_id).where(chat_links.c.key == key)).scalar_one_or_none()


def unused(conn: Connection, link_id: str, at: datetime) -> bool:
    """Whether nobody has opened a link yet that still counts."""
    query = sa.select(chat_links.c.id).where(
        chat_links.c.id == link_id, chat_links.c.used_at.is_(None), chat_links.c.expires_at > at
    )
    return conn.execute(query).first() is not None


def opened(conn: Connection, link_id: str, visitor: str, at: datetime) -> Link:
    """The link that a visitor opens. Another time it is only for the visitor who was first. Raises `LinkOver`."""
    unused = sa.update(chat_links).where(
        chat_links.c.id == link_id, chat_links.c.used_at.is_(None), chat_links.c.expires_at > at
    )
    first = conn.execute(unused.values(used_at=at, visitor=visitor)).rowcount == 1
    row = conn.execute(sa.select(chat_links).where(chat_links.c.id == link_id)).one_or_none()
    if row is None or not (first or (row.used_at is not None and row.visitor == visitor)):
        raise LinkOver
    return _link(row)


def goes_on(conn: Connection, link: Link, visitor: str, chat: str) -> None:
    """The opened link leads to this contact, with this visitor."""
    conn.execute(sa.update(chat_links).where(chat_links.c.id == link.id).values(visitor=visitor, chat_id=chat))


def of_chat(conn: Connection, contact_id: str) -> Link | None:
    """The (newest) link that led to a chat."""
    query = sa.select(chat_links).where(chat_links.c.chat_id == contact_id).order_by(chat_links.c.used_at.desc())
    row = conn.execute(query.limit(1)).one_or_none()
    return None if row is None else _link(row)


def customers_of(conn: Connection, link: Link, customer_id: str | None) -> list[str]:
    """Whom the one who opens it may be: the customer whom the contact that sent it is with, where the address is
    theirs, else everybody whom the address names. `customer_id` is a root."""
    found = [candidate.customer_id for candidate in identifiers.identify(conn, link.kind, link.value)]
    return [customer_id] if customer_id in found and customer_id is not None else found


def forget(conn: Connection, now: datetime) -> int:
    """Take links that no longer count out of the messages that brought them; returns of how many. For a job."""
    return clear(conn, chat_links, now, KEPT)


def _link(row: Row[Any]) -> Link:
    return Link(
        row.id, row.contact_id, row.session_id, row.kind, row.value,
        tuple((flow, step) for flow, step in row.stack), row.chat_id,
    )  # fmt: skip
