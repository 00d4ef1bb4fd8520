"""Whom a contact may be with, for actions that settle it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection

from callcenter import customers, recognition


def possible(conn: Connection, contact: Any, region: str) -> list[str] | None:
    """The customers whom this row of `contacts` may be with; `None` for a stranger, who may be anybody. Whoever is
    settled already can only be that one."""
    if contact.customer_id is not None:
        known = customers.get(conn, customers.root(conn, contact.customer_id))
        return None if known.provisional else [known.id]
    found = recognition.candidates(conn, contact.id, region=region)
    return [one.customer_id for one in found] or None
