"""Calls that run a flow: whom, how fast, how many; each attempt once, whoever dies; what became of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter import consent, contacts
from callcenter.acd.model import Proposal
from callcenter.campaigns import following, people, placing
from callcenter.campaigns.config import BY_FLOW
from callcenter.campaigns.placing import Call
from callcenter.db import reading
from callcenter.queues import closing, screenpop
from callcenter.tables import campaign_people, events, messages
from tests.campaigns.conftest import ANA, LEE, Desk
from tests.campaigns.support import audited, ended

MANY = [f"+1212555{number}" for number in range(1000, 1030)]


def flows(desk: Desk, **more: Any) -> None:
    desk.file["plan"] |= {"flow": "remind", "consent": False, "calls_per_minute": 60, "at_once": 100, **more}
    desk.file["plan"]["codes"] = {"no_more_calls": "do_not_contact", "later": "busy"}


def placed(desk: Desk, most: int = 100, name: str = "plan") -> list[Call]:
    return placing.begin(desk.engine, desk.lists(), name, desk.now, desk.queues.callbacks_of, most)


def over(desk: Desk, call: Call, outcome: str, *, person: bool = True) -> None:
    with desk.engine.begin() as conn:
        placing.over(conn, call.contact_id, call.settings, outcome, desk.now, person=person)


def test_a_call_has_a_contact_and_what_the_list_says(desks: Desk) -> None:
    flows(desks)
    desks.put(f"{ANA},Ana,R7,10203040", header="phone,name,reference,account")
    (call,) = placed(desks)
    assert (call.number, call.flow, call.language) == (ANA, "remind", "en")
    assert call.slots == {"name": "Ana", "reference": "R7", "account": "10203040"}
    assert desks.state() == ("queued", "", 0)
    with reading(desks.engine) as conn:
        contact = contacts.get(conn, call.contact_id)
    assert contact is not None
    assert (contact.direction, contact.called, contact.customer_id) == ("out", ANA, desks.row().customer_id)
    assert placed(desks) == []


def test_only_campaigns_of_today_that_arent_paused_are_looked_at(desk: Desk) -> None:
    def due() -> list[str]:
        return placing.due(desk.engine, desk.lists(), desk.now)

    desk.put(ANA)
    assert due() == []  # agents call
    flows(desk)
    assert due() == ["plan"]
    with desk.engine.begin() as conn:
        people.pause(conn, "plan", by="user:1", at=desk.now)
    assert due() == []
    assert placed(desk) == []
    with desk.engine.begin() as conn:
        people.resume(conn, "plan", by="user:1", at=desk.now)
    desk.file["plan"]["until"] = "2026-11-17"
    assert due() == []
    assert placed(desk) == []
    assert desk.state() == ("waiting", "", 0)


def test_only_those_who_agreed_unless_the_campaign_says_otherwise(desk: Desk) -> None:
    flows(desk)
    del desk.file["plan"]["consent"]
    assert desk.campaign.needs_consent
    assert len(desk.put(ANA).refused) == 1
    assert desk.state() == ("done", "no_consent", 0)
    flows(desk)
    desk.put(LEE)
    with desk.engine.begin() as conn:
        consent.put(conn, desk.row(LEE).customer_id, "phone", source="user:1", at=desk.now, consent="withdrawn")
    assert placed(desk) == []
    assert desk.state(LEE) == ("done", "do_not_contact", 0)


def test_whose_night_it_is_who_is_called_already_and_closed_queues(desk: Desk) -> None:
    flows(desk, calls_per_minute=600)  # room for all, whoever comes first
    desk.put(ANA, LEE, "+14155550142")  # in San Francisco it is 8:00
    desk.queues.join("inbound", "billing", channel="sip", holder="sip1", customer_id=desk.row().customer_id, caller=ANA)
    desk.drain()
    with desk.engine.begin() as conn:
        closing.close(conn, "billing", by="user:1", at=desk.now)
    assert placed(desk) == []
    with desk.engine.begin() as conn:
        closing.reopen(conn, "billing")
    desk.clock.sleep(60)
    assert {call.number for call in placed(desk)} == {LEE}
    assert desk.row().next_at == desk.now + timedelta(minutes=2)


def test_nobody_is_called_by_two_campaigns_at_the_same_time(desk: Desk) -> None:
    flows(desk)
    desk.put(ANA)
    desk.file["other"] = dict(desk.file["plan"])
    with desk.engine.begin() as conn:
        row = desk.row()._mapping
        conn.execute(sa.insert(campaign_people).values({**row, "id": "second", "campaign": "other"}))
    assert len(placed(desk)) == 1
    desk.clock.sleep(5)
    assert placed(desk, name="other") == []


def test_calls_are_spread_over_the_minute(desk: Desk) -> None:
    flows(desk, calls_per_minute=12)
    desk.put(*MANY)
    begun = []
    for _ in range(60):
        begun.append(len(placed(desk)))
        desk.clock.sleep(1)
    assert begun == [1, 0, 0, 0, 0] * 12


def test_of_time_that_went_unused_a_second_is_made_up_for(desk: Desk) -> None:
    flows(desk, calls_per_minute=120)
    desk.put(*MANY)
    assert len(placed(desk)) == 2
    assert placed(desk) == []
    desk.clock.sleep(3600)
    assert len(placed(desk)) == 2
    desk.clock.sleep(0.5)
    assert len(placed(desk)) == 1


def test_so_many_at_once_and_as_the_process_has_room(desk: Desk) -> None:
    flows(desk, calls_per_minute=600, at_once=3)
    desk.put(*MANY)
    assert len(placed(desk, most=2)) == 2
    desk.clock.sleep(60)
    (third,) = placed(desk)
    desk.clock.sleep(60)
    assert placed(desk) == []
    over(desk, third, "completed")
    assert len(placed(desk)) == 1


def test_several_processes_call_nobody_twice_and_keep_the_pace(desks: Desk) -> None:
    flows(desks, calls_per_minute=300, at_once=4)
    desks.put(*MANY)
    with ThreadPoolExecutor(3) as pool:
        called = [call.number for found in pool.map(lambda _: placed(desks), range(6)) for call in found]
    assert len(called) == len(set(called)) == 4


@pytest.mark.parametrize(("outcome", "spacing"), [("no_answer", 3600), ("busy", 600), ("machine", 7200)])
def test_the_next_attempt_follows_after_the_spacing(desk: Desk, outcome: str, spacing: int) -> None:
    flows(desk)
    desk.put(ANA)
    (call,) = placed(desk)
    placing.missed(desk.engine, call, outcome, desk.now)
    assert desk.state() == ("waiting", outcome, 1)
    assert ended(desk, call.contact_id) == outcome
    desk.clock.sleep(spacing - 1)
    assert placed(desk) == []
    desk.clock.sleep(1)
    (again,) = placed(desk)
    placing.missed(desk.engine, call, outcome, desk.now)  # told once more of the first
    assert desk.state() == ("queued", outcome, 1)
    assert again.settings["attempt"] == 2
    placing.missed(desk.engine, again, outcome, desk.now)
    assert desk.state() == ("done", "not_reached", 2)
    with reading(desk.engine) as conn:
        assert conn.execute(sa.select(messages.c.body)).scalars().all() == ["We called you."]


@pytest.mark.parametrize(
    ("outcome", "person", "state"),
    [
        ("completed", True, ("done", "reached", 1)),
        ("hung_up", True, ("done", "reached", 1)),
        ("no_more_calls", True, ("done", "declined", 1)),
        ("later", True, ("waiting", "busy", 1)),
        ("failed", True, ("waiting", "failed", 1)),
        ("hung_up", False, ("waiting", "machine", 1)),
        ("completed", False, ("waiting", "machine", 1)),
        ("no_more_calls", False, ("waiting", "machine", 1)),
    ],
)
def test_what_an_outcome_means(desks: Desk, outcome: str, person: bool, state: tuple[str, str, int]) -> None:
    flows(desks)
    desks.put(ANA)
    (call,) = placed(desks)
    for _ in range(2):
        over(desks, call, outcome, person=person)
    assert desks.state() == state
    with reading(desks.engine) as conn:
        known = consent.of(conn, desks.row().customer_id).get("phone")
        told = conn.execute(sa.select(events.c.kind).where(events.c.kind.like("campaign.%"))).scalars().all()
    assert (known is not None and known.do_not_contact) is (state[1] == "declined")
    assert len(told) == 1


def test_a_call_whose_process_died_was_a_failed_attempt(desks: Desk) -> None:
    flows(desks)
    desks.put(ANA, LEE)
    calls = {call.number: call for call in placed(desks)}
    desks.clock.sleep(1)
    calls |= {call.number: call for call in placed(desks)}
    for _ in range(2):
        desks.clock.sleep(40)
        placing.keep(desks.engine, [calls[LEE].contact_id], desks.now)
    assert placing.bury(desks.engine, desks.lists(), desks.now) == 1
    assert desks.state() == ("waiting", "failed", 1)
    assert desks.state(LEE) == ("queued", "", 0)
    assert ended(desks, calls[ANA].contact_id) == "failed"
    over(desks, calls[ANA], "completed")  # it wakes again, when somebody else has given it up
    assert desks.state() == ("waiting", "failed", 1)
    assert placing.bury(desks.engine, desks.lists(), desks.now) == 0


def test_the_feeder_leaves_them_alone(desk: Desk) -> None:
    """Somebody who is called by a flow isn't to be called by an agent as well, whatever the campaign says by now."""
    flows(desk)
    desk.put(ANA)
    (call,) = placed(desk)
    desk.queues.sign_in("ana")
    for name in ("flow", "calls_per_minute", "consent"):
        del desk.file["plan"][name]
    desk.clock.sleep(100)
    assert desk.fed() == 0
    assert desk.queues.entry(call.contact_id) == {}
    assert desk.state() == ("queued", "", 0)


