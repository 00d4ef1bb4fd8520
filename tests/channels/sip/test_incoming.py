"""Calls that come in: the plain path, and what networks and impatient callers make of it."""

from __future__ import annotations

import asyncio

import pytest

from ivr.channels.leg import HungUp, LegOver
from ivr.channels.sip.leg import SipLeg
from tests.channels.sip.server import calling

pytestmark = pytest.mark.sip


async def test_a_call_is_answered_and_ended_by_the_peer() -> None:
    async with calling() as (server, client):
        answer = await client.call()
        assert answer.status == 200
        leg = server.legs[0]
        assert (leg.caller, leg.called, leg.id) == ("+15550100", "ivr", client.call_id)
        assert server.media.streams[0].last == (("127.0.0.1", client.rtp_port), "PCMU", 101, True, True)
        assert f"m=audio {server.media.streams[0].port} RTP/AVP 0 101" in answer.body
        assert (await client.bye()).status == 200
        assert await server.over() == HungUp("peer")
        with pytest.raises(LegOver):
            await leg.next_event()
        await server.quiet()


async def test_we_hang_up() -> None:
    async with calling() as (server, client):
        await client.call()
        server.legs[0].hang_up()
        bye = await client.asked("BYE")
        assert bye.start.split()[1] == f"sip:caller@127.0.0.1:{client.port}"
        client.answer(bye, 200)
        assert await server.over() == HungUp("us")
        await server.quiet()


async def test_a_lost_200_is_sent_again_until_the_ack() -> None:
    async with calling() as (server, client):
        client.send(client.invite())
        answer = await client.final("INVITE")
        again = await client.final("INVITE")
        assert again.raw == answer.raw
        client.took(again)
        client.ack(again)
        assert (await client.bye()).status == 200
        await server.quiet()


async def test_without_an_ack_the_call_ends_with_bye() -> None:
    async with calling() as (server, client):
        client.send(client.invite())
        client.took(await client.final("INVITE"))
        bye = await client.asked("BYE")
        client.answer(bye, 200)
        assert await server.over() == HungUp("error", "no ACK")
        await server.quiet()


async def test_a_hang_up_before_the_ack_waits_for_it() -> None:
    async def answer_and_leave(leg: SipLeg) -> None:
        await leg.answer()
        leg.hang_up()

    async with calling(answer_and_leave) as (server, client):
        client.send(client.invite())
        answer = await client.final("INVITE")
        repeated = await client.next()
        assert repeated.status == 200, "a BYE may not go before the ACK"
        client.took(answer)
        client.ack(answer)
        client.answer(await client.asked("BYE"), 200)
        await server.quiet()


async def test_a_repeated_invite_makes_no_second_call() -> None:
    waiting = asyncio.Event()

    async def ring(leg: SipLeg) -> None:
        leg.ring()  # type: ignore[attr-defined]
        await waiting.wait()
        await leg.answer()

    async with calling(ring) as (server, client):
        invite = client.invite()
        client.send(invite)
        assert (await client.next()).status == 180
        client.send(invite)
        assert (await client.next()).status == 180
        waiting.set()
        client.took(await client.final("INVITE"))
        client.send(invite)
        client.ack(await client.final("INVITE"))
        assert (await client.bye()).status == 200
        assert len(server.legs) == 1
        await server.quiet()
