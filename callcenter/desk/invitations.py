"""One-time links: the first admin's, and those by which a user chooses a password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import locks
from callcenter.desk.secret import digest, new_token
from callcenter.desk.users import any_admin
from callcenter.desk_tables import invitations

FIRST_RUN = timedelta(hours=24)
USER = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Invitation:
    """`user_id` is `None` for the first admin's."""

    user_id: str | None


def for_first_admin(conn: Connection, now: datetime) -> str | None:
    """The token of a link that makes the first admin; earlier ones work no longer. `None` where there is an admin."""
    locks.hold(conn, "desk:users")
    if any_admin(conn):
        return None
    conn.execute(sa.delete(invitations).where(invitations.c.user_id.is_(None)))
    return _made(conn, None, now, FIRST_RUN)


def for_user(conn: Connection, user_id: str, now: datetime) -> str:
    """The token of a link by which a user chooses a password; earlier ones work no longer."""
    conn.execute(sa.delete(invitations).where(invitations.c.user_id == user_id))
    return _made(conn, user_id, now, USER)


def look(conn: Connection, token: str, now: datetime) -> Invitation | None:
    """What a link is for, unless it was used or is too old."""
    row = conn.execute(sa.select(invitations).where(*_usable(token, now))).one_or_none()
    if row is None or (row.user_id is None and any_admin(conn)):
        return None
    return Invitation(row.user_id)


def use(conn: Connection, token: str, now: datetime) -> Invitation | None:
    """Use a link up: of two at once, one gets it."""
    locks.hold(conn, "desk:users")
    found = look(conn, token, now)
    if found is None:
        return None
    used = sa.update(invitations).where(*_usable(token, now)).values(used_at=now)
    return found if conn.execute(used).rowcount == 1 else None


def path(token: str) -> str:
    """Under the public address."""
    return f"/desk/welcome/{token}"


def _made(conn: Connection, user_id: str | None, now: datetime, life: timedelta) -> str:
    token = new_token(16)  # short enough for a line of a terminal
    conn.execute(
        sa.insert(invitations).values(id=digest(token), user_id=user_id, created_at=now, expires_at=now + life)
    )
    return token


def _usable(token: str, now: datetime) -> list[sa.ColumnElement[bool]]:
    return [
        invitations.c.id == digest(token),
        invitations.c.used_at.is_(None),
        invitations.c.expires_at > now,
    ]
