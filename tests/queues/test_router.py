"""The router on a real server: quick offers, two at once, hours, overflow, the store away and back."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from sqlalchemy.engine import Engine

from callcenter.acd.config import Config
from callcenter.acd.match import match
from callcenter.acd.model import Proposal, Snapshot
from callcenter.queues import journal
from callcenter.queues import router as routing
from callcenter.queues.router import Drain, Router
from callcenter.queues.store import Queues
from tests.queues.conftest import FILES, NOW, Clock
from tests.queues.support import placed
from tests.queues.test_callbacks import NUMBER, OfficeHours
from tests.valkey import Valkey
from tests.waiting import until


@contextmanager
def running(*routers: Router) -> Iterator[None]:
    stopping = threading.Event()
    threads = [threading.Thread(target=router.run, args=(stopping,)) for router in routers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopping.set()
        for thread in threads:
            thread.join()


def test_who_waits_is_offered_when_somebody_is_free(queues: Queues, clock: Clock) -> None:
    router = Router(queues)
    queues.join("c1", "billing", channel="sip")
    queues.join("c2", "billing", channel="sip")
    assert router.once() == 0
    queues.sign_in("cleo")  # knows nothing of billing
    assert router.once() == 0
    queues.sign_in("ana")
    assert router.once() == 1
    assert router.once() == 0
    assert placed(queues, "c1").state == "offered"
    queues.connected(queues.agents()["ana"].offer)
    clock.sleep(60)  # now anybody will do
    router.once()
    assert placed(queues, "c2").state == "offered"
    assert queues.agents()["cleo"].state == "ringing"


def test_a_changed_priority_counts_at_once(queues: Queues) -> None:
    router = Router(queues)
    for contact in ("c1", "c2", "c3"):
        queues.join(contact, "billing", channel="sip")
    router.once()
    queues.set_priority("c3", 5)
    queues.sign_in("ana")
    router.once()
    assert placed(queues, "c3").state == "offered"


def test_leases_wrap_ups_and_penalties_go_by_time_alone(queues: Queues, clock: Clock) -> None:
    router = Router(queues)
    queues.sign_in("ana")
    queues.join("c1", "billing", channel="chat")
    assert router.once() == 1
    clock.sleep(20)
    assert router.once() == 0  # lapsed; the agent has a delay
    assert placed(queues, "c1").state == "waiting"
    clock.sleep(30)
    assert router.once() == 1


def test_callbacks_wait_for_opening(client: redis.Redis, clock: Clock) -> None:
    billing = {"hours": "business_hours"}
    files = {"queues": {"queues": {"billing": billing}}, "agents": {"agents": {"ana": {"queues": ["billing"]}}}}
    queues = Queues(client, Config.from_files(files), clock, hours=OfficeHours(NOW + 3600))
    router = Router(queues)
    queues.join("c1", "billing", channel="sip")
    queues.request_callback("c1", NUMBER)
    queues.sign_in("ana")
    assert router.once() == 0
    assert queues.callbacks_of(NUMBER)[0].at == pytest.approx(NOW + 3600)
    clock.sleep(3600)
    assert router.once() == 1


def test_overflow_and_vanished_queues(client: redis.Redis, clock: Clock) -> None:
    rules = [{"to": "b", "after_wait": 60}]
    queues = Queues(client, Config.from_files({"queues": {"queues": {"a": {"overflow": rules}, "b": {}}}}), clock)
    router = Router(queues)
    queues.join("c1", "a", channel="sip", joined_at=NOW - 30)
    router.once()
    assert placed(queues, "c1").queue == "a"
    clock.sleep(31)
    router.once()
    assert placed(queues, "c1").queue == "b"
    queues.config = Config.from_files({"queues": {"queues": {"a": {"overflow": rules}}}})
    clock.sleep(2)
    router.once()
    router.once()
    assert placed(queues, "c1").queue == "a"


def test_estimates_are_published(queues: Queues, clock: Clock) -> None:
    router = Router(queues)
    for number in range(3):
        queues.join(f"c{number}", "everybody", channel="sip")
    queues.sign_in("ana")
    queues.set_presence("ana", "unavailable", "lunch")
    router.once()
    assert placed(queues, "c2").estimate is None
    queues.set_presence("ana", "available")
    clock.sleep(1)
    router.once()
    clock.sleep(1)
    router.once()
    told = placed(queues, "c2").estimate
    assert told is not None
    assert told.seconds > 100


def test_two_routers_offer_nothing_twice(valkey: Valkey, config: Config) -> None:
    """Agents who answer at once, and contacts that never stop coming."""
    clients = [valkey.client() for _ in range(5)]
    queues, agents = Queues(clients[0], config), Queues(clients[1], config)
    for agent in config.agents:
        queues.sign_in(agent)
    total = 150
    served: list[str] = []
    tail = journal.Tail(clients[2], journal.START)
    with running(Router(Queues(clients[3], config)), Router(Queues(clients[4], config))):
        for number in range(total):
            queues.join(f"c{number}", "general", channel="chat", joined_at=number)
        deadline = time.monotonic() + 60
        while len(served) < total:
            assert time.monotonic() < deadline
            for fact in tail.read(block=0.2):
                if fact.kind == "offer.made":
                    assert agents.accept(fact.offer)
                    assert agents.connected(fact.offer)
                    assert agents.complete(fact.offer)
                    served.append(fact.contact)
    assert sorted(served) == sorted(set(served))
    assert len(served) == total
    for client in clients:
        client.close()


def test_the_router_outlives_its_store(mortal_valkey: Valkey, config: Config, sqlite_engine: Engine) -> None:
    with mortal_valkey.client() as client, mortal_valkey.client() as other:
        queues = Queues(client, config)
        router, drain = Router(Queues(other, config), sqlite_engine), Drain(sqlite_engine, queues)
        queues.sign_in("ana")
        queues.join("c1", "general", channel="chat")
        queues.join("c2", "general", channel="chat")
        with running(router):
            until(lambda: queues.agents()["ana"].offer)
            mortal_valkey.kill()
            mortal_valkey.start()
            offer = queues.agents()["ana"].offer
            assert queues.connected(offer)
            until(lambda: queues.agents()["ana"].offer not in ("", offer))
            drain.once()
            # All of it is gone; a waiting chat has no process that would bring it back.
            client.flushall()
            until(lambda: queues.place("c2"))
            assert placed(queues, "c1").state == "connected"


def test_a_server_that_forgot_its_scripts_learns_them_again(queues: Queues) -> None:
    for contact, agent in (("c1", "ana"), ("c2", "ben")):
        queues.join(contact, "billing", channel="sip")
        queues.sign_in(agent)
    queues.client.script_flush()
    made = queues.claim_all(
        [Proposal("c1", "billing", "voice", ("ana",)), Proposal("c2", "billing", "voice", ("ben",))]
    )
    assert [queues.offer(offer).contact_id for (offer,) in made] == ["c1", "c2"]


def test_what_can_come_to_nothing_is_not_matched(queues: Queues, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def noted(snapshot: Snapshot, now: float) -> list[Proposal]:
        tried.append(now)
        return match(snapshot, now)

    monkeypatch.setattr(routing, "match", noted)
    router = Router(queues)
    for contact in ("c1", "c2"):
        queues.join(contact, "billing", channel="sip")
    queues.sign_in("ana")
    assert router.once() == 1
    before = len(tried)
    queues.accept(queues.agents()["ana"].offer)
    router.once()
    queues.connected(queues.agents()["ana"].offer)
    router.once()
    assert len(tried) == before  # ana is busy, and nobody new waits
    queues.sign_in("ben")
    assert router.once() == 1
    assert len(tried) == before + 1
    clock.sleep(1)  # time alone may change what fits
    router.once()
    assert len(tried) == before + 2


def test_an_offer_waits_for_one_step_of_rare_work_at_most(queues: Queues, clock: Clock) -> None:
    steps: list[str] = []
    router = Router(queues, reload=lambda: steps.append("reload"))
    router.once()
    steps.clear()
    clock.sleep(30)
    queues.client.delete("cw:staff")
    router.once(0.001)
    assert steps == []  # only the first step was taken
    queues.join("c1", "billing", channel="sip")
    queues.sign_in("ana")
    assert router.once(0.001) == 1
    assert not queues.client.exists("cw:staff")
    for _ in range(20):
        router.once(0.001)
    assert steps == ["reload"]
    assert queues.client.exists("cw:staff")


def test_a_new_configuration_counts_at_once(queues: Queues) -> None:
    router = Router(queues)
    queues.join("c1", "billing", channel="sip")
    queues.sign_in("cleo")
    assert router.once() == 0
    queues.config = Config.from_files({**FILES, "queues": {"queues": {"billing": {}}}})
    assert router.once() == 1


def test_a_raised_priority_counts_for_the_very_next_offer(queues: Queues) -> None:
    """The router reads the store before it matches, however short ago it changed."""
    queues.clock = time.time
    router = Router(queues)
    router.once()
    for number in range(20):
        first, raised = f"a{number}", f"b{number}"
        queues.join(first, "billing", channel="sip")
        queues.join(raised, "billing", channel="sip")
        router.once()
        queues.set_priority(raised, 50)
        queues.sign_in("ana")
        assert router.once() == 1
        assert queues.offer(queues.agents()["ana"].offer).contact_id == raised
        queues.leave(first, "ended")
        queues.leave(raised, "ended")
        queues.sign_out("ana")
