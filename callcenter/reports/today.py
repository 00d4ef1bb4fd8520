"""The figures of today, kept up with the events as they come: what was counted once isn't counted again."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.reports import kept
from callcenter.reports.figures import USUAL_LEVEL, Figures, by_queue, count
from callcenter.reports.lives import KINDS, Life, folded
from callcenter.tables import contacts, events

OF_QUEUES = tuple(kind for kind in KINDS if kind.startswith(("queue.", "offer.", "estimate.", "callback.")))
SETTLED = timedelta(seconds=30)
"""No transaction is open for longer: events with smaller ids than those of so long ago can't appear any more."""
OPEN = 2000
"""Nor are so many events written while one is open; at the beginning nothing else is known."""
MANY = 1000
"""Where more contacts than these changed, since nobody has looked for long, all are read anew."""


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
        self._levels: dict[str, float] = {}
        self._lives: dict[str, Life] = {}
        self._figures = defaultdict[str, Figures](Figures)
        self._told = defaultdict[str, list[float]](lambda: [0, 0.0, 0.0])
        self._found: tuple[dict[str, Figures], dict[str, Promises]] | None = None

    def read(
        self, conn: Connection, midnight: datetime, now: datetime, levels: Mapping[str, float]
    ) -> tuple[dict[str, Figures], dict[str, Promises]]:
        """By queue; one without contacts isn't in it, or with nothing but zeros. `levels` are the seconds of their
        service levels."""
        with self._lock:
            going_on = self._begin == midnight
            self._begin = None  # whatever fails half-way is read anew
            changed = self._changed(conn, now) if going_on else set()
            if not going_on or len(changed) > MANY:
                self._start(conn, midnight, now)
            elif changed:
                lives = folded(conn, contacts.c.id.in_(sorted(changed)))
                self._replace(life for life in lives if midnight <= life.started_at < self._until)
            if self._levels != levels:
                self._levels = dict(levels)
                self._count_all()
            self._begin = midnight
            if self._found is None:
                self._found = {name: _copied(one) for name, one in self._figures.items()}, self._promises()
            return self._found

    def _start(self, conn: Connection, midnight: datetime, now: datetime) -> None:
        """Read the whole day."""
        self._until, self._seen = midnight + timedelta(days=2), set[int]()
        self._mark, self._marked_at = _last(conn), now
        self._from = max(0, self._mark - OPEN)
        self._changed(conn, now)  # first: what is read twice does no harm, what isn't read would
        self._lives = {life.id: life for life in kept.read(conn, midnight, self._until)}
        self._count_all()

    def _changed(self, conn: Connection, now: datetime) -> set[str]:
        """The contacts of events that weren't seen yet."""
        query = sa.select(events.c.id, events.c.contact_id).where(
            events.c.id > self._from, events.c.kind.in_(OF_QUEUES), events.c.contact_id.is_not(None)
        )
        found = {row[0]: row[1] for row in conn.execute(query) if row[0] not in self._seen}
        self._seen.update(found)
        if now - self._marked_at > SETTLED:
            self._from, self._mark, self._marked_at = self._mark, _last(conn), now
            self._seen = {id for id in self._seen if id > self._from}
        return set(found.values())

    def _replace(self, lives: Iterable[Life]) -> None:
        """These are as they are now."""
        for life in lives:
            before = self._lives.get(life.id)
            if before is not None:
                self._count([before], -1)
            self._lives[life.id] = life
            self._count([life])
            self._found = None

    def _count_all(self) -> None:
        self._figures.clear()
        self._told.clear()
        self._count(self._lives.values())
        self._found = None

    def _count(self, lives: Collection[Life], times: int = 1) -> None:
        """Take lives into the figures, or with -1 out of them."""
        found = count(lives, by_queue, lambda queue: self._levels.get(queue, USUAL_LEVEL), self._until)
        for name, one in found.items():
            self._figures[name].add(one, times)
        for life in lives:
            for visit in life.visits:
                if visit.connected and visit.promised is not None and visit.waited is not None and not visit.callback:
                    told = self._told[visit.queue]
                    for at, value in enumerate((1, visit.promised, visit.waited)):
                        told[at] += times * value

    def _promises(self) -> dict[str, Promises]:
        return {
            queue: Promises(int(number), told / number, waited / number)
            for queue, (number, told, waited) in self._told.items()
            if number
        }


def _last(conn: Connection) -> int:
    return conn.execute(sa.select(sa.func.max(events.c.id))).scalar() or 0


def _copied(figures: Figures) -> Figures:
    copy = Figures()
    copy.add(figures)
    return copy