def waits(desk: Desk, call: Call) -> None:
    """Whom the flow called asks for a person."""
    data = {"path": ["remind.choose"], "slots": call.slots, BY_FLOW: dict(call.settings)}
    desk.queues.join(call.contact_id, "billing", channel="sip", holder="sip1", customer_id=desk.row().customer_id,
                     caller=ANA, data=data)  # fmt: skip
    desk.drain()


def test_an_agent_who_talks_with_them_is_noted_and_sees_the_campaign(desk: Desk) -> None:
    flows(desk, guide="Offer a plan.")
    desk.put(ANA)
    (call,) = placed(desk)
    desk.queues.sign_in("ana")
    waits(desk, call)
    (offer_id,) = desk.queues.claim(Proposal(call.contact_id, "billing", "voice", ("ana",)))
    offer = desk.queues.offer(offer_id)
    entry, given = desk.queues.entry(call.contact_id), desk.queues.context(call.contact_id)
    with reading(desk.engine) as conn:
        pop = screenpop.build(conn, offer, entry, desk.queues.queue("billing"), given, desk.clock())
    assert pop.campaign is not None
    assert (pop.campaign.name, pop.path, pop.queue.guide) == ("plan", ["remind.choose"], "Offer a plan.")
    desk.talks(offer_id)
    assert desk.state() == ("done", "reached", 1)
    assert desk.row().agent == "ana"
    with reading(desk.engine) as conn:
        contact = contacts.get(conn, call.contact_id)
    assert contact is not None
    assert contact.ended_at is None  # the flow goes on: a survey
    over(desk, call, "no_more_calls")
    assert desk.state() == ("done", "declined", 1)
    assert audited(desk) == []


