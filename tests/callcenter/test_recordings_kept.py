"""Recorded conversations are deleted when their queue keeps them no longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import contacts, events, recordings
from callcenter.db import reading
from callcenter.tables import contacts as contacts_table
from callcenter.tables import queue_entries
from callcenter.tables import recordings as recordings_table
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def recorded(engine: Engine, folder: Path, queue: str, days: int, kind: str = recordings.CONVERSATION) -> Path:
    """A recording of so many days ago."""
    at = NOW - timedelta(days=days)
    path = folder / f"{queue}{days}{kind}.wav"
    path.write_bytes(b"sound")
    with engine.begin() as conn:
        contact = contacts.start(conn, channel="sip", caller="+12125550100", called="1", at=at)
        if queue:
            conn.execute(
                sa.insert(queue_entries).values(
                    contact_id=contact, queue=queue, channel="sip", state="done", priority=0, joined_at=at,
                    updated_at=at, data={},
                )
            )  # fmt: skip
        recordings.keep(conn, path=path, seconds=1, kind=kind, contact_id=contact, number="", at=at)
    return path


def days(queue: str) -> int:
    return {"sales": 10}.get(queue, 90)


def test_each_queue_has_its_own_time(engine: Engine, tmp_path: Path) -> None:
    old, young = recorded(engine, tmp_path, "sales", 11), recorded(engine, tmp_path, "sales", 9)
    other, unknown = recorded(engine, tmp_path, "billing", 11), recorded(engine, tmp_path, "", 91)
    message = recorded(engine, tmp_path, "sales", 400, "voicemail")
    assert recordings.forget(engine, days, NOW) == 2
    assert [path.exists() for path in (old, young, other, unknown, message)] == [False, True, True, False, True]
    assert recordings.forget(engine, days, NOW) == 0
    with reading(engine) as conn:
        kept = conn.execute(sa.select(recordings_table.c.path)).scalars().all()
        assert sorted(kept) == sorted(map(str, (young, other, message)))
        rows = conn.execute(sa.select(contacts_table.c.id)).scalars().all()
        facts = [event for id in rows for event in events.of_contact(conn, id)]
    assert [fact.kind for fact in facts] == ["recording_deleted"] * 2
    assert all(len(fact.data["sha256"]) == 64 for fact in facts)


def test_what_cant_be_deleted_is_tried_again(sqlite_engine: Engine, tmp_path: Path) -> None:
    path = recorded(sqlite_engine, tmp_path, "sales", 11)
    path.unlink()
    path.mkdir()  # no file: unlink fails
    assert recordings.forget(sqlite_engine, days, NOW) == 0
    path.rmdir()
    assert recordings.forget(sqlite_engine, days, NOW) == 1
