"""The screen pop: all that an agent should know before saying hello, built when a contact is offered.

`ScreenPop` is the payload, versioned; `schema()` is its JSON Schema. It is built from the database in one short
transaction, and from what the flow gave with the contact. Secrets were masked when they were stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.engine import Connection

from callcenter import customers, recognition
from callcenter.acd.config import Queue
from callcenter.acd.model import Offer
from callcenter.campaigns.config import BY_AGENTS, BY_FLOW
from callcenter.identifiers import STRONG
from callcenter.queues.redis_hash import Hash
from callcenter.tables import accounts, bills, cases, contacts, events, queue_entries

VERSION = 1
LAST_CONTACTS = 5
WORDS = 10
HIDDEN = "•••"
_CARD = re.compile(r"(?:\d[ -]?){13,19}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Person(_Part):
    """The customer. `greeting` is the name to say, "" if none is known; `verified` says that it was proven in this
    contact who speaks, and not only from which number."""

    id: str
    name: str
    greeting: str
    language: str
    verified: bool
    proof: str
    preferred_channel: str
    attributes: dict[str, Any]


class Possible(_Part):
    customer_id: str
    name: str
    proof: str


class Account(_Part):
    """`balance` in minor units of `currency`; null where it isn't known."""

    number: str
    name: str
    currency: str
    balance: int | None


class OpenCase(_Part):
    id: str
    subject: str
    status: str
    opened_at: datetime


class PastContact(_Part):
    id: str
    channel: str
    started_at: datetime
    outcome: str
    agent: str


class InQueue(_Part):
    """`waited` and `promised` in seconds; `promised` is the first estimate that was said, null if none was."""

    name: str
    label: str
    priority: int
    waited: float
    promised: float | None
    guide: str


class CallbackHistory(_Part):
    number: str
    requested_at: datetime | None
    attempts: int


class OnCampaign(_Part):
    """Whom we call by a list: `attempt` counts the calls from 1, `reference` is the list's own. `preview`: nobody is
    called before the agent says so; `skips` are the reasons that the agent may have not to."""

    name: str
    label: str
    reference: str
    attempt: int
    preview: bool = False
    skips: list[str] = Field(default_factory=list)


class ScreenPop(_Part):
    """Version 1. `path` are the flow's steps, `words` what was heard, `slots` what was answered, masked where secret.
    `attestation` is how far the network vouches for the caller's number (STIR/SHAKEN): `A`, `B`, `C`, `passed`,
    `failed` (it may be anybody's), `none`, or "" where nobody has told. `candidates` are whom the address may mean
    while that isn't settled. `extra` are the company's own fields."""

    version: Literal[1] = 1
    offer: str
    contact_id: str
    agent: str
    at: datetime
    channel: str
    caller: str
    attestation: str = ""
    customer: Person | None
    candidates: list[Possible] = Field(default_factory=list)
    accounts: list[Account] = Field(default_factory=list)
    cases: list[OpenCase] = Field(default_factory=list)
    last_contacts: list[PastContact] = Field(default_factory=list)
    path: list[str] = Field(default_factory=list)
    words: list[str] = Field(default_factory=list)
    slots: dict[str, Any] = Field(default_factory=dict)
    queue: InQueue
    callback: CallbackHistory | None = None
    campaign: OnCampaign | None = None
    next_step: str = ""
    extra: dict[str, Any] = Field(default_factory=dict)


def schema() -> dict[str, Any]:
    """The payload's JSON Schema (draft 2020-12)."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ScreenPop.model_json_schema()}


def build(
    conn: Connection, offer: Offer, entry: Hash, queue: Queue | None, given: Mapping[str, Any], at: float
) -> ScreenPop:
    """The pop for an offer. `entry` is the store's (`Queues.entry`), `given` what the flow gave (`Queues.context`).
    What the database doesn't know is left out; a contact without a row has a pop too."""
    contact_id = offer.contact_id
    row = conn.execute(sa.select(contacts).where(contacts.c.id == contact_id)).one_or_none()
    customer_id = (row.customer_id if row is not None else None) or entry.get("customer_id", "")
    facts = conn.execute(
        sa.select(events.c.kind, events.c.data)
        .where(
            events.c.contact_id == contact_id,
            events.c.kind.in_(("attested", "identified", "heard", "step", "slot_filled")),
        )
        .order_by(events.c.id)
    ).all()
    person = _person(conn, customer_id, entry, [fact.data for fact in facts if fact.kind == "identified"])
    members = person[1] if person else ()
    suggestion = queue.suggest if queue else ""
    open_cases = _cases(conn, members)
    if open_cases and not suggestion:
        suggestion = f"Ask about the open case: {open_cases[0].subject}"
    return ScreenPop(
        offer=offer.id,
        contact_id=contact_id,
        agent=offer.agent_id,
        at=_at(at),
        channel=entry.get("channel", row.channel if row is not None else offer.medium),
        caller=entry.get("caller", "") or (row.caller if row is not None else "") or _called(entry, given),
        attestation=next((str(fact.data["attestation"]) for fact in facts if fact.kind == "attested"), ""),
        customer=person[0] if person else None,
        candidates=_candidates(conn, contact_id) if row is not None and person is None else [],
        accounts=_accounts(conn, person[2]) if person else [],
        cases=open_cases,
        last_contacts=_last(conn, members, contact_id),
        path=[str(step) for step in given.get("path", ())] or _path(facts),
        words=[_masked(str(fact.data.get("words", ""))) for fact in facts if fact.kind == "heard"][-WORDS:],
        slots=_slots(given.get("slots"), facts),
        queue=_in_queue(offer, entry, queue, at, conn, given),
        callback=_callback(offer, entry),
        campaign=_campaign(_by_campaign(given)),
        next_step=suggestion,
    )


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _person(
    conn: Connection, customer_id: str, entry: Hash, identified: list[Any]
) -> tuple[Person, tuple[str, ...], list[str]] | None:
    """The person, all ids that they have, and their account numbers."""
    if not customer_id:
        return None
    try:
        found = customers.get(conn, customer_id)
    except customers.UnknownCustomer:
        return None
    proof = str(identified[-1].get("proof", "none")) if identified else "none"
    person = Person(
        id=found.id,
        name=found.name,
        greeting=found.given_name or found.name,
        language=found.language or entry.get("language", ""),
        verified=proof in STRONG,
        proof=proof,
        preferred_channel=found.preferred_channel,
        attributes=dict(found.attributes),
    )
    return person, found.members, [known.value for known in found.identifiers if known.kind == "account"]


