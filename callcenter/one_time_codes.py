"""One-time codes: six digits by text or mail that prove whose a phone or a mailbox is.

Stored as a salted scrypt hash; a code ends after ten minutes, five guesses, its use or a newer code.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import identifiers, locks, outbox
from callcenter.tables import messages, one_time_codes

LIFETIME = timedelta(minutes=10)
GUESSES = 5
PER_HOUR = 3
"""Codes for one address: more would be a way to annoy somebody, and to guess."""
KEPT = timedelta(days=1)
CHANNEL = {"phone": "sms", "email": "email"}
DEDUPE = "code:"
"""Messages with such a `dedupe_key` hold a code: nobody is shown their text."""
HIDDEN = "[one-time code]"


class TooManyCodes(Exception):
    """This address got too many codes within the hour."""


def issue(
    conn: Connection,
    kind: str,
    value: str,
    *,
    body: str,
    at: datetime,
    subject: str = "",
    contact_id: str | None = None,
    region: str = "",
) -> str:
    """Send a new code to a phone or mail address through the outbox; returns the id to check it with. `body` is the
    admin's text with `{code}` in it. Raises `InvalidIdentifier`, `TooManyCodes`, and ValueError for another kind of
    identifier or a text without `{code}`."""
    if kind not in CHANNEL:
        raise ValueError(f"no code can be sent to {kind!r}, only to {' or '.join(CHANNEL)}")
    if "{code}" not in body:
        raise ValueError("the text has no {code}")
    value = identifiers.normalise(kind, value, region)
    locks.hold(conn, f"code:{kind}:{value}")
    same = (one_time_codes.c.kind == kind, one_time_codes.c.value == value)
    recent = sa.select(sa.func.count()).where(*same, one_time_codes.c.created_at > at - timedelta(hours=1))
    if conn.execute(recent).scalar_one() >= PER_HOUR:
        raise TooManyCodes(f"{PER_HOUR} codes within an hour")
    conn.execute(sa.update(one_time_codes).where(*same, one_time_codes.c.expires_at > at).values(expires_at=at))
    code = f"{secrets.randbelow(10**6):06d}"
    code_id, salt = uuid.uuid4().hex, secrets.token_bytes(16)
    message_id = outbox.queue(
        conn,
        channel=CHANNEL[kind],
        to=value,
        subject=subject,
        body=body.replace("{code}", code),
        at=at,
        contact_id=contact_id,
        dedupe_key=DEDUPE + code_id,
    )
    conn.execute(
        sa.insert(one_time_codes).values(
            id=code_id,
            kind=kind,
            value=value,
            salt=salt,
            digest=_digest(code, salt),
            created_at=at,
            expires_at=at + LIFETIME,
            message_id=message_id,
        )
    )
    return code_id


def check(conn: Connection, code_id: str, code: str, at: datetime) -> bool:
    """Whether this is the code, once. Each call counts as a guess: commit the transaction also when it is False."""
    guess = sa.update(one_time_codes).where(
        one_time_codes.c.id == code_id,
        one_time_codes.c.used_at.is_(None),
        one_time_codes.c.expires_at > at,
        one_time_codes.c.attempts < GUESSES,
    )
    if conn.execute(guess.values(attempts=one_time_codes.c.attempts + 1)).rowcount != 1:
        return False
    row = conn.execute(sa.select(one_time_codes).where(one_time_codes.c.id == code_id)).one()
    given = "".join(sign for sign in code if sign.isascii() and sign.isdigit())
    if not hmac.compare_digest(_digest(given, row.salt), row.digest):
        return False
    unused = sa.update(one_time_codes).where(one_time_codes.c.id == code_id, one_time_codes.c.used_at.is_(None))
    return conn.execute(unused.values(used_at=at)).rowcount == 1


def live(conn: Connection, code_id: str, at: datetime) -> bool:
    """Whether this code may still be guessed."""
    query = sa.select(one_time_codes.c.id).where(
        one_time_codes.c.id == code_id,
        one_time_codes.c.used_at.is_(None),
        one_time_codes.c.expires_at > at,
        one_time_codes.c.attempts < GUESSES,
    )
    return conn.execute(query).first() is not None


def address(conn: Connection, code_id: str) -> tuple[str, str] | None:
    """The kind and value of the identifier that a code went to."""
    query = sa.select(one_time_codes.c.kind, one_time_codes.c.value).where(one_time_codes.c.id == code_id)
    row = conn.execute(query).one_or_none()
    return None if row is None else (row.kind, row.value)


def forget(conn: Connection, now: datetime) -> int:
    """Take codes that no longer count out of the messages that brought them; returns of how many. For a job."""
    return clear(conn, one_time_codes, now, KEPT)


def clear(conn: Connection, table: sa.Table, now: datetime, kept: timedelta) -> int:
    """Take what no longer counts out of the messages that brought it, and forget it when it has been over for `kept`;
    returns of how many messages. `table` has `message_id`, `expires_at` and `used_at`."""
    over = sa.or_(table.c.expires_at <= now, table.c.used_at.is_not(None))
    done = sa.update(messages).where(
        messages.c.id.in_(sa.select(table.c.message_id).where(over)),
        messages.c.status.not_in(("queued", "sending")),
        messages.c.body != HIDDEN,
    )
    cleared = conn.execute(done.values(body=HIDDEN, html="")).rowcount
    shown = sa.select(messages.c.id).where(messages.c.id == table.c.message_id, messages.c.body != HIDDEN)
    conn.execute(sa.delete(table).where(table.c.expires_at < now - kept, sa.not_(shown.exists())))
    return cleared


def _digest(code: str, salt: bytes) -> bytes:
    # Slow enough that a stolen database doesn't give a code away within its lifetime.
    return hashlib.scrypt(code.encode(), salt=salt, n=2**13, r=8, p=1)
