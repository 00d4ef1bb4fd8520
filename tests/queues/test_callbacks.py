"""Callbacks: the place is kept, the agent comes first, each request is carried out once or closed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import redis
from sqlalchemy.engine import Engine

from callcenter import customers, identifiers, merging
from callcenter.acd.config import Config
from callcenter.acd.match import match
from callcenter.acd.model import Proposal
from callcenter.identifiers import InvalidIdentifier
from callcenter.queues import reaper
from callcenter.queues.base import AlwaysOpen
from callcenter.queues.callbacks import NotInQueue, OutsideHours, TooFar, of_person
from callcenter.queues.store import Queues
from tests.queues.conftest import Clock
from tests.queues.support import placed

Kinds = Callable[[], list[str]]
NUMBER = "+12025550143"


def requested(queues: Queues, contact: str = "c1", customer_id: str = "", number: str = NUMBER) -> None:
    queues.join(contact, "billing", channel="sip", holder="sip1", customer_id=customer_id)
    queues.request_callback(contact, number)


def due(queues: Queues, contact: str = "c1", agent: str = "ana") -> str:
    queues.sign_in(agent)
    (offer,) = queues.claim(Proposal(contact, "billing", "voice", (agent,), absent=True))
    return offer


def test_the_place_stays_when_the_leg_goes(queues: Queues, clock: Clock) -> None:
    queues.join("c1", "billing", channel="sip", holder="sip1")
    clock.sleep(5)
    queues.join("c2", "billing", channel="sip", holder="sip1")
    assert queues.request_callback("c1", "+1 202 555 0143").position == 1
    clock.sleep(1000)
    queues.keep("sip1", ["c2"])
    assert reaper.reap_legs(queues) == 0  # there is no leg to lose
    (found,) = queues.callbacks_of(NUMBER)
    assert (found.contact_id, found.number, found.at, found.attempts) == ("c1", NUMBER, 0, 0)
    queues.sign_in("cleo")
    assert [proposal.absent for proposal in match(queues.snapshot(), clock.now)] == [True]


def test_an_agent_is_reserved_then_one_process_dials(queues: Queues, kinds: Kinds) -> None:
    requested(queues)
    offer = due(queues)
    assert queues.agents()["ana"].state == "ringing"
    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(lambda number: queues.claim_callback(offer, f"sip{number}"), range(6)))
    assert sum(won) == 1
    assert queues.claim_callback(offer, f"sip{won.index(True)}")
    assert queues.accept(offer)
    assert queues.connected(offer)
    assert kinds().count("callback.done") == 1
    assert queues.callbacks_of(NUMBER) == []
    assert queues.complete(offer)


def test_who_asks_while_an_agent_accepts_is_called_back(queues: Queues, kinds: Kinds) -> None:
    """The key and the agent's answer cross: what the caller wants counts until both are connected."""
    queues.join("c1", "billing", channel="sip")
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("c1", "billing", "voice", ("ana",)))
    assert queues.accept(offer)
    assert queues.request_callback("c1", NUMBER).state == "waiting"
    assert kinds().count("offer.withdrawn") == 1
    assert not queues.connected(offer)
    assert queues.agents()["ana"].state == "idle"
    assert [one.contact_id for one in queues.callbacks_of(NUMBER)] == ["c1"]


def test_nobody_dials_a_call_that_isnt_a_callback(queues: Queues) -> None:
    queues.join("c1", "billing", channel="sip")
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("c1", "billing", "voice", ("ana",)))
    assert not queues.claim_callback(offer, "sip1")
    with pytest.raises(NotInQueue):
        queues.callback_tried(offer, "no_answer")


@pytest.mark.parametrize("result", ["no_answer", "machine", "busy", "failed"])
def test_a_customer_who_isnt_reached_is_tried_again_at_the_same_place(
    queues: Queues, clock: Clock, result: str
) -> None:
    requested(queues)
    joined = placed(queues, "c1").joined_at
    offer = due(queues)
    queues.claim_callback(offer, "sip1")
    assert queues.callback_tried(offer, result) == "again"
    assert queues.callback_tried(offer, result) == "was"
    ana = queues.agents()["ana"]
    assert (ana.state, ana.blocked_until) == ("idle", 0)
    clock.sleep(599)
    assert match(queues.snapshot(), clock.now) == []
    clock.sleep(2)
    (proposal,) = match(queues.snapshot(), clock.now)
    assert proposal.absent
    place = queues.place("c1")
    assert place is not None
    assert (place.position, place.joined_at) == (1, joined)
    assert queues.callbacks_of(NUMBER)[0].attempts == 1


