"""Who is it? A contact's identifier finds candidates; one is taken, several wait for a question, none makes a new
customer. Nobody is merged here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import PoolProxiedConnection

from callcenter import attestation, customers, events, identifiers, locks, webhooks
from callcenter.identifiers import Candidate, InvalidIdentifier, Kind, Proof
from callcenter.queues import identifying
from callcenter.tables import cases, contacts, notes
from callcenter.tables import customers as customers_table
from callcenter.tables import identifiers as identifiers_table

KIND_OF_CHANNEL: dict[str, Kind] = {
    "sip": "phone",
    "twilio": "phone",
    "sms": "phone",
    "whatsapp": "phone",
    "email": "email",
    "chat": "chat_visitor",
    "messenger": "social",
}
"""What kind of identifier a channel's address of the other party is."""
AUTHENTICATED: frozenset[Kind] = frozenset({"phone", "social"})
"""Kinds that a carrier vouches for; anybody can write a mail's From."""
ANONYMOUS: frozenset[Kind] = frozenset({"chat_visitor"})
"""Kinds that name nobody until they have proven who they are: no customer is made for them."""

_ASSIGN = (
    sa.update(contacts).where(contacts.c.id == sa.bindparam("contact")).values(customer_id=sa.bindparam("customer"))
)


@dataclass(frozen=True, slots=True)
class Recognition:
    """`customer_id` is the root of the customer if it is settled; else `candidates` are those that it may be."""

    customer_id: str | None
    candidates: tuple[Candidate, ...]


def identifier_of(channel: str, address: str, region: str = "") -> tuple[Kind, str] | None:
    """The kind and normalised value that an address on a channel is; `None` if it names nobody (withheld, unknown)."""
    kind = KIND_OF_CHANNEL.get(channel)
    if kind is None:
        return None
    if kind == "social" and ":" not in address:
        address = f"{channel}:{address}"
    if kind == "phone":
        address = address.removeprefix("whatsapp:").removeprefix("sip:").partition("@")[0]
    try:
        return kind, identifiers.normalise(kind, address, region)
    except InvalidIdentifier:
        return None


def recognise(
    conn: Connection, contact_id: str, *, channel: str, address: str, at: datetime, region: str = ""
) -> Recognition:
    """Settle a contact that began on whom its address names, within the transaction that starts it. A single
    candidate is taken; several are left open, to be settled by `settle`; for an unknown address a provisional
    customer is made. `address` is the caller's, on outgoing contacts the called party's."""
    found = identifier_of(channel, address, region)
    if found is None:
        return Recognition(None, ())
    kind, value = found
    candidates = identifiers.identify(conn, kind, value)
    if not candidates and kind not in ANONYMOUS:
        locks.hold(conn, f"identifier:{kind}:{value}")
        candidates = identifiers.identify(conn, kind, value)
    proof = _proof(kind)
    if not candidates and kind not in ANONYMOUS:
        customer_id = customers.create(conn, at=at, provisional=True)
        identifiers.add(conn, customer_id, kind, value, at=at, proof=proof)
        _assign(conn, contact_id, customer_id, proof=proof, by="", at=at)
        return Recognition(customer_id, (Candidate(customer_id, "", "", proof, True),))
    if len(candidates) != 1:
        if candidates:
            data = {"candidates": [candidate.customer_id for candidate in candidates]}
            events.record(conn, contact_id, None, "ambiguous", data, at)
        return Recognition(None, tuple(candidates))
    only = candidates[0]
    owner = identifiers.owner(conn, only.customer_id, kind, value) or only.customer_id
    if only.proof == "none" and proof != "none":
        identifiers.add(conn, owner, kind, value, at=at, proof=proof)
    _assign(conn, contact_id, owner, proof=proof, by="", at=at)
    return Recognition(only.customer_id, (only,))


class CallRecogniser:
    """`recognise` on the driver's own connection, for callers of whom we know who they are: that is nearly all."""

    def __init__(self, engine: Engine) -> None:
        self._lookup = identifiers.Lookup(engine)
        self._events = events.Recorder(engine)
        self._webhooks = webhooks.Emitter(engine)

    def owner(self, driver: PoolProxiedConnection, kind: Kind, value: str) -> str | None:
        """Whose contact a call from this (normalised) identifier is. `None` where that takes `recognise` to settle,
        for want of a customer or for more than one, or where it has something to note about the identifier."""
        found = self._lookup.identify(driver, kind, value)
        if len(found) != 1 or (found[0].proof == "none" and kind in AUTHENTICATED):
            return None
        return self._lookup.owner(driver, found[0].customer_id, kind, value) or found[0].customer_id

    def note(self, driver: PoolProxiedConnection, contact_id: str, owner: str, kind: Kind, at: datetime) -> None:
        """The contact began as this customer's."""
        self._events.record(driver, [_identified(contact_id, owner, _proof(kind), "", at)])
        self._webhooks.emit(driver, *_told(contact_id, owner), at)


