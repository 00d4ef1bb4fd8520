"""Queues closed by hand, whatever the hours say: whoever comes takes the flow's exit `closed`. Those who wait already
keep their places, and callbacks are made."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from callcenter.queue_tables import switches

ALL = "*"
"""In the place of a queue's name: all queues at once."""


def close(conn: Connection, queue: str, *, by: str, at: datetime) -> bool:
    """False if it was closed by hand already. `by` is who it was, as in `agent:ID`."""
    try:
        with conn.begin_nested():
            conn.execute(sa.insert(switches).values(name=queue, by=by, at=at))
    except IntegrityError:
        return False
    return True


def reopen(conn: Connection, queue: str) -> bool:
    """Back to its hours. False if it wasn't closed by hand."""
    return conn.execute(sa.delete(switches).where(switches.c.name == queue)).rowcount > 0


def closed(conn: Connection) -> frozenset[str]:
    """The names of what is closed by hand, `ALL` among them where that is."""
    return frozenset(conn.execute(sa.select(switches.c.name)).scalars())


def is_closed(conn: Connection, queue: str) -> bool:
    """Whether a queue is closed by hand, alone or with all others."""
    return conn.execute(sa.select(switches.c.name).where(switches.c.name.in_((queue, ALL)))).first() is not None
