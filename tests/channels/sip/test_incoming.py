"""Calls that come in: the plain path, repetitions, limits, and where our requests go."""

from __future__ import annotations

import asyncio

import pytest

from ivr.channels.leg import HungUp, LegOver
from ivr.channels.sip.leg import SipLeg
from tests.channels.sip.fakes import FakeMedia
from tests.channels.sip.raw_client import RawClient
from tests.channels.sip.server import calling, eventually

pytestmark = pytest.mark.sip


async def hold_on(leg: SipLeg) -> None:
    """Neither answer nor refuse, until the leg is over."""


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


async def test_a_lost_ack_of_a_refusal() -> None:
    async def refuse(leg: SipLeg) -> None:
        await leg.reject(486)

    async with calling(refuse) as (server, client):
        client.send(client.invite())
        assert (await client.final("INVITE")).status == 486
        again = await client.final("INVITE")
        assert again.status == 486
        client.ack(again)
        assert await server.over() == HungUp("us", "rejected with 486")
        await server.quiet(transactions=True)


async def test_the_limit_on_calls() -> None:
    async with calling(max_calls=1) as (server, client):
        await client.call()
        first = (client.call_id, client.tag, client.to_tag, client.cseq, client.target)
        client.renew()
        refused = await client.call()
        assert (refused.status, refused["retry-after"]) == (503, "10")
        client.call_id, client.tag, client.to_tag, client.cseq, client.target = first
        await client.bye()
        await server.quiet()
        client.renew()
        assert (await client.call()).status == 200


async def test_draining_takes_no_calls_and_lets_live_ones_end() -> None:
    async with calling() as (server, client):
        await client.call()
        draining = asyncio.ensure_future(server.endpoint.drain(30))
        await asyncio.sleep(0)
        other = await RawClient.open(server.endpoint.address)
        refused = await other.call()
        assert (refused.status, bool(refused["retry-after"])) == (503, True)
        assert not draining.done()
        await client.bye()
        await asyncio.wait_for(draining, 20)
        other.close()


async def test_draining_ends_at_its_deadline() -> None:
    async with calling() as (server, client):
        await client.call()
        await server.endpoint.drain(0.05)
        client.answer(await client.asked("BYE"), 200)
        assert await server.over() == HungUp("us")


async def test_no_media_port_is_503() -> None:
    async with calling(media=FakeMedia(ports=0)) as (server, client):
        answer = await client.call()
        assert (answer.status, answer["retry-after"]) == (503, "10")
        await server.quiet()


async def test_merged_requests_are_482() -> None:
    async with calling(hold_on) as (server, client):
        client.send(client.invite())
        await asyncio.wait_for(server.arrived.wait(), 20)
        client.send(client.invite())
        refused = await client.final("INVITE")
        assert refused.status == 482
        client.ack(refused)
        assert len(server.legs) == 1


async def test_a_call_that_goes_on_is_not_begun_again_by_its_invite() -> None:
    """Its transaction is long gone; a copy that took another path is still no second call."""
    async with calling() as (server, client):
        answer = await client.call()
        await eventually(lambda: not server.endpoint.stats()["transactions"])
        client.send(client.invite(to_tag=""))
        refused = await client.final("INVITE")
        assert refused.status == 482
        client.ack(refused)
        assert len(server.legs) == 1
        assert not server.legs[0].over
        client.took(answer)
        assert (await client.bye()).status == 200


async def test_another_invite_under_the_same_call_id_is_another_call() -> None:
    """With another CSeq while the call goes on (its caller may have given up on it), with the same one after it."""
    async with calling() as (server, client):
        first = await client.call()
        client.cseq += 1
        assert (await client.call(to_tag="", uri="sip:again@127.0.0.1")).tag("to") != first.tag("to")
        assert [leg.called for leg in server.legs] == ["ivr", "again"]
        assert (await client.bye()).status == 200
        assert await server.over(1) == HungUp("peer")
        assert not server.legs[0].over
        await eventually(lambda: server.endpoint.stats()["transactions"] == 0)
        client.send(client.invite(to_tag="", cseq=client.cseq - 1))
        assert (await client.final("INVITE")).status == 200
        assert len(server.legs) == 3


async def test_a_caller_id_that_the_trunk_vouches_for() -> None:
    async with calling() as (server, client):
        await client.call(extra='P-Asserted-Identity: "Shop" <sip:+442079460000@trunk.example;user=phone>')
        assert server.legs[0].caller == "+442079460000"
        assert server.legs[0].headers["p-asserted-identity"].startswith('"Shop"')


@pytest.mark.parametrize(
    ("header", "attestation"),
    [
        ("P-Asserted-Identity: <sip:+12025550143;verstat=TN-Validation-Passed-A@trunk.example;user=phone>", "A"),
        ('P-Asserted-Identity: "B" <sip:+12025550143@trunk.example;verstat=TN-Validation-Passed-B>', "B"),
        ("P-Asserted-Identity: <tel:+12025550143;verstat=TN-Validation-Passed>", "passed"),
        ("P-Asserted-Identity: <tel:+12025550143;VERSTAT=tn-validation-failed>", "failed"),
        ("P-Asserted-Identity: <tel:+12025550143;verstat=No-TN-Validation>", "none"),
        ("X-Twilio-VerStat: TN-Validation-Passed-C", "C"),
        ("P-Asserted-Identity: <tel:+12025550143;verstat=yes>", ""),
        ("P-Asserted-Identity: <<;verstat", ""),
        ("X-Other: verstat=TN-Validation-Passed-A", ""),
    ],
)
async def test_how_far_the_network_vouches_for_the_number(header: str, attestation: str) -> None:
    async with calling() as (server, client):
        await client.call(extra=header)
        assert server.legs[0].attestation == attestation


async def test_record_route_leads_our_requests() -> None:
    async with calling() as (server, client):
        proxy = await RawClient.open(server.endpoint.address)
        route = f"<sip:127.0.0.1:{proxy.port};lr>"
        answer = await client.call(extra=f"Record-Route: {route}")
        assert answer["record-route"] == route
        server.legs[0].hang_up()
        bye = await proxy.asked("BYE")
        assert (bye["route"], bye.start.split()[1]) == (route, f"sip:caller@127.0.0.1:{client.port}")
        proxy.answer(bye, 200)
        await server.quiet()
        proxy.close()
