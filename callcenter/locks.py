"""Named locks that last until the transaction ends, for what must be looked up and then written by one at a time."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection


def hold(conn: Connection, name: str) -> None:
    """Wait until nobody else holds `name`, and hold it. SQLite has one writer at a time anyway."""
    if conn.dialect.name == "postgresql":
        conn.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
