"""Recordings that were made: where each file is, how long, and a checksum that proves it unchanged."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, Row

from callcenter import events
from callcenter.db import reading
from callcenter.tables import queue_entries, recordings

logger = logging.getLogger(__name__)

CONVERSATION = "conversation"
"""The kind of what a queue records; voice messages are kept until somebody deletes them."""


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


def forget(engine: Engine, keep_days: Callable[[str], int], now: datetime) -> int:
    """Delete conversations that are older than their queue keeps them (`keep_days` by the queue's name, "" for one that
    isn't known): first the file, then the row, with an event that names the checksum. What can't be deleted is tried
    again the next time. Returns how many are gone."""
    queue = sa.func.coalesce(queue_entries.c.queue, "")
    found = (
        sa.select(recordings, queue.label("queue"))
        .join(queue_entries, queue_entries.c.contact_id == recordings.c.contact_id, isouter=True)
        .where(recordings.c.kind == CONVERSATION, recordings.c.created_at < now - timedelta(days=1))
        .order_by(recordings.c.created_at)
    )
    with reading(engine) as conn:
        old = [row for row in conn.execute(found) if row.created_at < now - timedelta(days=keep_days(row.queue))]
    gone = 0
    for row in old:
        try:
            if row.path:  # else it was never fetched from where it was made
                Path(row.path).unlink(missing_ok=True)
        except OSError as error:
            logger.warning("recording %s can't be deleted: %s", row.id, error.strerror)
            continue
        with engine.begin() as conn:
            if conn.execute(sa.delete(recordings).where(recordings.c.id == row.id)).rowcount:
                data = {"recording": row.id, "sha256": row.sha256, "queue": row.queue}
                events.record(conn, row.contact_id, None, "recording_deleted", data, now)
                gone += 1
    return gone
