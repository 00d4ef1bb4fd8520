"""Who is signed in. The cookie holds 256 random bits, the database their hash.

A session ends when it isn't used (idle), after some hours whatever happens (absolute), at signing out, with all others
of its user ("everywhere"), and when its user is switched off. Its id changes at every step that gives more rights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.desk.secret import digest, new_token
from callcenter.desk.users import User, user_of
from callcenter.desk_tables import desk_devices, desk_sessions, users

Stage = Literal["second_factor", "open"]
HALF = timedelta(minutes=10)
"""How long one may look for the telephone with the codes."""
TOUCH = timedelta(minutes=1)
"""`seen_at` is written no more often."""
DEVICE = timedelta(days=180)
_FIND = (
    sa.select(
        users,
        *(
            desk_sessions.c[name]
            for name in ("stage", "method", "renew", "address", "browser", "seen_at", "expires_at")
        ),
        desk_sessions.c.id.label("session_id"),
        desk_sessions.c.created_at.label("begun_at"),
    )
    .join_from(desk_sessions, users, users.c.id == desk_sessions.c.user_id)
    .where(desk_sessions.c.id == sa.bindparam("token"), users.c.active)
)
"""Each request asks this."""


@dataclass(frozen=True, slots=True)
class Session:
    """`token` is the cookie's; it is never stored. `renew`: the next answer brings another one."""

    id: str
    token: str
    user: User
    stage: Stage
    method: str
    renew: bool
    address: str
    browser: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Lifetime:
    idle: timedelta
    absolute: timedelta


def begin(
    conn: Connection, user: User, *, stage: Stage, method: str, address: str, browser: str, life: Lifetime, at: datetime
) -> str:
    """A new session; returns what the cookie is to hold."""
    token = new_token()
    conn.execute(
        sa.insert(desk_sessions).values(
            id=digest(token),
            user_id=user.id,
            stage=stage,
            method=method,
            address=address,
            browser=browser[:200],
            created_at=at,
            seen_at=at,
            expires_at=at + (HALF if stage == "second_factor" else life.absolute),
        )
    )
    if stage == "open":
        conn.execute(sa.update(users).where(users.c.id == user.id).values(last_login_at=at))
    return token


def find(conn: Connection, token: str, life: Lifetime, now: datetime) -> Session | None:
    """Whose session it is, unless it is over."""
    if not token or len(token) > 100:
        return None
    row = conn.execute(_FIND, {"token": digest(token)}).one_or_none()
    if row is None or row.expires_at <= now or row.seen_at + life.idle <= now:
        return None
    return Session(
        id=row.session_id,
        token=token,
        user=user_of(row),
        stage=cast(Stage, row.stage),
        method=row.method,
        renew=row.renew,
        address=row.address,
        browser=row.browser,
        created_at=row.begun_at,
        seen_at=row.seen_at,
        expires_at=row.expires_at,
    )


def renew(conn: Connection, session: Session, now: datetime) -> Session | None:
    """The same session under another token; the old one is worth nothing. `None` where it ended meanwhile."""
    token = new_token()
    same = sa.update(desk_sessions).where(desk_sessions.c.id == session.id)
    if conn.execute(same.values(id=digest(token), seen_at=now, renew=False)).rowcount != 1:
        return None
    return replace(session, id=digest(token), token=token, seen_at=now, renew=False)


def touch(conn: Connection, session: Session, now: datetime) -> None:
    conn.execute(sa.update(desk_sessions).where(desk_sessions.c.id == session.id).values(seen_at=now))


def end(conn: Connection, session_id: str, user_id: str) -> bool:
    """End one session of a user; False where there is none."""
    own = (desk_sessions.c.id == session_id, desk_sessions.c.user_id == user_id)
    return conn.execute(sa.delete(desk_sessions).where(*own)).rowcount == 1


def end_all(conn: Connection, user_id: str, *, besides: str = "") -> int:
    """End all sessions of a user, and forget the browsers; `besides` is the id of one that goes on."""
    conn.execute(sa.delete(desk_devices).where(desk_devices.c.user_id == user_id))
    others = sa.delete(desk_sessions).where(desk_sessions.c.user_id == user_id, desk_sessions.c.id != besides)
    return conn.execute(others).rowcount


def privileges_changed(conn: Connection, user_id: str) -> None:
    """The user's sessions get other ids with their next answers."""
    conn.execute(sa.update(desk_sessions).where(desk_sessions.c.user_id == user_id).values(renew=True))


def of_user(conn: Connection, user_id: str, life: Lifetime, now: datetime) -> list[sa.Row[tuple[object, ...]]]:
    """The rows of those that are open, the last used first."""
    query = sa.select(desk_sessions).where(
        desk_sessions.c.user_id == user_id, desk_sessions.c.expires_at > now, desk_sessions.c.seen_at > now - life.idle
    )
    return list(conn.execute(query.order_by(desk_sessions.c.seen_at.desc())))


def remember_browser(conn: Connection, user: User, token: str, now: datetime) -> str:
    """A browser in which this user has signed in: returns the token that it keeps, the one that it has where that is
    this user's."""
    if knows_browser(conn, user.id, token, now):
        conn.execute(sa.update(desk_devices).where(desk_devices.c.id == digest(token)).values(seen_at=now))
        return token
    made = new_token()
    conn.execute(sa.insert(desk_devices).values(id=digest(made), user_id=user.id, seen_at=now))
    return made


def knows_browser(conn: Connection, user_id: str, token: str, now: datetime) -> bool:
    query = sa.select(desk_devices.c.id).where(
        desk_devices.c.id == digest(token), desk_devices.c.user_id == user_id, desk_devices.c.seen_at > now - DEVICE
    )
    return bool(token) and conn.execute(query).first() is not None


def forget(conn: Connection, now: datetime) -> int:
    """Drop sessions that are over and browsers that didn't come back; returns how many sessions. For a job."""
    conn.execute(sa.delete(desk_devices).where(desk_devices.c.seen_at < now - DEVICE))
    return conn.execute(sa.delete(desk_sessions).where(desk_sessions.c.expires_at < now)).rowcount
