"""What becomes of a call: the next attempt, the agent's code, the key, the timeline, the screen pop."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from callcenter import consent, contacts
from callcenter.acd.model import Proposal
from callcenter.db import reading
from callcenter.queues import screenpop
from callcenter.tables import messages
from tests.campaigns.conftest import ANA, Desk
from tests.campaigns.support import audited, ended


def test_a_person_is_reached_once(desks: Desk) -> None:
    desks.put(ANA)
    desks.queues.sign_in("ana")
    desks.fed()
    offer = desks.offered()
    desks.talks(offer)
    assert desks.state() == ("done", "reached", 1)
    assert desks.row().agent == "ana"
    desks.clock.sleep(100_000)
    assert desks.fed() == 0
    assert audited(desks) == []
    with reading(desks.engine) as conn:
        contact = contacts.get(conn, desks.row().contact_id)
        assert contact is not None
        assert (contact.direction, contact.called, contact.outcome) == ("out", ANA, "completed")
        assert contact.customer_id == desks.row().customer_id


@pytest.mark.parametrize(("outcome", "spacing"), [("no_answer", 3600), ("busy", 600), ("machine", 7200)])
def test_the_next_attempt_follows_after_the_spacing_of_the_outcome(desk: Desk, outcome: str, spacing: int) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    assert desk.queues.callback_tried(desk.offered(), outcome) == "failed"  # the queue's own retries don't count
    desk.drain()
    assert desk.state() == ("waiting", outcome, 1)
    assert desk.row().next_at == desk.now + timedelta(seconds=spacing)
    desk.clock.sleep(spacing - 1)
    assert desk.fed() == 0
    desk.clock.sleep(1)
    assert desk.fed() == 1
    desk.queues.callback_tried(desk.offered(), outcome)
    desk.drain()
    assert desk.state() == ("done", "not_reached", 2)
    assert audited(desk) == []


def test_whoever_was_missed_is_texted_once_and_not_what_callbacks_say(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    for _ in range(2):
        desk.fed()
        desk.queues.callback_tried(desk.offered(), "no_answer")
        desk.drain()
        desk.clock.sleep(3600)
    with reading(desk.engine) as conn:
        assert [(row.body, row.purpose) for row in conn.execute(sa.select(messages))] == [
            ("We called you.", "reminder")
        ]


@pytest.mark.parametrize(("code", "state"), [
    ("paid", ("done", "do_not_contact", 1)), ("dispute", ("waiting", "machine", 1)), ("", ("done", "reached", 1)),
])  # fmt: skip
def test_what_follows_from_the_agents_code(desk: Desk, code: str, state: tuple[str, str, int]) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    desk.talks(desk.offered(), code)
    assert desk.state() == state
    with reading(desk.engine) as conn:
        decided = consent.of(conn, desk.row().customer_id).get("phone")
        assert (decided is not None and decided.do_not_contact) == (code == "paid")


def test_the_key_for_no_more_calls_is_kept(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    desk.offered()
    assert desk.queues.cancel_callback(desk.row().contact_id, "declined")
    desk.drain()
    assert desk.state() == ("done", "declined", 1)
    assert desk.queues.agents()["ana"].state == "idle"
    with reading(desk.engine) as conn:
        assert consent.of(conn, desk.row().customer_id)["phone"].do_not_contact
    assert audited(desk) == []


def test_nobody_is_told_of_a_callback_that_they_never_asked_for(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    assert desk.queues.callbacks_of(ANA, desk.row().customer_id) == []
    found = desk.queues.requested(desk.row().contact_id)
    assert found is not None
    assert (found.campaign, found.number) == ("plan", ANA)


def test_whoever_is_cancelled_by_a_person_is_called_no_more(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    assert desk.queues.cancel_callback(desk.row().contact_id)
    desk.drain()
    assert desk.state() == ("done", "cancelled", 0)


def test_a_transferred_call_ends_with_its_second_agent(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    offer = desk.offered()
    contact = desk.row().contact_id
    assert desk.queues.accept(offer)
    assert desk.queues.connected(offer)
    assert desk.queues.transfer(offer, "general")
    desk.drain()
    assert ended(desk, contact) == ""
    assert int(desk.queues.entry(contact)["priority"]) > 0
    desk.queues.sign_in("ben")
    (second,) = desk.queues.claim(Proposal(contact, "general", "voice", ("ben",)))
    assert desk.queues.connected(second)
    assert desk.queues.complete(second)
    desk.drain()
    assert ended(desk, contact) == "completed"
    assert desk.state() == ("done", "reached", 1)
    assert audited(desk) == []


def test_the_agent_sees_campaign_guide_and_attributes(desk: Desk) -> None:
    desk.put(f"{ANA},Ana Diaz,A-7,2026-12-01", header="phone,name,reference,due_on")
    desk.queues.sign_in("ana")
    desk.fed()
    offer = desk.queues.offer(desk.offered())
    entry = desk.queues.entry(offer.contact_id)
    with reading(desk.engine) as conn:
        pop = screenpop.build(
            conn, offer, entry, desk.queues.queue("billing"), desk.queues.context(offer.contact_id), desk.clock()
        )
    assert pop.campaign is not None
    assert (pop.campaign.name, pop.campaign.reference, pop.campaign.attempt) == ("plan", "A-7", 1)
    assert pop.slots == {"name": "Ana Diaz", "reference": "A-7", "due_on": "2026-12-01"}
    assert (pop.queue.guide, pop.caller) == ("Offer a plan.", ANA)
    assert pop.customer is not None
    assert pop.customer.name == "Ana Diaz"
