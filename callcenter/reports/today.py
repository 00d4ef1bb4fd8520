"""The figures of today, kept up with the events as they come: what was read once isn't read again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.reports.figures import Figures, by_queue, count
from callcenter.reports.lives import KINDS, Life, take
from callcenter.tables import contacts, events

OF_QUEUES = tuple(kind for kind in KINDS if kind.startswith(("queue.", "offer.", "estimate.", "callback.")))
SETTLED = timedelta(seconds=30)
"""No transaction is open for longer: events with smaller ids than those of so long ago can't appear any more."""
OPEN = 2000
"""Nor are so many events written while one is open; at the beginning nothing else is known."""


@dataclass(frozen=True, slots=True)
class Promises:
    """Of those who were told an estimate and were answered: how many, and the means of both, in seconds."""

    count: int = 0
    told: float = 0.0
    waited: float = 0.0


class Today:
    """Of contacts that began on the day of `midnight`. Thread-safe; one for a process is enough."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begin: datetime | None = None
        self._lives: dict[str, Life] = {}
        self._changed = True
        self._found: tuple[dict[str, Figures], dict[str, Promises]] = ({}, {})

    def read(
        self, conn: Connection, midnight: datetime, now: datetime, level_seconds: Callable[[str], float]
    ) -> tuple[dict[str, Figures], dict[str, Promises]]:
        """By queue; a queue without contacts isn't in it. `level_seconds` gives a queue's service level in seconds."""
        with self._lock:
            if self._begin != midnight:
                self._begin, self._lives, self._seen = midnight, {}, set[int]()
                self._mark, self._marked_at = self._last(conn), now
                self._from = max(0, self._mark - OPEN)
                self._take(conn, first=True)
            else:
                self._take(conn)
                if now - self._marked_at > SETTLED:
                    self._from, self._mark, self._marked_at = self._mark, self._last(conn), now
                    self._seen = {id for id in self._seen if id > self._from}
            if self._changed:
                counted = count(self._lives.values(), by_queue, level_seconds, midnight + timedelta(days=2))
                self._found = counted, self._promises()
                self._changed = False
            return self._found

    def _last(self, conn: Connection) -> int:
        return conn.execute(sa.select(sa.func.max(events.c.id))).scalar() or 0

    def _take(self, conn: Connection, *, first: bool = False) -> None:
        query = (
            sa.select(
                contacts.c.id.label("contact"), contacts.c.channel, contacts.c.started_at, events.c.id, events.c.kind,
                events.c.at, events.c.data,
            )
            .join(contacts, contacts.c.id == events.c.contact_id)
            .where(contacts.c.started_at >= self._begin, events.c.kind.in_(OF_QUEUES))
            .order_by(events.c.id)
        )  # fmt: skip
        if not first:
            query = query.where(events.c.id > self._from)
        for row in conn.execute(query):
            if row.id not in self._seen:
                self._seen.add(row.id)
                self._changed = True
                take(self._life(row), row)

    def _life(self, row: Any) -> Life:
        life = self._lives.get(row.contact)
        if life is None:
            life = self._lives[row.contact] = Life(row.contact, row.channel, row.started_at, "", "")
        return life

    def _promises(self) -> dict[str, Promises]:
        told: dict[str, list[tuple[float, float]]] = {}
        for life in self._lives.values():
            for visit in life.visits:
                if visit.connected and visit.promised is not None and visit.waited is not None and not visit.callback:
                    told.setdefault(visit.queue, []).append((visit.promised, visit.waited))
        return {
            queue: Promises(len(both), sum(one for one, _ in both) / len(both), sum(two for _, two in both) / len(both))
            for queue, both in told.items()
        }