def test_after_the_last_attempt_it_is_closed(queues: Queues, clock: Clock, kinds: Kinds) -> None:
    requested(queues)
    for last in (False, False, True):
        offer = due(queues)
        assert queues.callback_tried(offer, "no_answer") == ("failed" if last else "again")
        clock.sleep(601)
    assert kinds().count("callback.tried") == 3
    assert kinds().count("callback.failed") == 1
    assert placed(queues, "c1").state == "left"
    assert queues.callbacks_of(NUMBER) == []


def test_the_limit_ends_it_before_the_attempts_do(queues: Queues, clock: Clock) -> None:
    requested(queues)
    clock.sleep(3000)
    assert queues.callback_tried(due(queues), "busy") == "again"
    clock.sleep(601)
    assert queues.callback_tried(due(queues), "busy") == "failed"


def test_a_dialling_process_that_dies_leaves_the_callback(queues: Queues, clock: Clock) -> None:
    requested(queues)
    offer = due(queues)
    assert queues.claim_callback(offer, "sip1")
    for _ in range(20):
        clock.sleep(5)
        queues.keep("sip1", ["c1"])
        assert reaper.reap_timers(queues) == 0
    clock.sleep(41)
    assert reaper.reap_timers(queues) == 1
    assert placed(queues, "c1").state == "waiting"
    assert queues.agents()["ana"].blocked_until <= clock.now + 1
    clock.sleep(2)
    again = due(queues)
    assert not queues.connected(offer)
    assert queues.claim_callback(again, "sip2")


def test_whoever_is_served_meanwhile_isnt_called_back(queues: Queues, kinds: Kinds) -> None:
    requested(queues, customer_id="k1")
    dialling = due(queues)
    queues.claim_callback(dialling, "sip1")
    requested(queues, "c3", number="+12025550199")
    queues.join("c2", "general", channel="chat", customer_id="k1")
    queues.sign_in("ben")
    (offer,) = queues.claim(Proposal("c2", "general", "chat", ("ben",)))
    assert queues.connected(offer)
    assert not queues.connected(dialling)
    assert placed(queues, "c1").state == "left"
    assert queues.agents()["ana"].state == "idle"
    assert kinds().count("callback.cancelled") == 1
    assert placed(queues, "c3").state == "waiting"


def test_the_number_that_calls_is_known_too(queues: Queues) -> None:
    requested(queues)
    queues.join("c2", "billing", channel="sip", caller=NUMBER)
    queues.sign_in("ben")
    (offer,) = queues.claim(Proposal("c2", "billing", "voice", ("ben",)))
    queues.connected(offer)
    assert queues.callbacks_of(NUMBER) == []


def test_cancel_and_move(queues: Queues, clock: Clock) -> None:
    requested(queues)
    assert queues.move_callback("c1", at=clock.now + 7200)
    assert match(queues.snapshot(), clock.now + 7000) == []
    assert queues.move_callback("c1", number="+12025550198")
    (found,) = queues.callbacks_of("+12025550198")
    assert found.at == 0
    assert queues.callbacks_of(NUMBER) == []
    assert queues.cancel_callback("c1")
    assert queues.cancel_callback("c1") is True
    assert queues.callbacks_of("+12025550198") == []
    queues.join("c2", "billing", channel="sip")
    assert not queues.cancel_callback("c2")
    assert not queues.move_callback("c2")


class OfficeHours(AlwaysOpen):
    """Open from NOW + 1 h to NOW + 2 h."""

    def __init__(self, opens: float) -> None:
        self.opens = opens

    def is_open(self, name: str, at: float) -> bool:
        return self.opens <= at < self.opens + 3600

    def next_open(self, name: str, at: float) -> float | None:
        return at if self.is_open(name, at) else self.opens if at < self.opens else None


def test_a_chosen_time_is_within_hours(client: redis.Redis, clock: Clock) -> None:
    config = Config.from_files({"queues": {"queues": {"billing": {"hours": "business_hours"}}}})
    queues = Queues(client, config, clock, hours=OfficeHours(clock.now + 3600))
    queues.join("c1", "billing", channel="sip")
    with pytest.raises(OutsideHours) as refused:
        queues.request_callback("c1", NUMBER, at=clock.now + 60)
    assert refused.value.next_open == clock.now + 3600
    queues.request_callback("c1", NUMBER, at=clock.now + 4000)
    (found,) = queues.callbacks_of(NUMBER)
    assert found.at == pytest.approx(clock.now + 4000)


