"""What tests of campaigns share."""

from __future__ import annotations

from typing import Any

from callcenter import contacts, recognition
from callcenter.acd.model import Proposal
from callcenter.db import reading
from callcenter.queues import auditing
from tests.campaigns.conftest import ANA, Desk


def audited(desk: Desk) -> list[Any]:
    desk.drain()
    return list(auditing.audit(desk.engine).findings(desk.clock()))


def ended(desk: Desk, contact: str) -> str:
    with reading(desk.engine) as conn:
        found = contacts.get(conn, contact)
    assert found is not None
    return str(found.outcome)


def serve(desk: Desk, queue: str, agent: str = "ben") -> None:
    """An inbound call of Ana's is served in this queue."""
    customer = desk.row().customer_id
    with desk.engine.begin() as conn:
        contact = contacts.start(conn, channel="sip", caller=ANA, called="", at=desk.now)
        recognition.assume(conn, contact, customer, proof="caller_id", at=desk.now)
    talk(desk, contact, queue, agent, customer)


def talk(desk: Desk, contact: str, queue: str, agent: str, customer: str) -> None:
    """From joining to the end."""
    desk.queues.sign_in(agent)
    desk.queues.join(contact, queue, channel="sip", holder="sip1", customer_id=customer, caller=ANA)
    (offer,) = desk.queues.claim(Proposal(contact, queue, "voice", (agent,)))
    assert desk.queues.accept(offer)
    assert desk.queues.connected(offer)
    assert desk.queues.complete(offer)
    desk.queues.wrapped_up(agent, offer)
    desk.drain()
    if agent != "ana":
        desk.queues.sign_out(agent)
