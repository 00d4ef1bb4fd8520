"""The event log: append-only facts with times. Every figure in a report can be recomputed from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import PoolProxiedConnection

from callcenter.prepared import Prepared
from callcenter.tables import events

_INSERT = sa.insert(events).inline()
_COLUMNS = ("at", "contact_id", "session_id", "kind", "data")


@dataclass(frozen=True, slots=True)
class Event:
    """A fact. `kind` is a lower-case word such as `step` or `payment_approved`; `data` is JSON without secrets.
    `id` orders the events of a contact; it is 0 until the event is stored."""

    at: datetime
    contact_id: str | None
    session_id: str | None
    kind: str
    data: Mapping[str, Any]
    id: int = 0


def record(
    conn: Connection,
    contact_id: str | None,
    session_id: str | None,
    kind: str,
    data: Mapping[str, Any],
    at: datetime,
) -> None:
    """Append one event within the caller's transaction."""
    record_all(conn, [Event(at, contact_id, session_id, kind, data)])


def record_all(conn: Connection, facts: Iterable[Event]) -> None:
    """Append events in order, in one statement."""
    rows = [
        {"at": fact.at, "contact_id": fact.contact_id, "session_id": fact.session_id, "kind": fact.kind,
         "data": dict(fact.data)}
        for fact in facts
    ]  # fmt: skip
    if rows:
        conn.execute(_INSERT, rows)


class Recorder:
    """`record_all` on the driver's own connection, for what happens in every call."""

    def __init__(self, engine: Engine) -> None:
        self._insert = Prepared(engine, _INSERT, _COLUMNS, column_keys=_COLUMNS)

    def record(self, driver: PoolProxiedConnection, facts: Sequence[Event]) -> None:
        if facts:
            rows = [{name: getattr(fact, name) for name in _COLUMNS} for fact in facts]
            self._insert.execute(driver, *rows)


def of_contact(conn: Connection, contact_id: str) -> list[Event]:
    """The contact's events in the order in which they were recorded."""
    rows = conn.execute(sa.select(events).where(events.c.contact_id == contact_id).order_by(events.c.id))
    return [Event(row.at, row.contact_id, row.session_id, row.kind, row.data, row.id) for row in rows]
