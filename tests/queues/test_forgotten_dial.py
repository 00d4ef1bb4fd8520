"""A callback is being dialled, and the store has lost all of it: who dials goes on, or ends; nobody else begins."""

from __future__ import annotations

import pytest
import redis
from sqlalchemy.engine import Engine

from callcenter.acd.match import match
from callcenter.acd.model import Proposal
from callcenter.queues.auditing import audit
from callcenter.queues.restore import restore
from callcenter.queues.store import Queues
from tests.queues.conftest import Clock
from tests.queues.test_callbacks import NUMBER, due, requested
from tests.queues.test_journal import drain, row

SPACING = 600
"""Seconds between attempts in the queue billing."""


@pytest.fixture
def lost(engine: Engine, queues: Queues, client: redis.Redis) -> str:
    """The offer by which `sip1` dials c1 for ana, who is on the line; the log has it, the store has nothing."""
    requested(queues)
    offer = due(queues)
    assert queues.claim_callback(offer, "sip1")
    assert queues.accept(offer)
    drain(engine, queues)
    client.flushall()
    return offer


def tell(queues: Queues, offer: str, holder: str = "sip1") -> bool | None:
    return queues.restore_dial(offer, "c1", "ana", device="desk", holder=holder, accepted=True)


def test_it_goes_on(engine: Engine, queues: Queues, clock: Clock, lost: str) -> None:
    drain(engine, queues)
    assert queues.keep("sip1", ["c1"], {"c1": lost}) == ["c1"]
    assert tell(queues, lost) is None, "the callback isn't there again yet"
    restore(engine, queues)
    assert queues.keep("sip1", ["c1"], {"c1": lost}) == ["c1"]
    assert tell(queues, lost)
    assert tell(queues, lost), "again"
    assert queues.keep("sip1", ["c1"], {"c1": lost}) == []
    assert queues.agents()["ana"].offer == lost
    assert queues.offer(lost).state == "accepted"
    assert match(queues.snapshot(), clock.now + 60) == [], "nobody else is asked"
    assert queues.connected(lost)
    assert queues.complete(lost)
    drain(engine, queues)
    assert (row(engine, "c1").state, row(engine, "c1").callback) == ("done", "done")
    assert audit(engine).findings(clock.now, 60) == []


def test_it_may_fail_as_any_other(engine: Engine, queues: Queues, lost: str) -> None:
    drain(engine, queues)
    restore(engine, queues)
    assert tell(queues, lost)
    assert queues.callback_tried(lost, "no_answer") == "again"
    assert [one.attempts for one in queues.callbacks_of(NUMBER)] == [1]
    drain(engine, queues)
    assert audit(engine).findings(queues.clock(), 60) == []


def test_whoever_dials_has_time_to_say_so(engine: Engine, queues: Queues, clock: Clock, lost: str) -> None:
    drain(engine, queues)
    restore(engine, queues)
    queues.sign_in("ben")
    assert match(queues.snapshot(), clock.now) == []
    clock.sleep(queues.timing.kept)
    assert match(queues.snapshot(), clock.now) == [], "c1's telephone rang, and nobody knows what came of it"
    clock.sleep(SPACING - queues.timing.kept)
    assert [proposal.contact_id for proposal in match(queues.snapshot(), clock.now)] == ["c1"]


def test_one_that_came_to_nothing_as_the_store_died_keeps_the_spacing(
    engine: Engine, queues: Queues, client: redis.Redis, clock: Clock
) -> None:
    """The customer didn't answer, and the store was gone before the log had it."""
    requested(queues)
    offer = due(queues)
    assert queues.claim_callback(offer, "sip1")
    assert queues.accept(offer)
    began = clock.now
    drain(engine, queues)
    clock.sleep(25)
    assert queues.callback_tried(offer, "no_answer") == "again"
    client.flushall()
    drain(engine, queues)
    restore(engine, queues)
    [one] = queues.callbacks_of(NUMBER)
    assert one.at - began == pytest.approx(SPACING, abs=1)
    clock.now = one.at
    again = due(queues)
    assert queues.claim_callback(again, "sip1")
    drain(engine, queues)
    client.flushall()
    drain(engine, queues)
    restore(engine, queues)
    [one] = queues.callbacks_of(NUMBER)
    assert one.at - clock.now == pytest.approx(queues.timing.kept, abs=1), "no telephone but the agent's rang"


@pytest.mark.parametrize("how", ["tried", "refused", "withdrawn"])
def test_one_whose_end_is_known_doesn_t_ring_on(
    engine: Engine, queues: Queues, client: redis.Redis, clock: Clock, how: str
) -> None:
    requested(queues)
    offer = due(queues)
    assert queues.claim_callback(offer, "sip1")
    assert queues.accept(offer)
    clock.sleep(5)
    if how == "tried":
        queues.callback_tried(offer, "busy")
    elif how == "refused":
        queues.refuse(offer, "failed")
    else:
        queues.move_callback("c1")
    drain(engine, queues)
    client.flushall()
    drain(engine, queues)
    restore(engine, queues)
    [one] = queues.callbacks_of(NUMBER)
    assert one.at - clock.now == pytest.approx(SPACING if how == "tried" else queues.timing.kept, abs=1)
    assert one.attempts == (how == "tried")


def test_an_agent_who_was_asked_meanwhile_is_let_go(engine: Engine, queues: Queues, clock: Clock, lost: str) -> None:
    drain(engine, queues)
    restore(engine, queues)
    clock.sleep(SPACING)
    second = due(queues, agent="ben")
    assert tell(queues, lost)
    assert queues.offer(second).state == "withdrawn"
    assert not queues.claim_callback(second, "sip2")
    assert queues.agents()["ben"].offer == ""
    drain(engine, queues)
    assert audit(engine).findings(clock.now, 60) == []


def test_it_ends_where_another_process_dials(engine: Engine, queues: Queues, clock: Clock, lost: str) -> None:
    drain(engine, queues)
    restore(engine, queues)
    clock.sleep(SPACING)
    second = due(queues, agent="ben")
    assert queues.claim_callback(second, "sip2")
    assert tell(queues, lost) is False
    assert queues.connected(second)


def test_it_ends_where_the_agent_is_asked_for_somebody_else(engine: Engine, queues: Queues, lost: str) -> None:
    drain(engine, queues)
    restore(engine, queues)
    queues.join("c2", "billing", channel="sip", holder="sip1")
    (second,) = queues.claim(Proposal("c2", "billing", "voice", ("ana",)))
    assert tell(queues, lost) is False
    assert queues.agents()["ana"].offer == second


def test_it_ends_where_nobody_wants_it_any_more(engine: Engine, queues: Queues, lost: str) -> None:
    drain(engine, queues)
    restore(engine, queues)
    assert queues.cancel_callback("c1")
    assert queues.keep("sip1", ["c1"], {"c1": lost}) == ["c1"]
    assert tell(queues, lost) is False


def test_a_process_that_has_not_claimed_it_gets_nothing(engine: Engine, queues: Queues, lost: str) -> None:
    drain(engine, queues)
    restore(engine, queues)
    assert tell(queues, lost)
    assert tell(queues, lost, "sip2") is False