def candidates(conn: Connection, contact_id: str, *, region: str = "") -> list[Candidate]:
    """Whom a contact's address names now. Raises LookupError for an unknown contact."""
    found = identifier_of(*_address(conn, contact_id), region)
    return identifiers.identify(conn, *found) if found else []


def only(conn: Connection, channel: str, address: str) -> str | None:
    """The customer whom an address on a channel was given to, where it names exactly one."""
    found = identifier_of(channel, address)
    people = identifiers.identify(conn, *found) if found else []
    if found is None or len(people) != 1:
        return None
    return identifiers.owner(conn, people[0].customer_id, *found)


def settle(
    conn: Connection, contact_id: str, customer_id: str, *, proof: Proof, at: datetime, by: str = "", region: str = ""
) -> None:
    """This contact is with that customer: a question, a code or an agent (`by`) has settled it. The contact moves
    with all that was said in it, and its address is remembered as one of the customer's.

    Raises `UnknownCustomer`, and LookupError for an unknown contact.
    """
    root_id = customers.root(conn, customer_id)
    found = identifier_of(*_address(conn, contact_id), region)
    if found and attestation.forged(conn, contact_id):
        found = None  # it says nothing of who calls
    before = conn.execute(sa.select(contacts.c.customer_id).where(contacts.c.id == contact_id)).scalar_one()
    owner = customer_id
    if found:
        kind, value = found
        owner = identifiers.owner(conn, root_id, kind, value) or customer_id
        # What was proven is who speaks, not whose phone it is; only a visitor's browser is theirs alone.
        identifiers.add(conn, owner, kind, value, at=at, proof=proof if kind in ANONYMOUS else _proof(kind))
    _assign(conn, contact_id, owner, proof=proof, by=by, at=at)
    identifying.settled(conn, contact_id)
    if found and before is not None and before != owner:
        _release(conn, before, *found)


def assume(conn: Connection, contact_id: str, customer_id: str, *, proof: Proof, at: datetime) -> None:
    """This one contact is with that customer. Its address stays as it is: what told us is not about the address."""
    _assign(conn, contact_id, customer_id, proof=proof, by="", at=at)
    identifying.settled(conn, contact_id)


def _assign(conn: Connection, contact_id: str, customer_id: str, *, proof: Proof, by: str, at: datetime) -> None:
    conn.execute(_ASSIGN, {"contact": contact_id, "customer": customer_id})
    events.record_all(conn, [_identified(contact_id, customer_id, proof, by, at)])
    webhooks.emit(conn, *_told(contact_id, customer_id), at)


def _proof(kind: Kind) -> Proof:
    """How well a contact from such an address tells whose it is."""
    return "caller_id" if kind in AUTHENTICATED else "none"


def _identified(contact_id: str, customer_id: str, proof: Proof, by: str, at: datetime) -> events.Event:
    data = {"customer": customer_id, "proof": proof} | ({"by": by} if by else {})
    return events.Event(at, contact_id, None, "identified", data)


def _told(contact_id: str, customer_id: str) -> tuple[str, Mapping[str, str]]:
    """What webhooks hear."""
    return "contact.identified", {"contact_id": contact_id, "customer_id": customer_id}


def _release(conn: Connection, customer_id: str, kind: str, value: str) -> None:
    """A provisional customer who turned out to be another gives up the identifier, if nothing else is known."""
    row = conn.execute(sa.select(customers_table).where(customers_table.c.id == customer_id)).one()
    others = sa.select(customers_table.c.id).where(
        customers_table.c.root_id == row.root_id, customers_table.c.id != customer_id
    )
    if not row.provisional or conn.execute(others.limit(1)).first():
        return
    for table in (contacts, notes, cases):
        if conn.execute(sa.select(table.c.id).where(table.c.customer_id == customer_id).limit(1)).first():
            return
    own = sa.select(identifiers_table.c.id).where(
        identifiers_table.c.customer_id == customer_id,
        identifiers_table.c.kind == kind,
        identifiers_table.c.value == value,
    )
    for identifier_id in conn.execute(own).scalars().all():
        identifiers.remove(conn, identifier_id)


def _address(conn: Connection, contact_id: str) -> tuple[str, str]:
    row = conn.execute(sa.select(contacts).where(contacts.c.id == contact_id)).one_or_none()
    if row is None:
        raise LookupError(f"there is no contact {contact_id}")
    return row.channel, row.called if row.direction == "out" else row.caller
