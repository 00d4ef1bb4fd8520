"""What the store lost is put back from the database, and whoever was served meanwhile is left alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import redis
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.acd.match import match
from callcenter.acd.model import Proposal
from callcenter.queues import journal
from callcenter.queues.redis_hash import as_hash
from callcenter.queues.restore import restore
from callcenter.queues.store import Queues
from callcenter.tables import queue_entries
from tests.queues.conftest import Clock
from tests.queues.support import placed
from tests.queues.test_journal import NUMBER, drain, kinds_stored, row
from tests.valkey import stream


@pytest.fixture
def lost(engine: Engine, queues: Queues, client: redis.Redis, clock: Clock) -> float:
    """A store with somebody in each state, which then lost its data. Gives when they joined."""
    joined = clock.now
    queues.join("call", "billing", channel="sip", holder="sip1", priority=7, skills={"billing": 5})
    queues.join("chat", "general", channel="chat", customer_id="k1", data={"path": ["a"]})
    queues.join("back", "general", channel="sip", holder="sip1")
    queues.request_callback("back", NUMBER)
    queues.join("gone", "billing", channel="sip")
    queues.leave("gone", "abandoned")
    queues.sign_in("ana")
    queues.join("talk", "billing", channel="sip", holder="sip2")
    (offer,) = queues.claim(Proposal("talk", "billing", "voice", ("ana",)))
    queues.connected(offer)
    queues.sign_in("ben")
    queues.set_presence("ben", "unavailable", "lunch")
    drain(engine, queues)
    client.flushall()
    clock.sleep(100)
    return joined


def test_what_the_store_lost_is_put_back(engine: Engine, queues: Queues, lost: float, clock: Clock) -> None:
    assert queues.place("call") is None
    drain(engine, queues)  # notes the loss
    assert restore(engine, queues) == 4
    assert restore(engine, queues) == 0
    assert "queue.store_lost" in kinds_stored(engine)
    for contact in ("call", "chat", "back"):
        place = queues.place(contact)
        assert place is not None
        assert place.state == "waiting"
        assert place.joined_at == pytest.approx(lost)
    call = queues.snapshot().waiting.get("call")
    assert call is not None
    assert (call.priority, call.skills) == (7, (("billing", 5),))
    assert queues.context("chat") == {"path": ["a"]}
    assert [found.contact_id for found in queues.callbacks_of(NUMBER)] == ["back"]
    assert queues.place("gone") is None
    assert placed(queues, "talk").state == "connected"
    assert queues.agents()["ana"].load == {"voice": 1}
    assert queues.presence_of("ben")[:2] == ("unavailable", "lunch")
    # Legs whose process is gone too are lost in the usual way; others are kept.
    assert queues.keep("sip1", ["call"]) == []


def served(queues: Queues, contact: str, agent: str = "ana") -> str:
    """This contact is in conversation."""
    queues.sign_in(agent)
    (offer,) = queues.claim(Proposal(contact, "billing", "voice", (agent,)))
    assert queues.connected(offer)
    return offer


def test_whoever_was_served_before_the_store_died_is_not_called_back(
    engine: Engine, queues: Queues, client: redis.Redis, clock: Clock
) -> None:
    """The database has the conversation, and not that it cancelled the callbacks: the store died between the two."""
    queues.join("back", "billing", channel="sip", customer_id="k1", known_as=["customer:k1", "customer:k2"])
    queues.request_callback("back", NUMBER)
    queues.join("other", "billing", channel="sip", customer_id="k3")
    queues.request_callback("other", "+12025550177")
    drain(engine, queues)
    clock.sleep(60)
    queues.join("line", "billing", channel="sip", holder="sip1", customer_id="k2")
    served(queues, "line")
    cancelled = {"callback.cancelled", "queue.left"}
    for id, fields in stream(client, journal.STREAM):
        if as_hash(fields)["kind"] in cancelled:
            client.xdel(journal.STREAM, id)
    drain(engine, queues)
    assert row(engine, "back").callback == "requested"
    client.flushall()
    drain(engine, queues)
    assert restore(engine, queues) == 2
    assert [found.contact_id for found in queues.callbacks_of(NUMBER, "+12025550177", "k1", "k2", "k3")] == ["other"]
    assert restore(engine, queues) == 0
    drain(engine, queues)
    assert (row(engine, "back").callback, row(engine, "back").state) == ("cancelled", "left")
    assert row(engine, "other").callback == "requested"


def test_a_router_that_dies_while_it_puts_back_leaves_nothing_undone(
    engine: Engine, queues: Queues, client: redis.Redis, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.join("back", "billing", channel="sip", customer_id="k1")
    queues.request_callback("back", NUMBER)
    drain(engine, queues)
    clock.sleep(60)
    with engine.begin() as conn:  # as much as the database has heard of the conversation
        values = {**row(engine, "back")._mapping, "contact_id": "line", "state": "done", "callback": "", "number": ""}
        values["connected_at"] = datetime.fromtimestamp(clock.now, UTC)
        conn.execute(sa.insert(queue_entries).values(**values))
    client.flushall()
    drain(engine, queues)
    with monkeypatch.context() as patch:
        patch.setattr(Queues, "cancel_callback", lambda *given: (_ for _ in ()).throw(redis.ConnectionError))
        with pytest.raises(redis.ConnectionError):
            restore(engine, queues)
    queues.sign_in("ana")
    assert match(queues.snapshot(), clock.now + 86_400) == [], "nobody is offered it"
    assert restore(engine, queues) == 0
    assert queues.callbacks_of(NUMBER) == []


def test_a_conversation_from_before_asking_serves_nobody(
    engine: Engine, queues: Queues, client: redis.Redis, clock: Clock
) -> None:
    queues.join("line", "billing", channel="sip", customer_id="k1")
    assert queues.complete(served(queues, "line"))
    clock.sleep(60)
    queues.join("back", "billing", channel="sip", customer_id="k1")
    queues.request_callback("back", NUMBER)
    drain(engine, queues)
    client.flushall()
    drain(engine, queues)
    assert restore(engine, queues) == 1
    assert [found.contact_id for found in queues.callbacks_of(NUMBER)] == ["back"]


def test_what_a_person_is_known_as_is_put_back_too(engine: Engine, queues: Queues, client: redis.Redis) -> None:
    """So that whoever waits in writing while the store dies is called back under none of their names."""
    queues.join("back", "billing", channel="sip", customer_id="k2")
    queues.request_callback("back", NUMBER)
    queues.join("chat", "general", channel="chat", customer_id="k1", known_as=["customer:k1", "customer:k2"])
    drain(engine, queues)
    client.flushall()
    drain(engine, queues)
    assert restore(engine, queues) == 2
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("chat", "general", "chat", ("ana",)))
    assert queues.connected(offer)
    assert queues.callbacks_of(NUMBER) == []


def test_a_conversation_that_only_its_process_knows_of_serves_as_well(
    engine: Engine, queues: Queues, client: redis.Redis, clock: Clock
) -> None:
    queues.join("back", "billing", channel="sip", customer_id="k1")
    queues.request_callback("back", NUMBER)
    drain(engine, queues)
    client.flushall()
    drain(engine, queues)
    assert restore(engine, queues) == 1
    began = clock.now
    clock.sleep(30)
    queues.join("again", "billing", channel="chat", customer_id="k1")
    queues.request_callback("again", "+12025550177")
    assert queues.reconnect(
        "offer", "line", "ana", "billing", channel="sip", connected_at=began, holder="sip1", customer_id="k2",
        known_as=["customer:k1", "customer:k2"],
    )  # fmt: skip
    assert [one.contact_id for one in queues.callbacks_of(NUMBER, "k1")] == ["again"], "asked for since"
    assert placed(queues, "back").state == "left"


def test_a_process_that_is_faster_than_the_router_changes_nothing(
    engine: Engine, queues: Queues, lost: float, clock: Clock
) -> None:
    assert queues.keep("sip1", ["call"]) == ["call"]
    assert queues.join("call", "billing", channel="sip", holder="sip1", joined_at=lost).joined_at == pytest.approx(lost)
    drain(engine, queues)
    assert restore(engine, queues) == 3
    assert drain(engine, queues) > 0
    assert row(engine, "call").state == "waiting"
