"""The end of a call on our side: what was said last is heard before the BYE; later commands do nothing."""

from __future__ import annotations

import asyncio

import pytest

from ivr.channels.leg import HungUp, PlayEnded
from ivr.channels.sip import leg
from tests.channels.sip.server import calling

pytestmark = pytest.mark.sip


async def test_commands_on_a_leg_that_is_over_do_nothing() -> None:
    async with calling() as (server, client):
        await client.call()
        await client.bye()
        await server.over()
        leg = server.legs[0]
        leg.hang_up()
        leg.stop()
        leg.refer("sip:agent@example.com")
        await leg.answer()
        await leg.reject(486)
        assert leg.play([]) == 0
        await asyncio.sleep(0.05)
        assert [m for m in client.log if m.method] == []


@pytest.mark.parametrize("meanwhile", ["nothing", "BYE"])
async def test_the_last_words_are_heard_before_our_bye(meanwhile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leg, "LINGER", 1.0)
    async with calling() as (server, client):
        await client.call()
        server.legs[0].on_media(PlayEnded(1, "done"))
        server.legs[0].hang_up()
        server.legs[0].hang_up()
        assert (await client.ask("OPTIONS")).status == 200
        assert not [m for m in client.log if m.method == "BYE"]
        if meanwhile == "BYE":
            assert (await client.bye()).status == 200
            assert await server.over() == HungUp("peer")
        else:
            client.answer(await client.asked("BYE"), 200)
            assert await server.over() == HungUp("us")
        await server.quiet()


async def test_closing_waits_for_no_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leg, "LINGER", 30.0)
    async with calling() as (server, client):
        await client.call()
        server.legs[0].on_media(PlayEnded(1, "done"))
        server.legs[0].hang_up()
        await server.endpoint.drain(0)
        client.answer(await client.asked("BYE"), 200)
        assert await server.over() == HungUp("us")
