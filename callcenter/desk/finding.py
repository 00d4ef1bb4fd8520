"""Searching for a customer by whatever is at hand: a number, an address, an account, a name or a part of it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import customers
from callcenter.customers import Customer
from callcenter.identifiers import InvalidIdentifier, identify
from callcenter.record_tables import customers as table
from callcenter.record_tables import identifiers

MOST = 30
SHORTEST = 2


def search(conn: Connection, text: str, *, region: str = "") -> list[Customer]:
    """At most `MOST` people: those whom an identifier means, then those who have all words of `text` in their names; if
    there are none, those of whom an identifier contains it. `region` is the ISO 3166 country of national numbers."""
    text = " ".join(text.split())[:100]
    if len(text) < SHORTEST:
        return []
    found: dict[str, None] = {}
    for kind in ("email",) if "@" in text else ("phone", "account", "social"):
        try:
            found.update((candidate.customer_id, None) for candidate in identify(conn, kind, text, region=region))
        except InvalidIdentifier:
            continue
    if "@" not in text and any(sign.isalpha() for sign in text):
        names = [sa.func.lower(table.c.name).contains(word.lower(), autoescape=True) for word in text.split()]
        query = sa.select(table.c.root_id).where(*names).order_by(table.c.updated_at.desc(), table.c.id).limit(MOST)
        found.update((root, None) for root in conn.execute(query).scalars())
    part = text.lower() if "@" in text else "".join(sign for sign in text if sign.isalnum()).upper()
    # Reads all identifiers: only where nothing else was found.
    if not found and len(part) >= 3:
        values = (
            sa.select(table.c.root_id)
            .join(identifiers, identifiers.c.customer_id == table.c.id)
            .where(identifiers.c.kind != "chat_visitor", identifiers.c.value.contains(part, autoescape=True))
        )
        found.update((root, None) for root in conn.execute(values.limit(MOST)).scalars())
    return [customers.get(conn, root) for root in list(found)[:MOST]]
