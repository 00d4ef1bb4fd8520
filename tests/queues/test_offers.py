"""Offers on a real server: what each transition does, again, too late, and by two at once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from callcenter.acd.config import Config
from callcenter.acd.match import match
from callcenter.acd.model import Proposal
from callcenter.queues import reaper
from callcenter.queues.base import CodeRequired, NoSuchOffer, UnknownAgent, UnknownQueue
from callcenter.queues.store import Queues
from tests.queues.conftest import Clock
from tests.queues.support import placed
from tests.valkey import Valkey

Kinds = Callable[[], list[str]]


def offered(
    queues: Queues, contact: str = "c1", queue: str = "billing", agent: str = "ana", channel: str = "sip"
) -> str:
    queues.join(contact, queue, channel=channel, holder="sip1" if channel == "sip" else "")
    queues.sign_in(agent)
    (offer,) = queues.claim(Proposal(contact, queue, "voice" if channel == "sip" else channel, (agent,)))
    return offer


def test_a_contact_is_offered_accepted_connected_and_wrapped_up(queues: Queues, clock: Clock, kinds: Kinds) -> None:
    offer = offered(queues)
    place = queues.place("c1")
    assert place is not None
    assert (place.state, place.position, place.waiting) == ("offered", 1, 1)
    assert queues.agents()["ana"].state == "ringing"
    clock.sleep(3)
    assert queues.accept(offer)
    # Nothing leaves a queue until it is bridged.
    assert placed(queues, "c1").waiting == 1
    assert queues.connected(offer)
    after = queues.place("c1")
    assert after is not None
    assert (after.state, after.position, after.waiting) == ("connected", 0, 0)
    assert queues.agents()["ana"].load == {"voice": 1}
    clock.sleep(100)
    assert queues.complete(offer)
    assert queues.agents()["ana"].state == "wrap_up"
    assert queues.claim(Proposal("c2", "billing", "voice", ("ana",))) == []
    clock.sleep(15)
    assert reaper.reap_timers(queues) == 1
    ana = queues.agents()["ana"]
    assert (ana.state, ana.load, ana.handled, ana.idle_since) == ("idle", {}, 1, clock.now)
    assert [kind for kind in kinds() if not kind.startswith("agent.")] == [
        "queue.joined", "offer.made", "offer.accepted", "offer.connected", "offer.done", "wrap_up.started",
        "wrap_up.done",
    ]  # fmt: skip


def test_everything_may_be_said_twice(queues: Queues, kinds: Kinds) -> None:
    offer = offered(queues)
    for step in (queues.accept, queues.connected, queues.accept, queues.complete, queues.connected):
        assert step(offer)
        before = kinds()
        assert step(offer)
        assert kinds() == before
    assert queues.wrapped_up("ana", offer, "paid")
    assert queues.wrapped_up("ana", offer, "paid")
    assert queues.agents()["ana"].load == {}
    assert not queues.refuse(offer, "no_answer")
    assert kinds().count("wrap_up.done") == 1


def test_a_refused_contact_waits_again_at_its_place(queues: Queues, clock: Clock) -> None:
    offer = offered(queues)
    joined = placed(queues, "c1").joined_at
    clock.sleep(5)
    queues.join("c2", "billing", channel="sip")
    assert queues.refuse(offer, "rejected")
    place = queues.place("c1")
    assert place is not None
    assert (place.position, place.state, place.joined_at) == (1, "waiting", joined)
    assert not queues.accept(offer)
    assert not queues.connected(offer)
    # No hot loop: the agent isn't asked again at once, not even for another contact.
    assert match(queues.snapshot(), clock.now) == []
    assert queues.claim(Proposal("c1", "billing", "voice", ("ana",))) == []
    clock.sleep(10)
    assert [proposal.contact_id for proposal in match(queues.snapshot(), clock.now)] == ["c1"]


@pytest.mark.parametrize(("why", "delay"), [("rejected", 10), ("busy", 20), ("no_answer", 30), ("failed", 20)])
def test_each_reason_has_its_delay(queues: Queues, clock: Clock, why: str, delay: float) -> None:
    queues.refuse(offered(queues), why)
    assert queues.agents()["ana"].blocked_until == pytest.approx(clock.now + delay)


def test_several_no_answers_make_an_agent_unavailable(queues: Queues, clock: Clock, kinds: Kinds) -> None:
    queues.refuse(offered(queues), "no_answer")
    clock.sleep(30)
    (again,) = queues.claim(Proposal("c1", "billing", "voice", ("ana",)))
    queues.refuse(again, "no_answer")
    assert queues.presence_of("ana")[:2] == ("unavailable", "no_answer")
    assert "agent.unavailable" in kinds()
    queues.set_presence("ana", "available")
    clock.sleep(1)
    assert queues.claim(Proposal("c1", "billing", "voice", ("ana",)))


def test_an_answer_forgets_no_answers(queues: Queues, clock: Clock) -> None:
    queues.refuse(offered(queues), "no_answer")
    clock.sleep(30)
    (again,) = queues.claim(Proposal("c1", "billing", "voice", ("ana",)))
    queues.accept(again)
    queues.refuse(again, "failed")
    clock.sleep(30)
    (third,) = queues.claim(Proposal("c1", "billing", "voice", ("ana",)))
    queues.refuse(third, "no_answer")
    assert queues.presence_of("ana")[0] == "available"


def test_a_lapsed_offer_frees_the_agent_and_goes_on(queues: Queues, clock: Clock) -> None:
    offer = offered(queues, channel="chat")
    clock.sleep(19)
    assert reaper.reap_timers(queues) == 0
    clock.sleep(1)
    assert reaper.reap_timers(queues) == 1
    assert queues.offer(offer).state == "expired"
    assert placed(queues, "c1").state == "waiting"
    ana = queues.agents()["ana"]
    assert (ana.state, ana.offer) == ("idle", "")
    assert ana.blocked_until == pytest.approx(clock.now + 30)


def test_an_agent_isnt_blamed_for_a_process_that_never_rang(queues: Queues, clock: Clock) -> None:
    offered(queues)
    clock.sleep(25)
    reaper.reap_timers(queues)
    assert queues.agents()["ana"].blocked_until == pytest.approx(clock.now + 1)


def test_accepted_but_never_bridged_lapses_too(queues: Queues, clock: Clock) -> None:
    offer = offered(queues)
    queues.accept(offer)
    clock.sleep(31)
    queues.keep("sip1", ["c1"])
    assert reaper.reap_timers(queues) == 1
    assert placed(queues, "c1").state == "waiting"
    assert queues.agents()["ana"].state == "idle"


def test_ring_all_the_first_wins_and_the_others_are_told(queues: Queues, kinds: Kinds) -> None:
    queues.join("c1", "everybody", channel="sip")
    for agent in ("ana", "ben", "cleo"):
        queues.sign_in(agent)
    offers = queues.claim(Proposal("c1", "everybody", "voice", ("ana", "ben", "cleo")))
    assert len(offers) == 3
    assert queues.refuse(offers[0], "rejected")
    assert placed(queues, "c1").state == "offered"
    assert queues.accept(offers[2])
    assert not queues.accept(offers[1])
    assert not queues.accept(offers[0])
    assert kinds().count("offer.withdrawn") == 1
    assert {agent.state for id, agent in queues.agents().items() if id != "cleo"} == {"idle"}
    queues.connected(offers[2])
    queues.join("c2", "everybody", channel="sip")
    offers = queues.claim(Proposal("c2", "everybody", "voice", ("ben",)))
    assert queues.refuse(offers[0], "no_answer")
    assert placed(queues, "c2").state == "waiting"


def test_two_agents_accept_at_once(valkey: Valkey, config: Config) -> None:
    with valkey.client() as client, ThreadPoolExecutor(8) as pool:
        queues = Queues(client, config)
        for number in range(30):
            for agent in ("ana", "ben", "cleo"):
                queues.sign_in(agent)
            contact = f"c{number}"
            queues.join(contact, "everybody", channel="sip")
            offers = queues.claim(Proposal(contact, "everybody", "voice", ("ana", "ben", "cleo")))
            assert sum(pool.map(queues.accept, offers * 2)) == 2  # the winner's, said twice
            won = [offer for offer in offers if queues.offer(offer).state == "accepted"]
            assert list(pool.map(queues.connected, offers * 2)).count(True) == 2
            queues.complete(won[0])


def test_two_routers_claim_at_once(valkey: Valkey, config: Config) -> None:
    """The same contact for two agents, the same agent for two contacts: one of each."""
    with valkey.client() as client, ThreadPoolExecutor(8) as pool:
        queues = Queues(client, config)
        for agent in ("ana", "ben"):
            queues.sign_in(agent)
        for number in range(30):
            first, second = f"a{number}", f"b{number}"
            for contact in (first, second):
                queues.join(contact, "general", channel="chat", joined_at=1.0)
            both = [Proposal(c, "general", "chat", (a,)) for c in (first, second) for a in ("ana", "ben")]
            made = [offer for offers in pool.map(queues.claim, both * 2) for offer in offers]
            taken = [queues.offer(offer) for offer in made]
            assert len({offer.contact_id for offer in taken}) == len(taken)
            assert len({offer.agent_id for offer in taken}) == len(taken)
            for offer in taken:
                queues.connected(offer.id)
                queues.complete(offer.id)
            for contact in (first, second):
                queues.leave(contact, "ended")


def test_capacity_and_interruptions_hold_at_the_claim(queues: Queues) -> None:
    queues.sign_in("ana")
    chats = []
    for number in range(5):
        queues.join(f"chat{number}", "billing", channel="chat")
        made = queues.claim(Proposal(f"chat{number}", "billing", "chat", ("ana",)))
        chats += made
        for offer in made:
            queues.connected(offer)
    assert len(chats) == 4
    call = offered(queues, "call")
    queues.connected(call)
    assert queues.claim(Proposal("chat4", "billing", "chat", ("ana",))) == []
    queues.complete(chats[0])
    assert queues.claim(Proposal("chat4", "billing", "chat", ("ana",))) == []


def test_a_transfer_keeps_the_time_and_raises_the_priority(queues: Queues, clock: Clock, kinds: Kinds) -> None:
    offer = offered(queues)
    queues.connected(offer)
    joined = clock.now
    clock.sleep(60)
    assert queues.transfer(offer, "general")
    assert queues.transfer(offer, "general")
    place = queues.place("c1")
    assert place is not None
    assert (place.queue, place.state, place.joined_at) == ("general", "waiting", joined)
    entry = queues.snapshot().waiting.get("c1")
    assert entry is not None
    assert (entry.priority, entry.queued_at) == (10, clock.now)
    assert queues.agents()["ana"].state == "wrap_up"
    assert kinds().count("queue.joined") == 2
    queues.wrapped_up("ana", offer)
    assert queues.agents()["ana"].load == {}
    (second,) = queues.claim(Proposal("c1", "general", "voice", ("ana",)))
    assert queues.connected(second)
    assert queues.complete(second)


def test_wrap_up_codes(queues: Queues, clock: Clock) -> None:
    offer = offered(queues, queue="strict")
    queues.connected(offer)
    with pytest.raises(CodeRequired):
        queues.wrapped_up("ana", offer)
    queues.complete(offer)
    clock.sleep(1000)
    assert reaper.reap_timers(queues) == 0  # a code is required: it isn't lost
    assert queues.agents()["ana"].state == "wrap_up"
    with pytest.raises(ValueError, match="no wrap-up code 'paid'"):
        queues.wrapped_up("ana", offer, "paid")
    assert not queues.wrapped_up("ben", offer, "done")
    assert queues.wrapped_up("ana", offer, "done")
    assert queues.agents()["ana"].state == "idle"


def test_a_code_given_during_the_conversation_leaves_no_wrap_up(queues: Queues, kinds: Kinds) -> None:
    offer = offered(queues, queue="strict")
    queues.connected(offer)
    assert queues.wrapped_up("ana", offer, "done", "all well")
    assert queues.agents()["ana"].state == "busy"
    queues.complete(offer)
    assert queues.agents()["ana"].state == "idle"
    assert "wrap_up.started" not in kinds()


def test_signing_out_gives_back_what_rings_and_ends_nothing(queues: Queues) -> None:
    talking = offered(queues, "c1", agent="ben")
    queues.connected(talking)
    offer = offered(queues, "c2")
    assert queues.sign_out("ana")
    assert queues.offer(offer).state == "refused"
    assert "ana" not in queues.agents()
    queues.sign_out("ben")
    assert queues.agents()["ben"].state == "busy"
    queues.complete(talking)
    queues.wrapped_up("ben", talking)
    assert "ben" not in queues.agents()


def test_presence_and_state_are_two_things(queues: Queues) -> None:
    assert not queues.set_presence("ana", "unavailable", "lunch")
    queues.sign_in("ana")
    assert queues.set_presence("ana", "unavailable", "lunch")
    assert queues.agents()["ana"].state == "unavailable"
    with pytest.raises(ValueError, match="no reason 'golf'; there are lunch"):
        queues.set_presence("ana", "unavailable", "golf")
    with pytest.raises(ValueError, match="presence is available"):
        queues.set_presence("ana", "away")
    queues.join("c1", "billing", channel="sip")
    assert queues.claim(Proposal("c1", "billing", "voice", ("ana",))) == []


def test_a_silent_desk_signs_out_and_its_chats_go_on(queues: Queues, clock: Clock) -> None:
    offer = offered(queues, channel="chat")
    queues.connected(offer)
    assert queues.agent_seen("ana")
    clock.sleep(80)
    assert reaper.reap_desks(queues) == 0
    clock.sleep(20)
    assert reaper.reap_desks(queues) == 1
    assert not queues.agent_seen("ana")
    assert placed(queues, "c1").state == "waiting"
    assert queues.agent("ana") is None or queues.agent("ana").state == "wrap_up"  # type: ignore[union-attr]


def test_what_isnt_there_is_named(queues: Queues) -> None:
    with pytest.raises(UnknownQueue, match="no queue 'sales'; there are billing"):
        queues.join("c1", "sales", channel="sip")
    with pytest.raises(UnknownAgent, match="no agent 'dora'"):
        queues.sign_in("dora")
    with pytest.raises(NoSuchOffer):
        queues.offer("x")
    assert not queues.accept("x")
    assert not queues.connected("x")
    assert not queues.complete("x")
    assert not queues.refuse("x", "busy")
