"""Lists into queues: agents first, inbound callers before anybody, each person once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import redis
import sqlalchemy as sa

from callcenter import consent, contacts, customers, identifiers, recognition
from callcenter.acd.model import Proposal
from callcenter.campaigns import people
from callcenter.db import reading
from callcenter.queues import auditing, journal, restore, screenpop
from callcenter.tables import events, messages
from tests.campaigns.conftest import ANA, JO, LEE, Desk

Another = Callable[[Desk], Desk]


def audited(desk: Desk) -> list[Any]:
    desk.drain()
    return list(auditing.audit(desk.engine).findings(desk.clock()))


def test_only_as_many_join_as_agents_are_idle(desk: Desk) -> None:
    desk.put(ANA, LEE, JO)
    assert desk.fed() == 0
    desk.queues.sign_in("ana")
    assert desk.fed() == 1
    assert desk.fed() == 0
    desk.queues.sign_in("ben")
    assert desk.fed() == 1
    assert sorted(row.state for row in desk.rows().values()) == ["queued", "queued", "waiting"]
    assert audited(desk) == []


def test_inbound_callers_go_first_even_if_they_come_later(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    assert desk.fed() == 1
    desk.clock.sleep(5)
    desk.queues.join("inbound", "billing", channel="sip", holder="sip1")
    (first,) = desk.due()
    assert first.contact_id == "inbound"


def test_nobody_joins_while_inbound_callers_wait_for_the_agent_who_is_free(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.join("inbound", "billing", channel="sip", holder="sip1")
    desk.queues.sign_in("ana")
    assert desk.fed() == 0


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


def test_do_not_contact_counts_until_the_last_moment(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    with desk.engine.begin() as conn:
        consent.put(conn, desk.row().customer_id, "phone", source="user:1", at=desk.now, do_not_contact=True)
    desk.fed()
    assert desk.state() == ("done", "do_not_contact", 0)
    assert desk.due() == []
    assert audited(desk) == []


def test_paused_in_the_middle_nobody_waits_and_resumed_they_are_called(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    with desk.engine.begin() as conn:
        assert people.pause(conn, "plan", by="user:1", at=desk.now)
        assert not people.pause(conn, "plan", by="user:1", at=desk.now)
    desk.fed()
    assert desk.due() == []
    assert desk.state() == ("waiting", "", 0)
    assert desk.fed() == 0
    with desk.engine.begin() as conn:
        assert people.resume(conn, "plan", by="user:1", at=desk.now)
    assert desk.fed() == 1
    assert audited(desk) == []


def test_whoever_talked_with_an_agent_of_the_queue_is_taken_off(desk: Desk) -> None:
    desk.put(ANA)
    desk.clock.sleep(10)
    serve(desk, "billing")
    desk.queues.sign_in("ana")
    assert desk.fed() == 0
    assert desk.state() == ("done", "served", 0)


@pytest.mark.parametrize(("queue", "change"), [("general", {}), ("billing", {"served": "keep"})])
def test_whoever_talked_elsewhere_or_is_to_be_kept_is_called(desk: Desk, queue: str, change: dict[str, str]) -> None:
    desk.file["plan"] |= change
    desk.put(ANA)
    desk.clock.sleep(10)
    serve(desk, queue)
    desk.queues.sign_in("ana")
    assert desk.fed() == 1


def test_whoever_is_served_while_in_the_queue_is_called_no_more(desk: Desk) -> None:
    """The conversation takes the callback back; what that means is the campaign's."""
    desk.put(ANA)
    desk.queues.sign_in("cleo")
    desk.queues.sign_in("ana")
    desk.fed()
    desk.clock.sleep(1)
    serve(desk, "billing", agent="ana")
    assert desk.state() == ("waiting", "", 0)
    assert desk.fed() == 0
    assert desk.state() == ("done", "served", 0)
    assert audited(desk) == []


def test_whoever_waits_for_us_isnt_called_at_the_same_time(desk: Desk) -> None:
    desk.put(ANA)
    with desk.engine.begin() as conn:
        contact = contacts.start(conn, channel="chat", caller="", called="", at=desk.now)
        recognition.assume(conn, contact, desk.row().customer_id, proof="login", at=desk.now)
    desk.queues.join(contact, "general", channel="chat", customer_id=desk.row().customer_id)
    desk.queues.sign_in("ana")
    assert desk.fed() == 0
    assert desk.row().next_at > desk.now
    desk.queues.leave(contact, "abandoned")
    desk.clock.sleep(200)
    assert desk.fed() == 1


