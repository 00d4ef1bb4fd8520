"""The audit log: every change, and every look at a customer, a recording or a file. Rows are only ever added; triggers
in the database refuse anything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.desk_tables import audit_log

AGAIN = timedelta(minutes=15)
"""A look that goes on (a player asks for many ranges, a page for its next part) is one look for so long."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`action` is a word such as `customer.viewed`; `target` is `kind:id`; `data` has no secrets."""

    at: datetime
    user_id: str | None
    login: str
    role: str
    action: str
    target: str
    address: str
    data: Mapping[str, Any]
    id: int = 0


def write(conn: Connection, entry: Entry) -> None:
    values = {name: getattr(entry, name) for name in entry.__slots__ if name != "id"}
    conn.execute(sa.insert(audit_log).values({**values, "data": dict(entry.data)}))


def just_seen(conn: Connection, user_id: str, action: str, target: str, now: datetime) -> bool:
    """Whether the same look was written a moment ago."""
    query = sa.select(audit_log.c.at).where(
        audit_log.c.target == target, audit_log.c.user_id == user_id, audit_log.c.action == action
    )
    last = conn.execute(query.order_by(audit_log.c.id.desc()).limit(1)).scalar_one_or_none()
    return last is not None and now - last < AGAIN


def listed(
    conn: Connection,
    *,
    limit: int,
    before: int | None = None,
    login: str = "",
    action: str = "",
    target: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Entry]:
    """The newest first. `action` is a whole word or the part before its dot; `before` is an entry's id."""
    query = sa.select(audit_log).order_by(audit_log.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(audit_log.c.id < before)
    if login:
        query = query.where(audit_log.c.login == login)
    if action:
        query = query.where(
            sa.or_(audit_log.c.action == action, audit_log.c.action.startswith(f"{action}.", autoescape=True))
        )
    if target:
        query = query.where(audit_log.c.target == target)
    if since is not None:
        query = query.where(audit_log.c.at >= since)
    if until is not None:
        query = query.where(audit_log.c.at < until)
    return [
        Entry(row.at, row.user_id, row.login, row.role, row.action, row.target, row.address, row.data, row.id)
        for row in conn.execute(query)
    ]


def everything(conn: Connection, **filters: Any) -> Iterator[Entry]:
    """All entries that the filters of `listed` leave, a batch at a time."""
    before = None
    while batch := listed(conn, limit=1000, before=before, **filters):
        yield from batch
        before = batch[-1].id
