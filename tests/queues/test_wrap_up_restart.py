"""Wrap-up that wants a code outlives the death of the store's server and of the router."""

from __future__ import annotations

import pytest

from callcenter.acd.config import Config
from callcenter.acd.model import Proposal
from callcenter.queues.base import CodeRequired
from callcenter.queues.router import Router
from callcenter.queues.store import Queues
from tests.queues.conftest import Clock
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
