"""Files that came or went with a contact: where each is kept, what it claims to be, and a checksum."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from callcenter.customers import members
from callcenter.tables import contacts, files


def keep(
    conn: Connection,
    *,
    path: Path,
    name: str,
    media_type: str,
    contact_id: str,
    at: datetime,
    message_id: str | None = None,
) -> str:
    """Register a finished file; returns its id. `name` is the sender's, for showing only. Raises `OSError` if the
    file can't be read."""
    file_id = uuid.uuid4().hex
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    conn.execute(
        sa.insert(files).values(
            id=file_id,
            contact_id=contact_id,
            message_id=message_id,
            name=name,
            media_type=media_type,
            size=size,
            sha256=digest,
            path=str(path),
            created_at=at,
        )
    )
    return file_id


def of_contact(conn: Connection, contact_id: str) -> Sequence[Row[tuple[object, ...]]]:
    """A contact's files, the oldest first."""
    query = sa.select(files).where(files.c.contact_id == contact_id).order_by(files.c.created_at, files.c.id)
    return conn.execute(query).all()


def of_customer(conn: Connection, customer_id: str, *, limit: int = 100) -> Sequence[Row[tuple[object, ...]]]:
    """The newest files of all of a person's contacts."""
    query = (
        sa.select(files)
        .join(contacts, contacts.c.id == files.c.contact_id)
        .where(contacts.c.customer_id.in_(members(customer_id)))
        .order_by(files.c.created_at.desc(), files.c.id.desc())
        .limit(limit)
    )
    return conn.execute(query).all()
