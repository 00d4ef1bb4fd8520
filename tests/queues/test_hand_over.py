"""A conversation that goes on with another agent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from callcenter.acd.audit import Audit
from callcenter.acd.match import match
from callcenter.acd.model import Proposal
from callcenter.queues import journal, reaper
from callcenter.queues.store import Queues
from tests.queues.conftest import Clock


@pytest.fixture
def talking(queues: Queues) -> str:
    """The offer by which ana talks; ben is free."""
    queues.sign_in("ana")
    queues.join("c1", "billing", channel="sip", holder="h")
    [proposal] = match(queues.snapshot(), queues.clock())
    [offer] = queues.claim(proposal)
    assert queues.accept(offer)
    assert queues.connected(offer)
    queues.sign_in("ben")
    return offer


def test_the_other_agent_is_busy_and_the_first_wraps_up(queues: Queues, talking: str, clock: Clock) -> None:
    clock.sleep(30)
    new = queues.hand_over(talking, "ben")
    assert new
    assert queues.hand_over(talking, "ben") == new  # again is the same
    states = {id: agent.state for id, agent in queues.agents().items()}
    assert states == {"ana": "wrap_up", "ben": "busy"}
    assert queues.offer(new).agent_id == "ben"
    queues.join("c2", "billing", channel="sip", holder="h")
    assert match(queues.snapshot(), queues.clock()) == []  # nobody is offered another call
    clock.sleep(60)
    assert queues.complete(new)
    assert queues.agents()["ben"].state == "wrap_up"


@pytest.mark.parametrize("agent", ["nobody", "ana", "cleo"])
def test_who_is_not_there_inherits_nothing(queues: Queues, talking: str, agent: str) -> None:
    assert queues.hand_over(talking, agent) == ""
    assert queues.offer(talking).state == "connected"


def test_an_offer_that_is_not_in_conversation_is_not_handed_over(queues: Queues, talking: str) -> None:
    queues.complete(talking)
    assert queues.hand_over(talking, "ben") == ""
    assert queues.hand_over("nothing", "ben") == ""


def test_the_audit_finds_it_in_order(
    queues: Queues, talking: str, clock: Clock, kinds: Callable[[], list[str]]
) -> None:
    new = queues.hand_over(talking, "ben")
    queues.complete(new)
    for agent, offer in (("ana", talking), ("ben", new)):
        queues.wrapped_up(agent, offer)
    audit = Audit()
    audit.take(journal.Tail(queues.client, "0-0").read())
    assert audit.findings(clock() + 90_000) == []
    assert kinds().count("offer.done") == 2


def test_a_consulted_agent_is_busy(queues: Queues, talking: str) -> None:
    assert queues.consult("c1", "ben")
    assert queues.consult("c1", "ben")  # again is once
    queues.join("c2", "billing", channel="sip", holder="h")
    assert queues.agents()["ben"].state == "busy"
    assert match(queues.snapshot(), queues.clock()) == []
    assert queues.claim(Proposal("c2", "billing", "voice", ("ben",))) == []
    queues.consult_over("c1", "ben")
    queues.consult_over("c1", "ben")
    assert queues.agents()["ben"].state == "idle"
    assert [proposal.agents for proposal in match(queues.snapshot(), queues.clock())] == [("ben",)]


def test_who_is_consulted_and_takes_over_is_busy_once(queues: Queues, talking: str, clock: Clock) -> None:
    queues.consult("c1", "ben")
    new = queues.hand_over(talking, "ben")
    queues.consult_over("c1", "ben")
    assert queues.agents()["ben"].load == {"voice": 1}
    queues.complete(new)
    clock.sleep(60)
    queues.end_wrap_up(new)
    assert queues.agents()["ben"].state == "idle"
    assert queues.agents()["ben"].load == {}


@pytest.mark.parametrize("end", ["complete", "transfer", "unkept"])
def test_the_end_of_a_conversation_frees_those_who_were_consulted(
    queues: Queues, talking: str, clock: Clock, end: str
) -> None:
    """Also where the process that would have said so is gone."""
    queues.consult("c1", "ben")
    queues.keep("h", ["c1"])
    if end == "unkept":
        clock.sleep(60)
        assert reaper.reap_legs(queues) == 1
    else:
        assert queues.complete(talking) if end == "complete" else queues.transfer(talking, "billing")
    assert queues.agents()["ben"].state == "idle"
    assert queues.agents()["ben"].load == {}


def test_nobody_is_consulted_without_a_conversation_or_a_desk(queues: Queues, talking: str) -> None:
    queues.join("c2", "billing", channel="sip", holder="h")
    assert not queues.consult("c2", "ben")
    assert not queues.consult("nobody", "ben")
    assert not queues.consult("c1", "cleo")
    assert queues.agents()["ben"].state == "idle"