def test_whoever_has_asked_to_be_called_back_is_called_once(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.request_callback("own", ANA, at=desk.clock() + 7200, queue="general")
    desk.queues.sign_in("ana")
    assert desk.fed() == 0
    assert desk.state()[0] == "waiting"


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


def ended(desk: Desk, contact: str) -> str:
    with reading(desk.engine) as conn:
        found = contacts.get(conn, contact)
    assert found is not None
    return str(found.outcome)


def test_of_two_processes_that_read_the_same_row_one_changes_it(desks: Desk) -> None:
    desks.put(ANA)
    read = desks.row()
    with desks.engine.begin() as conn:
        assert people.lease(conn, read, "one", desks.now)
        assert not people.lease(conn, read, "two", desks.now)
    leased = desks.row()
    assert leased.contact_id == "one"
    with desks.engine.begin() as conn:
        assert people.finish(conn, leased, people.REACHED, desks.now)
        assert not people.finish(conn, leased, people.CANCELLED, desks.now)
        assert not people.again(conn, leased, desks.now, desks.now)
        people.tried(conn, leased, "busy", desks.now, most=3, spacing=1)
    assert desks.state() == ("done", "reached", 0)


def test_whoever_shares_a_number_is_taken_off_by_the_number(desk: Desk) -> None:
    """Nobody knows which of them has called, and talked with an agent of the queue."""
    with desk.engine.begin() as conn:
        for _ in range(2):
            customer = customers.create(conn, at=desk.now)
            identifiers.add(conn, customer, "phone", ANA, at=desk.now)
    desk.put(ANA)
    assert desk.row().customer_id == ""
    desk.clock.sleep(10)
    with desk.engine.begin() as conn:
        contact = contacts.start(conn, channel="sip", caller=ANA, called="", at=desk.now)
    talk(desk, contact, "billing", "ben", "")
    desk.queues.sign_in("ana")
    assert desk.fed() == 0
    assert desk.state() == ("done", "served", 0)


def test_two_processes_feed_and_dial_nobody_twice(desks: Desk, another: Another) -> None:
    numbers = [f"+1212555{number}" for number in range(1000, 1012)]
    desks.put(*numbers)
    for agent in ("ana", "ben", "cleo"):
        desks.queues.sign_in(agent)
    both = [desks, another(desks), another(desks)]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda one: one.feeder.once(), both))
    assert sum(made) == 2  # Cleo lacks the skill
    desks.drain()
    assert len(desks.due()) == sum(made)
    assert [row.state for row in desks.rows().values()].count("queued") == sum(made)
    with reading(desks.engine) as conn:
        joined = conn.execute(sa.select(events.c.contact_id).where(events.c.kind == "queue.joined")).scalars().all()
    assert len(set(joined)) == len(joined) == sum(made)
    assert audited(desks) == []


def test_a_process_that_died_after_the_lease_leaves_nobody(
    desk: Desk, another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(desk.feeder, "_join", killed)
    with pytest.raises(KeyboardInterrupt):
        desk.feeder.once()
    assert desk.state()[0] == "queued"
    assert desk.due() == []
    other = another(desk)
    assert other.fed() == 0  # the other one may be joining at this moment
    desk.clock.sleep(11)
    other.fed()
    assert [proposal.contact_id for proposal in desk.due()] == [desk.row().contact_id]
    assert audited(desk) == []


def test_a_process_that_died_after_joining_and_wakes_again_calls_nobody_twice(desk: Desk) -> None:
    """The join is repeated when the call is over already."""
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    desk.talks(desk.offered())
    desk.feeder._join(desk.lists(), desk.row(), desk.campaign)
    assert desk.due() == []
    assert desk.state() == ("done", "reached", 1)
    assert audited(desk) == []


def test_a_call_whose_process_died_while_dialling_is_made_again(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    offer = desk.offered()
    desk.queues.refuse(offer, "expired")
    desk.drain()
    assert desk.state()[0] == "queued"
    desk.clock.sleep(60)
    desk.talks(desk.offered())
    assert desk.state() == ("done", "reached", 1)
    assert audited(desk) == []


def test_what_the_store_lost_is_put_back_behind_inbound_callers(desk: Desk, client: redis.Redis) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    contact = desk.row().contact_id
    client.flushall()
    desk.clock.sleep(100)
    desk.drain()
    assert restore.restore(desk.engine, desk.queues) == 1
    desk.fed()
    entry = desk.queues.entry(contact)
    assert (entry["priority"], entry["leg"]) == ("-1", "absent")
    desk.queues.callback_tried(desk.offered(), "busy")
    desk.drain()
    assert desk.state() == ("waiting", "busy", 1)
    assert audited(desk) == []


def test_the_journal_is_followed_once_whoever_dies(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    desk.queues.callback_tried(desk.offered(), "busy")
    with monkeypatch.context() as dying:
        dying.setattr(people, "tried", _die)
        with pytest.raises(KeyboardInterrupt):
            desk.drain()
    assert desk.state() == ("queued", "", 0)
    desk.drain()
    journal.drain(desk.engine, desk.queues)
    assert desk.state() == ("waiting", "busy", 1)


def test_whoever_waits_in_vain_goes_back_to_the_list(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    desk.queues.set_presence("ana", "unavailable", "lunch")
    desk.clock.sleep(61)
    desk.fed()
    assert desk.state() == ("waiting", "", 0)
    assert desk.queues.entry(desk.row().contact_id)["why"] == "no_agent"


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


def _die(*arguments: object, **named: object) -> None:
    raise KeyboardInterrupt
