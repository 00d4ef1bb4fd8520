"""A conversation that goes on with another agent."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from callcenter.acd.audit import Audit
from callcenter.acd.match import match
from callcenter.queues import journal
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
