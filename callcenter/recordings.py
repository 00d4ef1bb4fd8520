"""Recordings that were made: where each file is, how long, and a checksum that proves it unchanged."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from callcenter.tables import recordings


def keep(conn: Connection, *, path: Path, seconds: float, kind: str, contact_id: str, number: str, at: datetime) -> str:
    """Register a finished file; returns the recording's id. Raises `OSError` if the file can't be read."""
    recording_id = uuid.uuid4().hex
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    conn.execute(
        sa.insert(recordings).values(
            id=recording_id,
            contact_id=contact_id,
            kind=kind,
            path=str(path),
            seconds=seconds,
            sha256=digest,
            number=number,
            created_at=at,
        )
    )
    return recording_id


def of_contact(conn: Connection, contact_id: str) -> Sequence[Row[tuple[object, ...]]]:
    """A contact's recordings, the oldest first."""
    query = sa.select(recordings).where(recordings.c.contact_id == contact_id).order_by(recordings.c.created_at)
    return conn.execute(query).all()
