"""The log is copied by a thread of its own, and no commit does it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.checkpoint import Checkpointer
from callcenter.db import open_database, reading
from callcenter.tables import flow_versions
from tests.callcenter.test_writing_quickly import hashes, insert

ROWS = 300


@pytest.fixture
def copied(sqlite_engine: Engine) -> Iterator[Checkpointer]:
    checkpointer = Checkpointer(sqlite_engine, every=3600)
    checkpointer.start()
    yield checkpointer
    checkpointer.close()


def log_of(engine: Engine) -> Path:
    return Path(f"{engine.url.database}-wal")


def fill(engine: Engine, start: int = 0) -> None:
    """More than the 1,000 pages after which SQLite would begin by itself."""
    for number in range(start, start + ROWS):
        with engine.begin() as connection:
            row = {"hash": f"{number:06}", "content": bytes(16_000), "published_at": sa.func.now()}
            connection.execute(sa.insert(flow_versions).values(**row))


def main_file(engine: Engine) -> bytes:
    return Path(str(engine.url.database)).read_bytes()


def test_a_commit_leaves_the_database_file_alone(copied: Checkpointer, sqlite_engine: Engine) -> None:
    copied.checkpoint()
    before = main_file(sqlite_engine)
    fill(sqlite_engine)
    assert main_file(sqlite_engine) == before
    assert copied.checkpoint() == 0
    assert len(main_file(sqlite_engine)) > len(before) + ROWS * 16_000
    assert len(hashes(sqlite_engine)) == ROWS


def test_the_log_begins_anew_though_somebody_always_writes(sqlite_engine: Engine) -> None:
    checkpointer = Checkpointer(sqlite_engine, every=3600, longest=ROWS)
    checkpointer.start()
    sizes = []
    for turn in range(3):
        fill(sqlite_engine, turn * ROWS)
        with reading(sqlite_engine) as connection:
            connection.execute(sa.select(flow_versions.c.hash)).first()
            sizes.append(log_of(sqlite_engine).stat().st_size)
        checkpointer.checkpoint()
    checkpointer.close()
    assert max(sizes) < sizes[0] * 1.5


def test_a_reader_in_the_middle_only_puts_it_off(sqlite_engine: Engine) -> None:
    checkpointer = Checkpointer(sqlite_engine, every=3600, longest=ROWS)
    checkpointer.start()
    insert(sqlite_engine, "a")
    with reading(sqlite_engine) as connection:
        connection.execute(sa.select(flow_versions.c.hash)).first()
        fill(sqlite_engine)
        assert checkpointer.checkpoint() > 0
        insert(sqlite_engine, "b")
    assert checkpointer.checkpoint() == 0
    checkpointer.close()


def test_it_runs_by_itself_until_it_is_closed(sqlite_engine: Engine) -> None:
    checkpointer = Checkpointer(sqlite_engine, every=0.01)
    checkpointer.start()
    before = len(main_file(sqlite_engine))
    fill(sqlite_engine)
    give_up = time.monotonic() + 20
    while len(main_file(sqlite_engine)) < before + ROWS * 16_000:
        assert time.monotonic() < give_up
        time.sleep(0.01)
    checkpointer.close()
    checkpointer.close()
    sqlite_engine.dispose()
    with sqlite_engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == 1000


def test_another_database_needs_none() -> None:
    checkpointer = Checkpointer(open_database("postgresql://nobody@127.0.0.1:1/nothing"))
    checkpointer.start()
    assert "checkpoint" not in {thread.name for thread in threading.enumerate()}
    checkpointer.close()
