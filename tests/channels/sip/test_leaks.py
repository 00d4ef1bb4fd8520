"""Calls that end at any moment, in any way, leave nothing behind."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import weakref

import pytest

from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.media.client import Media
from tests.channels.sip.raw_client import RawClient
from tests.channels.sip.server import Server, serving

pytestmark = pytest.mark.sip
CALLS = 300


async def one_call(server: Server, rng: random.Random) -> None:
    """A caller who gives up at a random step, sometimes without a word."""
    client = await RawClient.open(server.endpoint.address)
    try:
        client.send(client.invite("" if rng.random() < 0.1 else None))
        step = rng.randrange(7)
        await asyncio.sleep(rng.random() * 0.01)
        if step == 0:
            return
        if step == 1:
            client.send(client.cancel())
        answer = await client.final("INVITE")
        if answer.status >= 300:
            client.ack(answer)
            return
        client.took(answer)
        if step == 2:
            return
        if step == 3:
            client.cseq += 1
            client.send(client.request("BYE"))
            return
        client.ack(answer, client.sdp() if rng.random() < 0.5 else "")
        if step == 4:
            client.ack(await client.ask("INVITE", client.sdp(direction="sendonly")))
        if step == 5:
            return
        await client.bye()
    except TimeoutError:
        return
    finally:
        client.close()


async def test_random_hang_ups_leave_nothing() -> None:
    rng = random.Random(7)

    async def handle(leg: SipLeg) -> None:
        await asyncio.sleep(rng.random() * 0.01)
        what = rng.random()
        if what < 0.1:
            await leg.reject(486)
        else:
            await leg.answer()
            if what < 0.4:
                leg.hang_up()
            elif what < 0.45:
                raise RuntimeError("the application fails now and then")
        leg.endpoint.clock.call_later(0.5, leg.hang_up)

    async with serving(handle) as server:
        before = len(os.listdir("/proc/self/fd"))
        for start in range(0, CALLS, 50):
            await asyncio.gather(*(one_call(server, rng) for _ in range(start, start + 50)))
        await server.quiet(20, transactions=True)
        assert server.endpoint.stats().get("odd_fault", 0) == 0
        assert len(server.legs) > CALLS * 0.9
        assert len(os.listdir("/proc/self/fd")) <= before


class OpenMedia(Media):
    @property
    def streams(self) -> object:
        return self._streams


@pytest.mark.parametrize("who", ["caller", "us"])
async def test_a_call_that_is_over_is_freed_without_the_collector(who: str) -> None:
    held: list[weakref.ref[SipLeg]] = []

    async def handle(leg: SipLeg) -> None:
        held.append(weakref.ref(leg))
        await leg.answer()
        if who == "us":
            leg.hang_up()
        await leg.next_event()

    media = await OpenMedia.start()
    async with serving(handle, media) as server:
        gc.collect()
        gc.disable()
        try:
            client = await RawClient.open(server.endpoint.address)
            client.send(client.invite())
            answer = await client.final("INVITE")
            client.took(answer)
            client.ack(answer)
            if who == "caller":
                await client.bye()
            else:
                client.answer(await client.asked("BYE"), 200)
            await server.quiet(20, transactions=True)
            client.close()
            server.legs.clear()
            async with asyncio.timeout(20):
                while held[0]() is not None:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        finally:
            gc.enable()
            await media.close()
