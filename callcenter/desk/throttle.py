"""Failed attempts slow the next ones down, by account, address and browser, and never for ever.

Each key has some attempts for nothing; from then on every attempt opens a wait that doubles up to a quarter of an
hour, and an hour without attempts forgets them. A browser in which the account's owner has signed in before counts
for itself alone ("device cookies", OWASP): strangers who hammer an account, or an office's address, don't lock out
those who work there.

An attempt is counted before the password is looked at, so that a thousand at once are a thousand.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from callcenter import locks
from callcenter.desk_tables import login_failures as failures

FREE = {"account": 5, "device": 10, "code": 5, "address": 50}
"""Attempts before the first wait, by what is in front of the key's colon."""
FIRST = timedelta(seconds=2)
LONGEST = timedelta(minutes=15)
FORGOTTEN = timedelta(hours=1)


def attempt(conn: Connection, keys: list[str], now: datetime) -> timedelta | None:
    """Count an attempt for all keys; gives the wait instead, and counts nothing, where one of them has to wait."""
    for key in sorted(keys):
        locks.hold(conn, f"login:{key}")
    rows: dict[str, Row[Any]] = {
        row.key: row for row in conn.execute(sa.select(failures).where(failures.c.key.in_(keys)))
    }
    waiting: list[timedelta] = [row.blocked_until - now for row in rows.values() if row.blocked_until > now]
    if waiting:
        return max(waiting)
    for key in keys:
        row = rows.get(key)
        fresh = row is None or now - row.last_at > FORGOTTEN
        count = 1 if fresh or row is None else row._mapping["count"] + 1
        values = {"count": count, "last_at": now, "blocked_until": now + _wait(key, count)}
        if row is None:
            conn.execute(sa.insert(failures).values(key=key, **values))
        else:
            conn.execute(sa.update(failures).where(failures.c.key == key).values(values))
    return None


def succeeded(conn: Connection, cleared: list[str], refunded: list[str], now: datetime) -> None:
    """The attempt was no failure: `cleared` keys are forgotten, of `refunded` ones (an address) only this attempt is
    taken back, so that an account of one's own doesn't wash an address clean."""
    conn.execute(sa.delete(failures).where(failures.c.key.in_(cleared)))
    back = sa.update(failures).where(failures.c.key.in_(refunded), failures.c.count > 0)
    conn.execute(back.values(count=failures.c.count - 1, blocked_until=now))


def forget(conn: Connection, now: datetime) -> int:
    """Drop what counts no longer; returns how many. For a job."""
    return conn.execute(sa.delete(failures).where(failures.c.blocked_until < now - FORGOTTEN)).rowcount


def _wait(key: str, count: int) -> timedelta:
    over = count - FREE[key.partition(":")[0]]
    return min(FIRST * 2 ** min(over - 1, 20), LONGEST) if over > 0 else timedelta(0)
