"""Whoever waits for a callback and is on the line meanwhile: one place, one conversation, whatever comes first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import redis
from sqlalchemy.engine import Engine

from callcenter import customers, identifiers, merging
from callcenter.acd.audit import Audit
from callcenter.acd.config import Config
from callcenter.acd.match import match
from callcenter.acd.model import Proposal
from callcenter.queues import journal, restore
from callcenter.queues.callbacks import known_as
from callcenter.queues.journal import Tail
from callcenter.queues.store import Queues
from ivr.bridge.facts import rejoin
from tests.queues.conftest import Clock
from tests.queues.support import placed

Kinds = Callable[[], list[str]]
NUMBER = "+12025550143"


def requested(queues: Queues, contact: str = "c1", customer_id: str = "k1", number: str = NUMBER) -> None:
    queues.join(contact, "billing", channel="sip", holder="sip1", customer_id=customer_id, language="es")
    queues.request_callback(contact, number)


def offered(queues: Queues, contact: str, agent: str = "ana", *, absent: bool = True) -> str:
    queues.sign_in(agent)
    (offer,) = queues.claim(Proposal(contact, "billing", "voice", (agent,), absent=absent))
    return offer


def take(queues: Queues, contact: str = "c9", callback: str = "c1") -> str:
    place = queues.take_callback(contact, callback, channel="sip", caller=NUMBER, holder="sip1")
    return "" if place is None else place.state


def facts(client: redis.Redis) -> list[journal.Fact]:
    return Tail(client, "0").read()


def test_the_place_goes_over_with_all_that_was_waited(queues: Queues, clock: Clock, kinds: Kinds) -> None:
    requested(queues)
    queues.set_priority("c1", 7)
    joined = placed(queues, "c1").joined_at
    clock.sleep(100)
    queues.join("c2", "billing", channel="sip", priority=0)
    clock.sleep(500)
    assert take(queues) == "waiting"
    assert take(queues) == "waiting"  # said twice
    place = queues.place("c9")
    assert place is not None
    assert (place.position, place.joined_at, place.queue) == (1, joined, "billing")
    entry = queues.entry("c9")
    assert (entry["priority"], entry["customer_id"], entry["language"], entry["queued_at"]) == (
        "7", "k1", "es", queues.entry("c1")["queued_at"],
    )  # fmt: skip
    assert placed(queues, "c1").state == "left"
    assert queues.callbacks_of(NUMBER, "k1") == []
    assert kinds().count("callback.cancelled") == 1
    queues.sign_in("ana")
    (first,) = [proposal for proposal in match(queues.snapshot(), clock.now) if proposal.contact_id == "c9"]
    assert not first.absent


def test_a_contacts_own_callback_gets_its_leg_back(queues: Queues, clock: Clock) -> None:
    requested(queues)
    queues.move_callback("c1", at=clock.now + 3600)
    clock.sleep(30)
    joined = placed(queues, "c1").joined_at
    assert take(queues, "c1", "c1") == "waiting"
    entry = queues.entry("c1")
    assert (entry["leg"], entry["holder"], entry["number"], entry["not_before"]) == ("present", "sip1", "", "0")
    assert placed(queues, "c1").joined_at == joined
    assert queues.callbacks_of(NUMBER, "k1") == []
    queues.sign_in("ana")
    assert [proposal.absent for proposal in match(queues.snapshot(), clock.now)] == [False]


def test_a_callback_that_was_asked_for_in_writing_is_a_call(queues: Queues, clock: Clock) -> None:
    """An agent who is on the telephone has room for messages, and none for it."""
    queues.join("chat", "general", channel="chat")
    queues.request_callback("chat", NUMBER)
    queues.request_callback("mail", "+12025550144", queue="general", channel="email")
    assert {entry.medium for entry in queues.snapshot().waiting} == {"voice"}
    assert queues.take_callback("chat", "chat", channel="chat") is not None
    assert queues.entry("chat")["medium"] == "chat"


def test_nothing_to_take(queues: Queues) -> None:
    queues.join("c2", "billing", channel="sip")
    assert take(queues, callback="nobody") == ""
    assert take(queues, callback="c2") == ""  # it waits on the line itself
    assert take(queues, "c2", "c2") == "waiting"  # and stays where it is
    assert placed(queues, "c2").position == 1
    assert queues.place("c9") is None


def test_a_place_that_is_moved_meanwhile_is_found_where_it_is(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    requested(queues)
    seen = queues.entry
    moved: list[bool] = []

    def entry(contact_id: str) -> dict[str, str]:
        found = seen(contact_id)
        if not moved:
            moved.append(queues.move("c1", "general", why="wait"))
        return found

    monkeypatch.setattr(queues, "entry", entry)
    assert take(queues) == "waiting"
    assert placed(queues, "c9").queue == "general"


@pytest.mark.parametrize("accepted", [False, True], ids=["ringing", "dialling"])
def test_a_dial_that_is_being_placed_is_taken_back(queues: Queues, kinds: Kinds, accepted: bool) -> None:
    requested(queues)
    offer = offered(queues, "c1")
    assert queues.claim_callback(offer, "sip1")
    if accepted:
        assert queues.accept(offer)
    assert take(queues) == "waiting"
    assert not queues.connected(offer)
    assert queues.agents()["ana"].state == "idle"
    assert kinds().count("offer.withdrawn") == 1
    again = offered(queues, "c9", absent=False)
    assert queues.accept(again)
    assert queues.connected(again)


@pytest.mark.parametrize("accepted", [False, True], ids=["ringing", "dialling"])
def test_another_time_takes_a_dial_back_too(queues: Queues, clock: Clock, accepted: bool) -> None:
    requested(queues)
    offer = offered(queues, "c1")
    if accepted:
        queues.accept(offer)
    assert queues.move_callback("c1", at=clock.now + 600)
    assert not queues.connected(offer)
    assert match(queues.snapshot(), clock.now) == []
    (found,) = queues.callbacks_of(NUMBER)
    assert found.at == pytest.approx(clock.now + 600)


def test_the_routers_own_wish_takes_nothing_back(queues: Queues, clock: Clock) -> None:
    requested(queues)
    offer = offered(queues, "c1")
    assert not queues.postpone("c1", clock.now + 600, "closed")
    assert queues.connected(offer)


def test_a_conversation_that_has_begun_gives_nothing_away(queues: Queues, clock: Clock) -> None:
    requested(queues)
    assert queues.connected(offered(queues, "c1"))
    assert take(queues) == ""
    assert not queues.move_callback("c1", at=clock.now + 600)
    assert not queues.cancel_callback("c1")


def test_the_line_and_the_dial_at_once_are_one_conversation(client: redis.Redis, config: Config, clock: Clock) -> None:
    """The person calls in and takes the place while the dial-back comes to its conversation: never both, never none."""
    queues = Queues(client, config, clock)
    queues.sign_in("ben")
    won = {"dial": 0, "line": 0}
    with ThreadPoolExecutor(2) as pool:
        for number in range(60):
            old, new = f"old{number}", f"new{number}"
            requested(queues, old, customer_id=f"k{number}")
            offer = offered(queues, old)
            queues.claim_callback(offer, "sip1")
            queues.accept(offer)
            if number % 2:
                dialling, calling = pool.submit(queues.connected, offer), pool.submit(take, queues, new, old)
            else:
                calling, dialling = pool.submit(take, queues, new, old), pool.submit(queues.connected, offer)
            dial, line = dialling.result(), calling.result() == "waiting"
            assert dial != line
            won["dial" if dial else "line"] += 1
            if dial:
                assert queues.complete(offer)
                assert queues.wrapped_up("ana", offer)
            else:
                assert queues.leave(new, "abandoned")
    assert sum(won.values()) == 60
    audit = Audit()
    audit.take(facts(client))
    assert audit.findings(clock.now) == []


def test_whoever_is_served_is_called_back_under_no_name(engine: Engine, queues: Queues, kinds: Kinds) -> None:
    """A callback asked for by a customer who was merged, and one to another telephone, are known by the one served."""
    now = datetime(2026, 11, 22, tzinfo=UTC)
    with engine.begin() as conn:
        ana = customers.create(conn, at=now, name="Ana")
        other = customers.create(conn, at=now, name="Ana R.")
        identifiers.add(conn, ana, "phone", "+12025550199", at=now, proof="agent")
        merging.merge(conn, ana, other, by="test", at=now)
        keys = known_as(conn, ana, ["+12025550100"])
    numbers = ["number:+12025550100", "number:+12025550199"]
    assert keys == sorted([*numbers, *(f"{kind}:{id}" for kind in ("customer", "person") for id in (ana, other))])
    requested(queues, "c1", customer_id=other, number="+12025550111")
    requested(queues, "c2", customer_id="", number="+12025550199")
    requested(queues, "c3", customer_id="stranger", number="+12025550122")
    queues.join("c9", "general", channel="chat", customer_id=ana, known_as=keys)
    queues.sign_in("ben")
    (offer,) = queues.claim(Proposal("c9", "general", "chat", ("ben",)))
    assert queues.connected(offer)
    assert [placed(queues, contact).state for contact in ("c1", "c2", "c3")] == ["left", "left", "waiting"]
    assert kinds().count("callback.cancelled") == 2


def test_whoever_comes_back_into_the_queue_is_known_as_before(queues: Queues) -> None:
    """After an offer that was lost; a callback that they asked for meanwhile is given up when they are served."""
    queues.join("c9", "general", channel="chat", customer_id="k1", known_as=["customer:k1"])
    queues.sign_in("ben")
    (offer,) = queues.claim(Proposal("c9", "general", "chat", ("ben",)))
    assert queues.connected(offer)
    queues.complete(offer)
    rejoin(queues, "c9", "general")
    requested(queues)
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("c9", "general", "chat", ("ana",)))
    assert queues.connected(offer)
    assert placed(queues, "c1").state == "left"


def test_a_taken_place_outlives_the_store(engine: Engine, queues: Queues, client: redis.Redis, clock: Clock) -> None:
    """The callback isn't put back: the caller's own process brings the place again, with the time that it had."""
    requested(queues)
    clock.sleep(60)
    take(queues)
    journal.drain(engine, queues)
    client.flushall()
    restore.restore(engine, queues)
    assert queues.callbacks_of(NUMBER, "k1") == []
    place = queues.place("c9")
    assert place is not None
    assert place.joined_at == pytest.approx(clock.now - 60)