def test_whoever_gives_up_waiting_was_reached(desk: Desk) -> None:
    flows(desk)
    desk.put(ANA)
    (call,) = placed(desk)
    waits(desk, call)
    desk.queues.leave(call.contact_id, "abandoned")
    desk.drain()
    assert desk.state() == ("queued", "", 0)
    over(desk, call, "hung_up")
    assert desk.state() == ("done", "reached", 1)
    assert audited(desk) == []


def test_a_callback_that_they_ask_for_is_theirs(desk: Desk) -> None:
    """It is made as any customer's, also when the campaign is paused."""
    flows(desk)
    desk.put(ANA)
    (call,) = placed(desk)
    waits(desk, call)
    desk.queues.request_callback(call.contact_id, ANA)
    desk.drain()
    with desk.engine.begin() as conn:
        people.pause(conn, "plan", by="user:1", at=desk.now)
    over(desk, call, "callback_booked")
    assert desk.fed() == 0
    assert desk.state() == ("done", "reached", 1)
    found = desk.queues.requested(call.contact_id)
    assert found is not None
    assert found.campaign == ""
    desk.queues.sign_in("ana")
    desk.talks(desk.offered())
    assert desk.state() == ("done", "reached", 1)
    assert audited(desk) == []


def test_a_callback_that_they_ask_for_is_tried_as_often_as_any(desk: Desk) -> None:
    """By the queue's rule, and they are told of it by text; the campaign has nothing to do with it."""
    flows(desk)
    desk.put(ANA)
    (call,) = placed(desk)
    waits(desk, call)
    desk.queues.request_callback(call.contact_id, ANA)
    over(desk, call, "callback_booked")
    desk.queues.sign_in("ana")
    assert desk.queues.callback_tried(desk.offered(), "busy") == "again"
    desk.drain()
    assert desk.state() == ("done", "reached", 1)
    with reading(desk.engine) as conn:
        assert conn.execute(sa.select(messages.c.body)).scalars().all() == ["tried by billing"]
    assert audited(desk) == []


def test_the_facts_of_agents_calls_are_those_of_agents() -> None:
    assert following.WITH_AGENTS < following.KINDS
