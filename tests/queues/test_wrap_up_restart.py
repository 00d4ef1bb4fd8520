"""Wrap-up outlives the death of the store's server and of the router, and the loss of all that the store knew."""

from __future__ import annotations

import pytest
import redis
from sqlalchemy.engine import Engine

from callcenter.acd.config import Config
from callcenter.acd.model import Proposal
from callcenter.queues.auditing import audit
from callcenter.queues.base import CodeRequired
from callcenter.queues.restore import restore
from callcenter.queues.router import Router
from callcenter.queues.store import Queues
from tests.queues.conftest import Clock
from tests.queues.test_journal import drain
from tests.valkey import Valkey


def test_the_code_is_still_wanted(mortal_valkey: Valkey, config: Config, clock: Clock) -> None:
    with mortal_valkey.client() as client:
        queues = Queues(client, config, clock)
        queues.sign_in("ana")
        queues.join("c1", "strict", channel="sip")
        (offer,) = queues.claim(Proposal("c1", "strict", "voice", ("ana",)))
        assert queues.connected(offer)
        assert queues.complete(offer)
        mortal_valkey.kill()
        mortal_valkey.start()
    with mortal_valkey.client() as client:
        queues = Queues(client, config, clock)  # every process has been started again
        router = Router(queues)
        clock.sleep(3600)
        queues.join("c2", "strict", channel="sip")
        assert router.once() == 0
        assert queues.agents()["ana"].state == "wrap_up"
        with pytest.raises(CodeRequired):
            queues.wrapped_up("ana", offer)
        assert queues.wrapped_up("ana", offer, "done")
        assert router.once() == 1


def lost_in_wrap_up(engine: Engine, queues: Queues, client: redis.Redis, queue: str) -> str:
    """The offer that ana wraps up, in a store that has been put back."""
    queues.sign_in("ana")
    queues.join("c1", queue, channel="sip")
    (offer,) = queues.claim(Proposal("c1", queue, "voice", ("ana",)))
    assert queues.connected(offer)
    assert queues.complete(offer)
    drain(engine, queues)
    client.flushall()
    drain(engine, queues)
    restore(engine, queues)
    restore(engine, queues)
    return offer


def test_a_store_that_lost_it_asks_for_the_code(
    engine: Engine, queues: Queues, client: redis.Redis, clock: Clock
) -> None:
    offer = lost_in_wrap_up(engine, queues, client, "strict")
    ana = queues.agents()["ana"]
    assert (ana.state, ana.load) == ("wrap_up", {"voice": 1})
    clock.sleep(3600)
    assert Router(queues).once() == 0
    with pytest.raises(CodeRequired):
        queues.wrapped_up("ana", offer)
    assert queues.wrapped_up("ana", offer, "done")
    assert (queues.agents()["ana"].state, queues.agents()["ana"].load) == ("idle", {})
    drain(engine, queues)
    restore(engine, queues)
    assert queues.agents()["ana"].state == "idle"
    assert audit(engine).findings(clock.now, 60) == []


def test_a_store_that_lost_it_gives_the_time_that_is_left(
    engine: Engine, queues: Queues, client: redis.Redis, clock: Clock
) -> None:
    lost_in_wrap_up(engine, queues, client, "billing")
    assert queues.agents()["ana"].state == "wrap_up"
    clock.sleep(15)
    Router(queues).once()
    assert queues.agents()["ana"].state == "idle"
    drain(engine, queues)
    assert audit(engine).findings(clock.now, 60) == []


def test_what_was_over_stays_over(engine: Engine, queues: Queues, client: redis.Redis, clock: Clock) -> None:
    queues.sign_in("ana")
    queues.join("c1", "billing", channel="sip")
    (offer,) = queues.claim(Proposal("c1", "billing", "voice", ("ana",)))
    assert queues.connected(offer)
    assert queues.complete(offer)
    drain(engine, queues)
    clock.sleep(15)
    client.flushall()
    drain(engine, queues)
    restore(engine, queues)
    assert queues.agents()["ana"].state == "idle"
