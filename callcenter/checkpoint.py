"""SQLite's write-ahead log is copied into the database by a thread of its own, not by the commit of some caller's step.

By default the commit that makes the log longer than 1,000 pages copies it and waits for the disk twice, with the
write lock held (sqlite.org/wal.html, "Checkpointing"): under load that is every second, and every call waits.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

logger = logging.getLogger(__name__)

EVERY = 2.0
"""Seconds between checkpoints; one without anything to copy costs nothing."""
LONGEST = 20_000
"""Pages of log (80 MB) beyond which writers are made to wait until it begins anew: it can't while they go on."""

_PATIENCE = 200
"""Milliseconds."""


class Checkpointer:
    """Keeps an engine's log short until `close`. On another database than SQLite it does nothing."""

    def __init__(self, engine: Engine, *, every: float = EVERY, longest: int = LONGEST) -> None:
        self._engine, self._every, self._longest = engine, every, longest
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Raises SQLAlchemy's errors when the database can't be reached."""
        if self._engine.dialect.name != "sqlite" or self._thread is not None:
            return
        sa.event.listen(self._engine, "connect", _leave_it)
        self._engine.dispose()  # connections that were made before
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
            sa.event.remove(self._engine, "connect", _leave_it)

    def _run(self) -> None:
        while not self._over.wait(self._every):
            try:
                self.checkpoint()
            except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:
                logger.warning("the database's log can't be copied: %s", error)

    def checkpoint(self) -> int:
        """Copy what the log holds; returns how many of its pages are not copied yet."""
        connection: Any = self._engine.raw_connection()
        try:
            _, pages, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages > self._longest:
                # Writers wait meanwhile: rather another time than for long.
                connection.execute(f"PRAGMA busy_timeout={_PATIENCE}")
                _, pages, copied = connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
                connection.invalidate()  # with its busy timeout
        finally:
            connection.close()
        return int(pages) - int(copied)


def _leave_it(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA wal_autocheckpoint=0")
