"""Searching for a customer by whatever is at hand: a number, an address, an account, a name or a part of it."""

from __future__ import annotations

from sqlalchemy.engine import Connection

from callcenter import customers, searching
from callcenter.customers import Customer
from callcenter.identifiers import InvalidIdentifier, identify

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
        found.update(dict.fromkeys(searching.by_name(conn, text, MOST)))
    if not found:
        part = text.replace(" ", "") if "@" in text else "".join(sign for sign in text if sign.isalnum())
        found.update(dict.fromkeys(searching.by_part(conn, part, MOST)))
    return customers.several(conn, list(found)[:MOST])
