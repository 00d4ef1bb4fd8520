"""Who somebody is may be settled only after they joined a queue, by the flow or by an agent: then their callbacks are
found, and not made once they have been served."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import redis
from sqlalchemy.engine import Engine

from callcenter import contacts, customers, identifiers, merging, recognition
from callcenter.acd.model import Proposal
from callcenter.queues import identifying
from callcenter.queues.restore import restore
from callcenter.queues.router import Drain
from callcenter.queues.store import Queues
from tests.queues.conftest import NOW, Clock
from tests.queues.support import placed
from tests.queues.test_callbacks import NUMBER, requested
from tests.queues.test_journal import drain, row

AT = datetime.fromtimestamp(NOW, UTC)


@pytest.fixture
def dana(engine: Engine) -> str:
    with engine.begin() as conn:
        customer = customers.create(conn, at=AT, name="Dana")
        identifiers.add(conn, customer, "phone", NUMBER, at=AT, proof="agent")
    return customer


def visits(engine: Engine, contact: str = "chat") -> None:
    """A visitor of the chat whom nobody knows."""
    with engine.begin() as conn:
        contacts.start(conn, channel="chat", caller=f"visitor-{contact}", called="site", at=AT, contact_id=contact)


def settle(engine: Engine, customer: str, contact: str = "chat") -> None:
    with engine.begin() as conn:
        recognition.settle(conn, contact, customer, proof="pin", at=AT)


def talks(queues: Queues, contact: str = "chat", agent: str = "ben") -> str:
    queues.sign_in(agent)
    (offer,) = queues.claim(Proposal(contact, "general", "chat", (agent,)))
    assert queues.connected(offer)
    return offer


def test_while_waiting(engine: Engine, queues: Queues, dana: str) -> None:
    """The flow asks who it is while the place is kept."""
    visits(engine)
    queues.join("chat", "general", channel="chat", caller="visitor-chat")
    requested(queues, "call", customer_id="", number=NUMBER)
    settle(engine, dana)
    assert identifying.follow(engine, queues) == 1
    assert identifying.follow(engine, queues) == 0
    assert placed(queues, "call").state == "waiting"  # nobody has been served yet
    talks(queues)
    assert placed(queues, "call").state == "left"


@pytest.mark.parametrize("over", [False, True])
def test_by_the_agent(engine: Engine, queues: Queues, clock: Clock, over: bool) -> None:
    """During the conversation, or in wrap-up."""
    with engine.begin() as conn:
        customer = customers.create(conn, at=AT, name="Dana")
    visits(engine)
    requested(queues, "call", customer_id=customer, number="+12025550199")
    queues.join("chat", "general", channel="chat", caller="visitor-chat")
    offer = talks(queues)
    if over:
        queues.complete(offer)
    clock.sleep(60)
    requested(queues, "asked since", customer_id=customer, number="+12025550199")
    settle(engine, customer)
    identifying.follow(engine, queues)
    assert placed(queues, "call").state == "left"
    assert placed(queues, "asked since").state == "waiting"


def test_by_a_merge_during_the_conversation(engine: Engine, queues: Queues, dana: str) -> None:
    with engine.begin() as conn:
        other = customers.create(conn, at=AT, name="Dana R.")
    visits(engine)
    settle(engine, other)
    identifying.follow(engine, queues)
    queues.join("chat", "general", channel="chat", caller="visitor-chat", customer_id=other)
    requested(queues, "call", customer_id=dana, number="+12025550199")
    talks(queues)
    drain(engine, queues)
    with engine.begin() as conn:
        merging.merge(conn, dana, other, by="agent:ben", at=AT)
    assert identifying.follow(engine, queues) == 2
    assert placed(queues, "call").state == "left"


def test_a_callback_is_found_by_who_asked_for_it(engine: Engine, queues: Queues, dana: str) -> None:
    """It was asked for in a chat before anybody knew whose it was, to a telephone that isn't in the record."""
    visits(engine)
    queues.join("chat", "general", channel="chat", caller="visitor-chat")
    queues.request_callback("chat", "+12025550199")
    assert queues.callbacks_of(dana) == []
    settle(engine, dana)
    identifying.follow(engine, queues)
    assert [one.contact_id for one in queues.callbacks_of(dana)] == ["chat"]
    assert queues.cancel_callback("chat")
    assert queues.callbacks_of(dana) == []


def test_whoever_turns_out_to_be_another(engine: Engine, queues: Queues, dana: str) -> None:
    """An agent corrects what was settled wrongly: it is the other's callback that is kept."""
    with engine.begin() as conn:
        lee = customers.create(conn, at=AT, name="Lee")
    visits(engine)
    queues.join("chat", "general", channel="chat", caller="visitor-chat")
    for customer in (dana, lee):
        requested(queues, customer, customer_id=customer, number="+12025550199")
        settle(engine, customer)
        identifying.follow(engine, queues)
    talks(queues)
    assert [placed(queues, customer).state for customer in (dana, lee)] == ["waiting", "left"]


def test_it_outlives_the_store(engine: Engine, queues: Queues, client: redis.Redis, clock: Clock, dana: str) -> None:
    visits(engine)
    queues.join("chat", "general", channel="chat", caller="visitor-chat")
    drain(engine, queues)
    settle(engine, dana)
    draining = Drain(engine, queues)
    draining.once()
    draining.once()
    assert row(engine, "chat").customer_id == dana
    requested(queues, "call", number=NUMBER)
    drain(engine, queues)
    client.flushall()
    drain(engine, queues)
    restore(engine, queues)
    clock.sleep(60)
    talks(queues)
    assert placed(queues, "call").state == "left"


def test_a_store_that_is_away_is_told_later(
    engine: Engine, queues: Queues, dana: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits(engine)
    queues.join("chat", "general", channel="chat", caller="visitor-chat")
    settle(engine, dana)

    def gone(*arguments: Any, **more: Any) -> None:
        raise redis.ConnectionError("gone")

    with monkeypatch.context() as away:
        away.setattr(queues, "run", gone)
        with pytest.raises(redis.ConnectionError):
            identifying.follow(engine, queues)
    assert identifying.follow(engine, queues) == 1
    assert queues.entry("chat")["customer_id"] == dana


def test_who_was_never_in_a_queue_is_nothing_to_it(engine: Engine, queues: Queues, dana: str) -> None:
    visits(engine)
    settle(engine, dana)
    assert identifying.follow(engine, queues) == 1
    assert queues.entry("chat") == {}
