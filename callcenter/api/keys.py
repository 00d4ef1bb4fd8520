"""API keys: `cw_<id>_<secret>`, of which only a hash is stored, each with the scopes that it has."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.tables import api_keys

RESOURCES = ("customers", "contacts", "messages", "cases", "notes", "files", "webhooks", "queues", "agents",
             "callbacks", "campaigns", "knowledge", "evaluations")  # fmt: skip
SCOPES = tuple(f"{resource}:{right}" for resource in RESOURCES for right in ("read", "write"))


@dataclass(frozen=True, slots=True)
class Key:
    id: str
    name: str
    scopes: frozenset[str]


def create_key(
    conn: Connection, name: str, scopes: Collection[str], *, at: datetime, expires_at: datetime | None = None
) -> str:
    """A new key with these scopes; it can't be shown again. Raises ValueError for an unknown scope or no name."""
    if not name.strip() or not scopes:
        raise ValueError("a key has a name and at least one scope")
    if unknown := set(scopes) - set(SCOPES):
        raise ValueError(f"there is no scope {', '.join(sorted(unknown))}; there are {', '.join(SCOPES)}")
    key_id, secret = secrets.token_hex(8), secrets.token_hex(24)
    conn.execute(
        sa.insert(api_keys).values(
            id=key_id,
            name=name.strip(),
            digest=_digest(secret),
            scopes=sorted(scopes),
            created_at=at,
            expires_at=expires_at,
        )
    )
    return f"cw_{key_id}_{secret}"


def revoke_key(conn: Connection, key_id: str, at: datetime) -> bool:
    """The key works no longer; False when there is none or it was revoked. `key_id` is the middle part of a key."""
    living = sa.update(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
    return conn.execute(living.values(revoked_at=at)).rowcount == 1


def find(conn: Connection, authorization: str, at: datetime) -> Key | None:
    """Whose the `Authorization` header is (RFC 6750's Bearer); `None` if it isn't a key that works."""
    scheme, _, token = authorization.partition(" ")
    parts = token.strip().split("_")
    if scheme.lower() != "bearer" or len(parts) != 3 or parts[0] != "cw" or not token.isascii():
        return None
    row = conn.execute(sa.select(api_keys).where(api_keys.c.id == parts[1])).one_or_none()
    if row is None or not hmac.compare_digest(row.digest, _digest(parts[2])):
        return None
    if row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= at):
        return None
    return Key(row.id, row.name, frozenset(row.scopes))


def _digest(secret: str) -> str:
    # 192 random bits can't be guessed, so that a fast hash is enough.
    return hashlib.sha256(secret.encode()).hexdigest()
