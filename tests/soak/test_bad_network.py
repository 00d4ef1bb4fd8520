"""Loss, doubling and reordering of 2 % of all datagrams, signalling and media: no call fails and no digit is missed."""

from __future__ import annotations

import asyncio
import random

import pytest

from bench.sip.caller import Call, Callers
from bench.sip.served import Soaked
from bench.soak import settled
from tests.soak.conftest import SETTLE_SECONDS, BadNetwork

pytestmark = [pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE = 30

CALLS = 40


async def keyed_through(callers: Callers, digits: str) -> str:
    """Place a call, key the digits, wait for the server's BYE; its Call-ID."""
    call = Call(callers)
    try:
        await call.dial()
        for _ in range(10):
            call.audio()
            await asyncio.sleep(0.02)
        await call.press(digits)
        async with asyncio.timeout(60):
            await call.ended.wait()
    finally:
        call.close()
    return call.id


def test_two_percent_loss_doubling_and_reordering(server: Soaked, bad_network: BadNetwork) -> None:
    chance = random.Random(4733)
    wanted = ["".join(chance.choices("0123456789", k=4)) for _ in range(CALLS - 4)] + ["0000", "1111", "1221", "7777"]

    async def run() -> list[str]:
        callers = await Callers.open(("127.0.0.1", bad_network.port))
        calls = [asyncio.create_task(keyed_through(callers, digits)) for digits in wanted]
        ids = await asyncio.gather(*calls)
        callers.close()
        held = await settled(server, SETTLE_SECONDS)
        assert (held["calls"], held["dialogs"], held["transactions"], held["media_streams"]) == (0, 0, 0, 0)
        return ids

    ids = asyncio.run(run())
    done = bad_network.close()
    keyed = server.keyed()
    assert [keyed[call] for call in ids] == wanted
    assert all(done.get(what) for what in ("sip lost", "sip doubled", "rtp lost", "rtp doubled", "rtp late")), done
