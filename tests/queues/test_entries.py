"""Joining, places, keeping, leaving, moving, announcements."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import pytest
import redis

from callcenter.acd.estimate import Staff
from callcenter.acd.match import match
from callcenter.acd.model import Estimate, Proposal
from callcenter.queues import reaper
from callcenter.queues.store import Queues
from tests.queues.conftest import Clock
from tests.queues.support import placed
from tests.valkey import stream

Kinds = Callable[[], list[str]]


def waiting(queues: Queues, *contacts: str, queue: str = "billing") -> None:
    for contact in contacts:
        queues.join(contact, queue, channel="sip", holder="sip1")


def position(queues: Queues, contact: str) -> int:
    place = queues.place(contact)
    assert place is not None
    return place.position


def test_places_are_in_the_order_of_priority_then_joining(queues: Queues, clock: Clock) -> None:
    for contact in ("a", "b", "c"):
        waiting(queues, contact)
        clock.sleep(1)
    queues.join("vip", "billing", channel="sip", priority=50)
    assert [position(queues, contact) for contact in ("vip", "a", "b", "c")] == [1, 2, 3, 4]
    assert queues.set_priority("c", 60)
    assert [position(queues, contact) for contact in ("c", "vip", "a", "b")] == [1, 2, 3, 4]
    assert [entry.contact_id for entry in queues.snapshot().waiting.in_order("billing")] == ["c", "vip", "a", "b"]
    for wrong in (-1, 101):
        with pytest.raises(ValueError, match="a priority is 0 to 100"):
            queues.set_priority("c", wrong)
    assert not queues.set_priority("nobody", 5)


def test_joining_again_changes_nothing(queues: Queues, clock: Clock, kinds: Kinds) -> None:
    first = queues.join("a", "billing", channel="sip")
    clock.sleep(30)
    again = queues.join("a", "general", channel="sip", priority=9)
    assert (again.queue, again.joined_at, again.position) == ("billing", first.joined_at, 1)
    assert kinds() == ["queue.joined"]


def test_a_full_queue_stores_nothing_and_says_so(queues: Queues) -> None:
    waiting(queues, "a", "b", "c", queue="general")
    place = queues.join("d", "general", channel="sip")
    assert (place.state, place.position, place.waiting) == ("full", 0, 3)
    assert queues.place("d") is None
    # Nobody is refused: a callback finds a place, and so does whoever had one.
    assert queues.request_callback("d", "+12025550143", queue="general").position == 4
    assert queues.join("e", "general", channel="sip", joined_at=1.0).position == 1


def test_waiting_too_long_shows_in_the_place(queues: Queues, clock: Clock) -> None:
    waiting(queues, "a", queue="general")
    clock.sleep(299)
    assert not placed(queues, "a").too_long
    clock.sleep(2)
    assert placed(queues, "a").too_long


def test_a_leg_that_isnt_kept_is_lost_and_comes_back_to_its_place(queues: Queues, clock: Clock) -> None:
    waiting(queues, "a")
    joined = clock.now
    clock.sleep(15)
    waiting(queues, "b")
    assert queues.keep("sip1", ["a", "b"]) == []
    clock.sleep(19)
    assert reaper.reap_legs(queues) == 0
    queues.keep("sip1", ["b"])
    clock.sleep(2)
    assert reaper.reap_legs(queues) == 1
    assert placed(queues, "a").state == "left"
    # The process was only slow.
    assert queues.keep("sip1", ["a", "b", "never"]) == ["a", "never"]
    assert queues.join("a", "billing", channel="sip", joined_at=joined).position == 1


def test_a_lost_conversation_ends_and_frees_the_agent(queues: Queues, clock: Clock) -> None:
    waiting(queues, "a")
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("a", "billing", "voice", ("ana",)))
    queues.connected(offer)
    clock.sleep(60)
    queues.keep("sip1", ["a"])
    assert reaper.reap_legs(queues) == 0
    clock.sleep(21)
    assert reaper.reap_legs(queues) == 1
    assert queues.agents()["ana"].state == "wrap_up"
    assert placed(queues, "a").state == "done"


def test_leaving_takes_back_what_rings(queues: Queues, kinds: Kinds) -> None:
    waiting(queues, "a")
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("a", "billing", "voice", ("ana",)))
    assert queues.leave("a", "abandoned")
    assert queues.leave("a", "abandoned")
    assert kinds().count("queue.left") == 1
    assert queues.offer(offer).state == "withdrawn"
    assert not queues.accept(offer)
    ana = queues.agents()["ana"]
    assert (ana.state, ana.blocked_until) == ("idle", 0)
    assert queues.snapshot().waiting.sizes() == {}


def test_moving_keeps_the_joining_time(queues: Queues, clock: Clock) -> None:
    waiting(queues, "a")
    joined = clock.now
    clock.sleep(40)
    waiting(queues, "b", queue="general")
    assert queues.move("a", "general")
    assert (position(queues, "a"), position(queues, "b")) == (1, 2)
    entry = queues.snapshot().waiting.get("a")
    assert entry is not None
    assert (entry.joined_at, entry.queued_at, entry.visited) == (joined, clock.now, ("billing",))
    assert not queues.move("a", "billing", from_="everybody")


def test_a_paused_contact_keeps_its_place_and_isnt_offered(queues: Queues, clock: Clock) -> None:
    waiting(queues, "a", "b")
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("a", "billing", "voice", ("ana",)))
    assert queues.pause("a")
    assert queues.offer(offer).state == "withdrawn"
    assert position(queues, "a") == 1
    assert [proposal.contact_id for proposal in match(queues.snapshot(), clock.now)] == ["b"]
    assert queues.claim(Proposal("a", "billing", "voice", ("ana",))) == []
    assert queues.resume("a")
    assert [proposal.contact_id for proposal in match(queues.snapshot(), clock.now)] == ["a"]
    assert not queues.pause("nobody")


def test_estimates_come_from_what_the_router_knows(queues: Queues, client: redis.Redis, clock: Clock) -> None:
    waiting(queues, "a", "b")
    assert placed(queues, "b").estimate is None
    staff = Staff(agents=2, mean=100, cv2=1, measured=1000, at=clock.now)
    client.hset("cw:staff", "billing", json.dumps(asdict(staff)))
    told = placed(queues, "b").estimate
    assert told is not None
    assert told.seconds == pytest.approx(100)
    assert told.low < 60 < 150 < told.high
    clock.sleep(61)
    assert placed(queues, "b").estimate is None


def test_what_was_said_is_remembered_and_promised_once(queues: Queues, clock: Clock, client: redis.Redis) -> None:
    waiting(queues, "a")
    assert queues.announced("a") is None
    assert queues.announce("a", 3, Estimate(125.0, 60.0, 200.0))
    clock.sleep(60)
    assert queues.announce("a", 2, None)
    said = queues.announced("a")
    assert said is not None
    assert (said.at, said.position, said.seconds) == (clock.now, 2, 125.0)
    promised = [fields for _, fields in stream(client, "cw:journal") if fields[b"kind"] == b"estimate.promised"]
    assert len(promised) == 1
    assert json.loads(promised[0][b"data"]) == {
        "seconds": 125.0, "low": 60.0, "high": 200.0, "share": 0.8, "position": 3,
    }  # fmt: skip
    assert not queues.announce("nobody", 1, None)


def test_the_same_contact_may_queue_again_later(queues: Queues) -> None:
    waiting(queues, "a")
    queues.leave("a", "flow")
    waiting(queues, "a", queue="general")
    place = queues.place("a")
    assert place is not None
    assert (place.state, place.queue, place.position) == ("waiting", "general", 1)