def _candidates(conn: Connection, contact_id: str) -> list[Possible]:
    return [Possible(customer_id=one.customer_id, name=one.name, proof=one.proof)
            for one in recognition.candidates(conn, contact_id)]  # fmt: skip


def _accounts(conn: Connection, numbers: list[str]) -> list[Account]:
    if not numbers:
        return []
    owed = (
        sa.select(bills.c.account_number, sa.func.sum(bills.c.balance).label("balance"))
        .where(bills.c.account_number.in_(numbers))
        .group_by(bills.c.account_number)
        .subquery()
    )
    query = (
        sa.select(accounts.c.number, accounts.c.name, accounts.c.currency, owed.c.balance)
        .outerjoin(owed, owed.c.account_number == accounts.c.number)
        .where(accounts.c.number.in_(numbers))
        .order_by(accounts.c.number)
    )
    known = {row.number: row for row in conn.execute(query)}
    found = []
    for number in numbers:
        row = known.get(number)
        if row is None:  # it is in another company's books
            found.append(Account(number=number, name="", currency="", balance=None))
        else:
            balance = int(row.balance) if row.balance is not None else 0
            found.append(Account(number=number, name=row.name, currency=row.currency, balance=balance))
    return found


def _cases(conn: Connection, members: tuple[str, ...]) -> list[OpenCase]:
    if not members:
        return []
    query = (
        sa.select(cases.c.id, cases.c.subject, cases.c.status, cases.c.opened_at)
        .where(cases.c.customer_id.in_(members), cases.c.status != "resolved")
        .order_by(cases.c.opened_at.desc())
        .limit(10)
    )
    return [OpenCase(**row._mapping) for row in conn.execute(query)]


def _last(conn: Connection, members: tuple[str, ...], contact_id: str) -> list[PastContact]:
    if not members:
        return []
    query = (
        sa.select(contacts.c.id, contacts.c.channel, contacts.c.started_at, contacts.c.outcome, queue_entries.c.agent)
        .outerjoin(queue_entries, queue_entries.c.contact_id == contacts.c.id)
        .where(contacts.c.customer_id.in_(members), contacts.c.id != contact_id)
        .order_by(contacts.c.started_at.desc(), contacts.c.id.desc())
        .limit(LAST_CONTACTS)
    )
    return [PastContact(id=r.id, channel=r.channel, started_at=r.started_at, outcome=r.outcome, agent=r.agent or "")
            for r in conn.execute(query)]  # fmt: skip


def _path(facts: Any) -> list[str]:
    steps = [f"{fact.data.get('flow', '')}.{fact.data.get('step', '')}" for fact in facts if fact.kind == "step"]
    return list(dict.fromkeys(steps))


def _slots(given: Any, facts: Any) -> dict[str, Any]:
    filled = {fact.data["slot"]: fact.data["value"] for fact in facts if fact.kind == "slot_filled"}
    return {**filled, **(given if isinstance(given, Mapping) else {})}


def _masked(words: str) -> str:
    """A card number that was said where none was asked for shows nowhere."""
    return _CARD.sub(HIDDEN, words)


def _in_queue(
    offer: Offer, entry: Hash, queue: Queue | None, at: float, conn: Connection, given: Mapping[str, Any]
) -> InQueue:
    promised = conn.execute(
        sa.select(queue_entries.c.promised).where(queue_entries.c.contact_id == offer.contact_id)
    ).scalar_one_or_none()
    if promised is None and entry.get("promised"):  # said a moment ago, not in the database yet
        promised = json.loads(entry["promised"])["seconds"]
    return InQueue(
        name=offer.queue,
        label=(queue.label if queue else "") or offer.queue,
        priority=int(entry.get("priority", 0)),
        waited=round(max(0.0, at - float(entry.get("joined_at", at))), 1),
        promised=promised,
        guide=str(_by_campaign(given).get("guide") or "") or (queue.guide if queue else ""),
    )


def _callback(offer: Offer, entry: Hash) -> CallbackHistory | None:
    if not offer.callback and not entry.get("number"):
        return None
    requested = entry.get("requested_at")
    return CallbackHistory(
        number=entry.get("number", ""),
        requested_at=_at(float(requested)) if requested else None,
        attempts=int(entry.get("attempts") or 0),
    )


def _by_campaign(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The campaign by which an agent calls them, or a flow has called them."""
    return given.get(BY_AGENTS) or given.get(BY_FLOW) or {}


def _campaign(given: Mapping[str, Any]) -> OnCampaign | None:
    if not given:
        return None
    own = {"name", "label", "reference", "attempt"}
    return OnCampaign(
        **{name: given[name] for name in own}, preview=bool(given.get("preview")), skips=list(given.get("skips") or ())
    )


def _called(entry: Hash, given: Mapping[str, Any]) -> str:
    """Whom a campaign calls has not called us."""
    return entry.get("number", "") if BY_AGENTS in given else ""
