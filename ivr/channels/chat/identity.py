"""A visitor proves who they are, and what they said moves to that customer: by a one-time code, or because the
company's own login says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter import customers, events, identifiers, locks, recognition
from callcenter.identifiers import STRONG, Candidate, Proof
from callcenter.tables import contacts as contacts_table
from callcenter.tables import identifiers as identifiers_table
from ivr.channels.chat.thread import CHANNEL
from ivr.channels.chat.tokens import Claims
from ivr.channels.chat.visitors import new_visitor

VISITOR = "chat_visitor"


@dataclass(frozen=True, slots=True)
class Proven:
    """`customer` is whom the visitor's conversations are with now; where that is "", `candidates` are those whom the
    proven identifier may mean."""

    visitor: str
    customer: str
    candidates: tuple[str, ...] = ()


def by_code(conn: Connection, visitor: str, kind: str, value: str, now: datetime, region: str) -> Proven:
    """The visitor has the code that went to this phone or mailbox."""
    value = identifiers.normalise(kind, value, region)
    locks.hold(conn, f"identifier:{kind}:{value}")
    found = identifiers.identify(conn, kind, value)
    if len(found) > 1:
        _ambiguous(conn, visitor, found, now)
        return Proven(visitor, "", tuple(candidate.customer_id for candidate in found))
    customer = found[0].customer_id if found else customers.create(conn, at=now)
    prove(conn, customer, kind, value, "one_time_code", now)
    bind(conn, visitor, customer, "one_time_code", now, region)
    return Proven(visitor, customer)


def by_login(conn: Connection, visitor: str, claims: Claims, now: datetime, region: str) -> Proven:
    """The company's login vouches for the visitor. Nothing changes where they are known as that customer already; a
    browser that was another customer's is a new visitor's, who sees nothing of what that one said."""
    known = []
    for kind, value in claims.identifiers:
        try:
            known.append((kind, identifiers.normalise(kind, value, region)))
        except identifiers.InvalidIdentifier:
            continue  # an address that can't be one proves nothing; the others do
    if not known:
        return Proven(visitor, "")
    for kind, value in sorted(known):
        locks.hold(conn, f"identifier:{kind}:{value}")
    customer = ""
    for kind, value in known:
        found = identifiers.identify(conn, kind, value)
        if len(found) == 1:
            customer = found[0].customer_id
            break
        if len(found) > 1:
            _ambiguous(conn, visitor, found, now)
            return Proven(visitor, "", tuple(candidate.customer_id for candidate in found))
    customer = customer or customers.create(conn, at=now, name=claims.name, language=claims.language)
    before = bound_to(conn, visitor)
    if before == customer and not _unsettled(conn, visitor):
        return Proven(visitor, customer)
    if before not in ("", customer):
        visitor = new_visitor()
    for kind, value in known:
        prove(conn, customer, kind, value, "login", now)
    bind(conn, visitor, customer, "login", now, region)
    return Proven(visitor, customer)


def bind(conn: Connection, visitor: str, customer: str, proof: Proof, now: datetime, region: str) -> None:
    """This browser is that customer's: what was said in it moves there, whole, and what will be said goes there."""
    root = customers.root(conn, customer)
    named = sa.select(identifiers_table.c.id, identifiers_table.c.customer_id).where(
        identifiers_table.c.kind == VISITOR, identifiers_table.c.value == visitor
    )
    for row in conn.execute(named).all():
        if customers.root(conn, row.customer_id) != root:  # the newest proof counts
            identifiers.remove(conn, row.id)
    unsettled = contacts_table.c.customer_id.is_(None)
    theirs = contacts_table.c.customer_id.in_(customers.members(customer))
    for contact_id in _own(conn, visitor, sa.or_(unsettled, sa.and_(contacts_table.c.ended_at.is_(None), ~theirs))):
        recognition.settle(conn, contact_id, customer, proof=proof, at=now, region=region)
    identifiers.add(conn, customer, VISITOR, visitor, at=now, proof=proof)


def bound_to(conn: Connection, visitor: str) -> str:
    """The customer whose browser this is, by proof; "" while nobody has proven it."""
    found = [candidate for candidate in identifiers.identify(conn, VISITOR, visitor) if candidate.proof in STRONG]
    return found[0].customer_id if len(found) == 1 else ""


def prove(conn: Connection, customer: str, kind: str, value: str, proof: Proof, now: datetime) -> None:
    """This (normalised) identifier is the customer's."""
    owner = identifiers.owner(conn, customer, kind, value) or customer
    identifiers.add(conn, owner, kind, value, at=now, proof=proof)


def _unsettled(conn: Connection, visitor: str) -> list[str]:
    """The visitor's contacts that are nobody's yet."""
    return _own(conn, visitor, contacts_table.c.customer_id.is_(None))


def _own(conn: Connection, visitor: str, which: sa.ColumnElement[bool]) -> list[str]:
    """The oldest first."""
    own = (contacts_table.c.channel == CHANNEL, contacts_table.c.caller == visitor)
    query = sa.select(contacts_table.c.id).where(*own, which).order_by(contacts_table.c.started_at)
    return list(conn.execute(query).scalars())


def _ambiguous(conn: Connection, visitor: str, found: Sequence[Candidate], now: datetime) -> None:
    for contact_id in _unsettled(conn, visitor)[-1:]:
        data = {"candidates": [candidate.customer_id for candidate in found]}
        events.record(conn, contact_id, None, "ambiguous", data, now)
