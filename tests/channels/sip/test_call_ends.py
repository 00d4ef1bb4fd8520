"""How calls end: by either side, at every moment, across each other, and by what breaks."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.channels.leg import HungUp, RecordingEnded
from ivr.channels.sip.leg import SipLeg
from tests.channels.sip.fakes import FakeMedia
from tests.channels.sip.server import calling

pytestmark = pytest.mark.sip


async def hold_on(leg: SipLeg) -> None:
    """Neither answer nor refuse, until the leg is over."""


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


async def test_cancel_before_the_answer() -> None:
    async with calling(hold_on) as (server, client):
        client.send(client.invite())
        await asyncio.wait_for(server.arrived.wait(), 20)
        client.send(client.cancel())
        accepted = await client.final("CANCEL")
        refused = await client.final("INVITE")
        assert (accepted.status, refused.status) == (200, 487)
        assert accepted.tag("to") == refused.tag("to")
        client.ack(refused)
        assert await server.over() == HungUp("peer", "cancelled")
        await server.quiet(transactions=True)


async def test_cancel_while_we_are_answering() -> None:
    opening, go = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        opening.set()
        await go.wait()

    async with calling() as (server, client):
        server.media.opening = slow
        client.send(client.invite())
        await asyncio.wait_for(opening.wait(), 20)
        client.send(client.cancel())
        client.ack(await client.final("INVITE"))
        go.set()
        assert await server.over() == HungUp("peer", "cancelled")
        await server.quiet()
        assert not [m for m in client.log if m.status == 200 and m.cseq_method == "INVITE"]


async def test_cancel_after_the_answer_changes_nothing() -> None:
    async with calling() as (server, client):
        client.send(client.invite())
        answer = await client.final("INVITE")
        client.send(client.cancel())
        assert (await client.final("CANCEL")).status == 200
        client.took(answer)
        client.ack(answer)
        assert (await client.ask("OPTIONS")).status == 200
        assert not server.legs[0].over
        await client.bye()
        await server.quiet()


async def test_cancel_of_nothing_is_481() -> None:
    async with calling() as (server, client):
        client.branch = "z9hG4bKnever"
        client.send(client.cancel())
        assert (await client.final("CANCEL")).status == 481
        assert not server.legs


async def test_a_bye_that_comes_before_the_ack() -> None:
    async with calling() as (server, client):
        client.send(client.invite())
        client.took(await client.final("INVITE"))
        assert (await client.bye()).status == 200
        assert await server.over() == HungUp("peer")
        await server.quiet(transactions=True)


async def test_a_bye_in_the_early_dialog() -> None:
    async def ring(leg: SipLeg) -> None:
        leg.ring()  # type: ignore[attr-defined]

    async with calling(ring) as (server, client):
        client.send(client.invite())
        client.to_tag = (await client.next()).tag("to")
        client.cseq += 1
        client.send(client.request("BYE"))
        finals = {(await client.until(lambda m: m.status >= 200)).status for _ in range(2)}
        assert finals == {200, 487}
        await server.quiet()


async def test_byes_that_cross() -> None:
    async with calling() as (server, client):
        await client.call()
        server.legs[0].hang_up()
        ours = await client.asked("BYE")
        assert (await client.bye()).status == 200
        client.answer(ours, 481)
        assert await server.over() == HungUp("us")
        await server.quiet()


async def test_a_bye_of_ours_that_nobody_answers() -> None:
    async with calling() as (server, client):
        await client.call()
        server.legs[0].hang_up()
        first, second = await client.asked("BYE"), await client.asked("BYE")
        assert first.raw == second.raw
        await server.quiet()


async def test_a_dead_media_process_ends_its_calls_and_the_next_one_works() -> None:
    async with calling() as (server, client):
        await client.call()
        server.media.died.set()
        client.answer(await client.asked("BYE"), 200)
        assert await server.over() == HungUp("error", "media lost")
        server.media = FakeMedia()
        server.endpoint.media = server.media
        client.renew()
        assert (await client.call()).status == 200
        await client.bye()
        await server.quiet()


async def test_an_application_that_fails_ends_the_call() -> None:
    async def broken(leg: SipLeg) -> None:
        await leg.answer()
        raise RuntimeError("the flow is broken")

    async with calling(broken) as (server, client):
        await client.call()
        client.answer(await client.asked("BYE"), 200)
        await server.quiet()


async def test_the_recording_ends_before_the_call_does() -> None:
    async def record(leg: SipLeg) -> None:
        await leg.answer()
        leg.record(Path("message.wav"), max_seconds=60)

    async with calling(record) as (server, client):
        await client.call()
        await client.bye()
        await server.over()
        assert server.events[0] == [RecordingEnded(Path("message.wav"), 1.0, "hangup"), HungUp("peer")]
