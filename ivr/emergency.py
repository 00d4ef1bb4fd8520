"""Emergency announcements as flows take them: what `callcenter.emergency` holds, read for every call that comes in."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter.db import reading_quickly
from callcenter.emergency import ALL
from callcenter.prepared import Prepared
from callcenter.queue_tables import emergencies
from ivr.flow.inputs import Announced, Announcement
from ivr.flow.session import Session

log = structlog.get_logger("callwright.emergency")

LATELY = 1.0
"""Seconds for which those who wait share one look."""
_COLUMNS = (emergencies.c.scope, emergencies.c.id, emergencies.c.words, emergencies.c.prompt, emergencies.c.then)


class Announcements:
    """Thread-safe; one for an engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._query = Prepared(engine, sa.select(*_COLUMNS))
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._known: Mapping[str, Announcement] = {}

    def now(self) -> Mapping[str, Announcement]:
        """What is announced at this moment, by scope (`callcenter.emergency`). Raises SQLAlchemy's errors."""
        with reading_quickly(self._engine) as driver:
            rows = self._query.rows(driver)
        self._known = {scope: Announcement(id, words, prompt, then) for scope, id, words, prompt, then in rows}
        self._looked_at = time.monotonic()
        return self._known

    def lately(self) -> Mapping[str, Announcement]:
        """The same, up to a second ago; while the database is away, as it was last known."""
        with self._lock:
            if time.monotonic() - self._looked_at >= LATELY:
                self._looked_at = time.monotonic()
                try:
                    self.now()
                except SQLAlchemyError as error:
                    log.warning("announcements can't be read", error=type(error).__name__)
            return self._known


def due(known: Mapping[str, Announcement], session: Session, queue: str = "") -> Announced | None:
    """What a session that is there already hasn't been told: of all ways in, or of the queue where it waits."""
    for scope in (ALL, queue):
        found = known.get(scope)
        if found is not None and found.id not in session.announced:
            return Announced(found)
    return None
