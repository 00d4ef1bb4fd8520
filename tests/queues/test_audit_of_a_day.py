"""`callwright audit` on a log as the store writes it: nothing is named; take out any line that matters or put it in
twice, and it is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis

from callcenter.acd.audit import _HANDLERS, Audit
from callcenter.acd.model import Proposal
from callcenter.queues import reaper
from callcenter.queues.journal import Fact, Tail
from callcenter.queues.store import Queues
from tests.queues.conftest import Clock

NUMBER = "+12025550143"


def claimed(queues: Queues, contact: str, queue: str, *agents: str) -> list[str]:
    absent = queues.entry(contact)["leg"] == "absent"
    found = queues.claim(Proposal(contact, queue, queues.entry(contact)["medium"], agents, absent))
    assert len(found) == len(agents)
    return found


def served(queues: Queues, contact: str, agent: str, queue: str = "billing") -> str:
    (offer,) = claimed(queues, contact, queue, agent)
    assert queues.accept(offer)
    assert queues.connected(offer)
    return offer


def done(queues: Queues, agent: str, offer: str) -> None:
    assert queues.complete(offer)
    assert queues.wrapped_up(agent, offer, "paid")


def a_day(queues: Queues, clock: Clock) -> None:
    """Somebody for everything that can happen in queues."""
    for agent in ("ana", "ben", "cleo"):
        queues.sign_in(agent)
    queues.join("plain", "billing", channel="sip")
    done(queues, "ana", served(queues, "plain", "ana"))
    queues.join("rejected", "billing", channel="sip")
    (offer,) = claimed(queues, "rejected", "billing", "ana")
    queues.refuse(offer, "rejected")
    done(queues, "ben", served(queues, "rejected", "ben"))
    clock.sleep(60)
    queues.join("lapsed", "billing", channel="chat")
    claimed(queues, "lapsed", "billing", "ana")
    clock.sleep(60)
    assert reaper.reap_timers(queues) == 1
    done(queues, "ben", served(queues, "lapsed", "ben"))
    clock.sleep(60)
    queues.join("gave up", "billing", channel="sip")
    claimed(queues, "gave up", "billing", "ana")
    queues.leave("gave up", "abandoned")
    queues.join("everybody", "everybody", channel="sip")
    offers = claimed(queues, "everybody", "everybody", "ana", "ben", "cleo")
    assert queues.accept(offers[1])
    assert queues.connected(offers[1])
    queues.complete(offers[1])
    queues.wrapped_up("ben", offers[1])
    queues.join("transferred", "billing", channel="sip")
    offer = served(queues, "transferred", "ana")
    queues.transfer(offer, "general")
    queues.wrapped_up("ana", offer, "paid")
    offer = served(queues, "transferred", "cleo", "general")
    assert queues.complete(offer)
    queues.wrapped_up("cleo", offer)
    queues.join("called back", "billing", channel="sip")
    queues.request_callback("called back", NUMBER)
    (offer,) = claimed(queues, "called back", "billing", "ana")
    queues.callback_tried(offer, "busy")
    clock.sleep(600)
    done(queues, "ana", served(queues, "called back", "ana"))
    queues.request_callback("not reached", "+12025550144", queue="general")
    for _ in range(2):
        (offer,) = claimed(queues, "not reached", "general", "ana")
        queues.callback_tried(offer, "no_answer")
        clock.sleep(600)
    queues.request_callback("cancelled", "+12025550145", queue="general")
    queues.cancel_callback("cancelled")


@pytest.fixture
def day(queues: Queues, client: redis.Redis, clock: Clock) -> list[Fact]:
    a_day(queues, clock)
    return Tail(client, "0").read(count=10_000)


def named(facts: list[Fact], now: float) -> set[str]:
    audit = Audit()
    audit.take(facts)
    return {finding.who for finding in audit.findings(now, 0)}


HARMLESS = frozenset({
    ("without", "offer.accepted"),  # an agent may be connected at once
    ("without", "wrap_up.started"),  # a code that is given during the conversation leaves no wrap-up
    ("twice", "wrap_up.done"),
    ("without", "callback.requested"),  # where the callback has joined as one
    ("twice", "callback.requested"),  # one callback all the same: what is carried out twice is named
})  # fmt: skip


def planted(facts: list[Fact]) -> Iterator[tuple[str, Fact, list[Fact]]]:
    for number, fact in enumerate(facts):
        if fact.kind.partition(".")[0] in ("queue", "offer", "callback", "wrap_up"):
            yield "without", fact, facts[:number] + facts[number + 1 :]
            yield "twice", fact, [*facts[: number + 1], *facts[number:]]


def test_a_day_adds_up(day: list[Fact], clock: Clock) -> None:
    assert named(day, clock.now + 1) == set()


def test_each_line_matters(day: list[Fact], clock: Clock) -> None:
    """Whoever it is about is named, by the contact, the agent or the offer."""
    unnoticed = {
        (how, fact.kind)
        for how, fact, changed in planted(day)
        if not named(changed, clock.now + 1) & ({fact.contact, fact.agent, fact.offer} - {""})
    }
    assert unnoticed == HARMLESS


def test_each_kind_that_is_audited_is_in_the_day(day: list[Fact]) -> None:
    """But for what a store leads to that has lost something: its own tests have that."""
    everyday = {kind for kind in _HANDLERS if not kind.startswith("queue.store_") and not kind.endswith(".restored")}
    assert everyday - {fact.kind for fact in day} == set()


def test_an_agent_with_more_than_fits_is_named(queues: Queues, client: redis.Redis, clock: Clock) -> None:
    """By what was their capacity when they were asked, which the log holds."""
    queues.sign_in("ana")
    for contact in ("first", "second"):
        queues.join(contact, "billing", channel="sip")
        offer = served(queues, contact, "ana")
        client.hdel("cw:agent:ana", "load:voice")  # a fault of ours: the store miscounts
        assert queues.place(contact) is not None
    audit = Audit()
    audit.take(Tail(client, "0").read())
    assert [(one.who, one.what) for one in audit.findings(clock.now)] == [
        ("ana", "has 2 contacts by voice, and 1 is the most")
    ]
    assert queues.complete(offer)


@pytest.mark.parametrize(("kind", "more"), [
    ("offer.made", {"agent": "cleo", "offer": "new"}),
    ("offer.connected", {}),
    ("callback.done", {}),
    ("queue.left", {}),
])  # fmt: skip
def test_what_happens_to_somebody_who_is_over_is_named(
    day: list[Fact], clock: Clock, kind: str, more: dict[str, Any]
) -> None:
    ends = {fact.contact: number for number, fact in enumerate(day) if fact.contact}
    for contact, number in ends.items():
        last = day[number]
        late = replace(last, kind=kind, data={"medium": "voice"}, **more)
        who = named([*day[: number + 1], late, *day[number + 1 :]], clock.now + 1)
        assert who & {contact, late.offer, late.agent}, (contact, kind)