def test_a_chosen_time_is_within_days(client: redis.Redis, clock: Clock) -> None:
    """Until the end of the last day: whoever is told of that day may choose any of its hours."""
    config = Config.from_files({"queues": {"queues": {"billing": {"callback": {"days_ahead": 2}}}}})
    queues = Queues(client, config, clock)
    day = 86_400
    ends = (clock.now // day + 3) * day
    queues.join("c1", "billing", channel="sip")
    with pytest.raises(TooFar, match="within 2 days") as refused:
        queues.request_callback("c1", NUMBER, at=ends)
    assert refused.value.last == ends
    assert queues.callbacks_of(NUMBER) == []
    queues.request_callback("c1", NUMBER, at=ends - 1)
    with pytest.raises(TooFar):
        queues.move_callback("c1", at=ends + 30 * day)
    (found,) = queues.callbacks_of(NUMBER)
    assert found.at == pytest.approx(ends - 1)


def test_a_queue_that_opens_too_late_has_no_next_time(client: redis.Redis, clock: Clock) -> None:
    config = Config.from_files({"queues": {"queues": {"billing": {"hours": "summer", "callback": {"days_ahead": 1}}}}})
    queues = Queues(client, config, clock, hours=OfficeHours(clock.now + 10 * 86_400))
    queues.join("c1", "billing", channel="sip")
    with pytest.raises(OutsideHours) as refused:
        queues.request_callback("c1", NUMBER, at=clock.now + 60)
    assert refused.value.next_open is None


def test_it_is_offered_by_rule(client: redis.Redis, clock: Clock) -> None:
    rule = {"offer_after": 60, "offer_size": 3}
    queues = Queues(
        client, Config.from_files({"queues": {"queues": {"billing": {"callback": rule}, "general": {}}}}), clock
    )
    queues.join("c1", "billing", channel="sip")
    assert not queues.offers_callback("c1")
    clock.sleep(60)
    assert queues.offers_callback("c1")
    for contact in ("c2", "c3"):
        queues.join(contact, "billing", channel="sip")
    assert queues.offers_callback("c3")
    queues.request_callback("c3", NUMBER)
    assert not queues.offers_callback("c3")
    queues.join("c4", "general", channel="sip")
    assert queues.offers_callback("c4")  # no rule: from the start
    assert not queues.offers_callback("nobody")


def test_it_is_offered_within_hours(client: redis.Redis, clock: Clock) -> None:
    config = Config.from_files({"queues": {"queues": {"billing": {"callback": {"offer_hours": "office"}}}}})
    queues = Queues(client, config, clock, hours=OfficeHours(clock.now + 3600))
    queues.join("c1", "billing", channel="sip")
    assert not queues.offers_callback("c1")
    clock.sleep(3600)
    assert queues.offers_callback("c1")


def test_a_number_is_checked(queues: Queues) -> None:
    queues.join("c1", "billing", channel="sip")
    for wrong in ("12", "call me", "", "sip:"):
        with pytest.raises(InvalidIdentifier):
            queues.request_callback("c1", wrong)
    assert placed(queues, "c1").state == "waiting"
    assert queues.request_callback("c1", "sip:ana@127.0.0.1:5090").position == 1
    with pytest.raises(NotInQueue):
        queues.request_callback("nobody", NUMBER)


def test_asking_twice_is_one_request(queues: Queues, kinds: Kinds) -> None:
    requested(queues)
    queues.request_callback("c1", NUMBER)
    assert kinds().count("callback.requested") == 1
    assert len(queues.callbacks_of(NUMBER)) == 1


def test_a_person_is_found_by_every_identifier(engine: Engine, queues: Queues) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    with engine.begin() as conn:
        ana = customers.create(conn, at=now, name="Ana")
        other = customers.create(conn, at=now, name="Ana R.")
        identifiers.add(conn, other, "phone", "+12025550199", at=now, proof="agent")
        requested(queues, "c1", customer_id=other, number="+12025550111")
        requested(queues, "c2", number="+12025550199")
        assert of_person(conn, queues, ana) == []
        merging.merge(conn, ana, other, by="test", at=now)
        assert [found.contact_id for found in of_person(conn, queues, ana)] == ["c1", "c2"]
        assert [found.contact_id for found in of_person(conn, queues, "", ["+12025550111"])] == ["c1"]
