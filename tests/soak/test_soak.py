"""Three hundred calls that end at every moment leave nothing behind. The long run is `python -m bench.soak`."""

from __future__ import annotations

import asyncio

import pytest

from bench.sip.caller import Callers
from bench.sip.crowd import crowd
from bench.sip.served import Soaked
from bench.soak import MEMORY, leaks, settled
from tests.soak.conftest import SETTLE_SECONDS

pytestmark = [pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE = 1


def test_calls_that_end_at_every_moment_leave_nothing(server: Soaked) -> None:
    async def run() -> None:
        callers = await Callers.open(("127.0.0.1", server.port))
        # Fills caches and pools: of threads, of database connections.
        await crowd(callers, 150, rate=100, at_once=100, seed=1)
        before, megabytes = await settled(server, SETTLE_SECONDS), server.megabytes()
        outcomes = await crowd(callers, 300, rate=80, at_once=100, seed=2)
        after, now = await settled(server, SETTLE_SECONDS, before), server.megabytes()
        callers.close()
        assert sum(outcomes.values()) == 300
        assert not [what for what in outcomes if not what.endswith("as meant")], outcomes
        assert (after["calls"], after["dialogs"], after["transactions"], after["media_streams"]) == (0, 0, 0, 0)
        assert not leaks(before, after)
        assert now <= megabytes * MEMORY
        assert server.unended() == 0

    asyncio.run(run())
