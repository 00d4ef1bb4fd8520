"""Who works at the desk: names, roles, passwords, preferences."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from callcenter import locks
from callcenter.desk import passwords
from callcenter.desk.permissions import ROLES, Role
from callcenter.desk_tables import desk_devices, desk_sessions, invitations, recovery_codes, users

PREFERENCES: Final[dict[str, tuple[str, ...]]] = {
    "language": ("", "en", "es"),  # "": the browser's
    "theme": ("auto", "light", "dark"),
    "shortcuts": ("on", "off"),  # WCAG 2.2, 2.1.4: single keys can be switched off
}
"""What each may be; the first is what holds until somebody chooses."""
LOGIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
LONGEST_NAME = 100


class InvalidUser(ValueError):
    """What was given can't be a user; the words say why, for people."""


class UnknownUser(LookupError):
    """There is no such user."""


@dataclass(frozen=True, slots=True)
class User:
    """`agent_id` is that of flows/agents.yaml, for those who take contacts."""

    id: str
    login: str
    name: str
    email: str
    role: Role
    agent_id: str | None
    preferences: Mapping[str, str]
    active: bool
    has_password: bool
    has_totp: bool
    has_oidc: bool
    created_at: datetime
    last_login_at: datetime | None

    @property
    def by(self) -> str:
        """Who does it, for journals and notes."""
        return f"agent:{self.agent_id or self.login}"


def add(
    conn: Connection, *, login: str, name: str, role: str, at: datetime, email: str = "", agent_id: str | None = None
) -> User:
    """Store a user, who has no password yet. Raises `InvalidUser`."""
    user_id = uuid.uuid4().hex
    values = _checked(login=login, name=name, role=role, email=email, agent_id=agent_id)
    _insert_or_update(conn, sa.insert(users).values(id=user_id, **values, preferences={}, active=True, created_at=at))
    return get(conn, user_id)


def change(conn: Connection, user_id: str, **fields: Any) -> User:
    """Change login, name, role, email, agent_id or active. Whoever loses a role, or is switched off, feels it at once:
    see `sessions.privileges_changed`. Raises `UnknownUser`, and `InvalidUser`, also where nobody would be left to
    administer."""
    locks.hold(conn, "desk:users")
    before = get(conn, user_id)
    active = bool(fields.pop("active", before.active))
    known = {name: getattr(before, name) for name in ("login", "name", "role", "email", "agent_id")}
    values = _checked(**(known | fields))
    if before.role == "admin" and before.active and not (active and values["role"] == "admin") and _admins(conn) == 1:
        raise InvalidUser("one admin must be left")
    _insert_or_update(conn, sa.update(users).where(users.c.id == user_id).values(**values, active=active))
    return get(conn, user_id)


def prefer(conn: Connection, user_id: str, **chosen: str) -> None:
    """Keep preferences. Raises `InvalidUser` for one that there isn't."""
    for name, value in chosen.items():
        if value not in PREFERENCES.get(name, ()):
            raise InvalidUser(f"there is no such {name}")
    row = conn.execute(sa.select(users.c.preferences).where(users.c.id == user_id).with_for_update()).one()
    conn.execute(sa.update(users).where(users.c.id == user_id).values(preferences={**row.preferences, **chosen}))


def set_password(conn: Connection, user_id: str, hashed: str) -> None:
    """`hashed` comes from `passwords.hashed`, outside of the transaction: it takes a while."""
    conn.execute(sa.update(users).where(users.c.id == user_id).values(password_hash=hashed))


def password_hash(conn: Connection, user_id: str) -> str | None:
    found: str | None = conn.execute(sa.select(users.c.password_hash).where(users.c.id == user_id)).scalar_one()
    return found


def weakness(user: User, password: str, company: str) -> str:
    """As `passwords.weakness`, with what is known of the user."""
    return passwords.weakness(password, user.login, user.email, *user.name.split(), *company.split())


def get(conn: Connection, user_id: str) -> User:
    """Raises `UnknownUser`."""
    row = conn.execute(sa.select(users).where(users.c.id == user_id)).one_or_none()
    if row is None:
        raise UnknownUser(user_id)
    return user_of(row)


def find(conn: Connection, login: str) -> User | None:
    """By login, however it is typed."""
    row = conn.execute(sa.select(users).where(users.c.login == normalised(login))).one_or_none()
    return None if row is None else user_of(row)


def listed(conn: Connection) -> list[User]:
    """All, by login."""
    return [user_of(row) for row in conn.execute(sa.select(users).order_by(users.c.login))]


def names(conn: Connection) -> dict[str, str]:
    """How journals name users (`agent:ID`) to their names."""
    return {user.by: user.name for user in listed(conn)}


def any_admin(conn: Connection) -> bool:
    """Whether somebody can administer the desk."""
    return _admins(conn) > 0


def remove(conn: Connection, user_id: str) -> None:
    """Delete a user for good: the audit log keeps the login. Raises `InvalidUser` where nobody would be left to
    administer, `UnknownUser`."""
    change(conn, user_id, active=False)
    for table in (desk_sessions, desk_devices, recovery_codes, invitations):
        conn.execute(sa.delete(table).where(table.c.user_id == user_id))
    conn.execute(sa.delete(users).where(users.c.id == user_id))


def normalised(login: str) -> str:
    return unicodedata.normalize("NFKC", login).strip().lower()


def user_of(row: Row[Any]) -> User:
    """A row of `users`."""
    return User(
        id=row.id,
        login=row.login,
        name=row.name,
        email=row.email,
        role=cast(Role, row.role),
        agent_id=row.agent_id,
        preferences={name: row.preferences.get(name, values[0]) for name, values in PREFERENCES.items()},
        active=row.active,
        has_password=row.password_hash is not None,
        has_totp=row.totp_secret is not None,
        has_oidc=row.oidc_subject is not None,
        created_at=row.created_at,
        last_login_at=row.last_login_at,
    )


def _admins(conn: Connection) -> int:
    query = sa.select(sa.func.count()).select_from(users).where(users.c.role == "admin", users.c.active)
    return conn.execute(query).scalar_one()


def _checked(*, login: str, name: str, role: str, email: str, agent_id: str | None) -> dict[str, Any]:
    login, name, email = normalised(login), name.strip(), email.strip().lower()
    if not LOGIN.fullmatch(login):
        raise InvalidUser("a login has 1 to 64 letters, digits and . _ @ + -, and begins with a letter or a digit")
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise InvalidUser("a name has 1 to 100 characters")
    if role not in ROLES:
        raise InvalidUser(f"there is no role {role}; there are {', '.join(ROLES)}")
    if email and (not re.fullmatch(r"[^@\s]+@[^@\s]+", email) or len(email) > 254):
        raise InvalidUser("that is no mail address")
    agent_id = (agent_id or "").strip() or None
    if agent_id is not None and not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", agent_id):
        raise InvalidUser("an agent's id has letters, digits and . _ -")
    return {"login": login, "name": name, "role": role, "email": email, "agent_id": agent_id}


def _insert_or_update(conn: Connection, statement: sa.Insert | sa.Update) -> None:
    try:
        with conn.begin_nested():
            conn.execute(statement)
    except IntegrityError:
        raise InvalidUser("the login or the agent belongs to another user") from None
