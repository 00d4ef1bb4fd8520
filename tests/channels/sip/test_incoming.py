"""Calls that come in: the plain path, and what networks and impatient callers make of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ivr.channels.leg import HungUp, LegOver, RecordingEnded
from ivr.channels.sip.leg import SipLeg
from tests.channels.sip.fakes import FakeMedia
from tests.channels.sip.raw_client import RawClient
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


async def hold_on(leg: SipLeg) -> None:
    """Neither answer nor refuse, until the leg is over."""


async def test_cancel_before_the_answer() -> None:
    async with calling(hold_on) as (server, client):
        client.send(client.invite())
        await asyncio.wait_for(server.arrived.wait(), 2)
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
        await asyncio.wait_for(opening.wait(), 2)
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
        await asyncio.wait_for(draining, 5)
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


async def test_a_dead_media_process_ends_its_calls_and_the_next_one_works() -> None:
    async with calling() as (server, client):
        await client.call()
        server.media.died.set()
        client.answer(await client.asked("BYE"), 200)
        assert await server.over() == HungUp("error", "media lost")
        server.endpoint.media = server.media = FakeMedia()
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


async def test_merged_requests_are_482() -> None:
    async with calling(hold_on) as (server, client):
        client.send(client.invite())
        await asyncio.wait_for(server.arrived.wait(), 2)
        client.send(client.invite())
        refused = await client.final("INVITE")
        assert refused.status == 482
        client.ack(refused)
        assert len(server.legs) == 1


async def test_the_recording_ends_before_the_call_does() -> None:
    async def record(leg: SipLeg) -> None:
        await leg.answer()
        leg.record(Path("message.wav"), max_seconds=60)

    async with calling(record) as (server, client):
        await client.call()
        await client.bye()
        await server.over()
        assert server.events[0] == [RecordingEnded(Path("message.wav"), 1.0, "hangup"), HungUp("peer")]


@pytest.mark.parametrize(
    ("extra", "status", "header"),
    [
        ("Require: 100rel, timer", 420, "unsupported"),
        ("Content-Encoding: gzip", 415, "accept-encoding"),
        ("Session-Expires: 20\nSupported: timer", 422, "min-se"),
    ],
)
async def test_what_an_invite_may_not_ask_for(extra: str, status: int, header: str) -> None:
    async with calling() as (server, client):
        answer = await client.call(extra=extra)
        assert answer.status == status
        assert answer[header]
        assert not server.legs


async def test_a_body_that_is_no_sdp_is_415() -> None:
    async with calling() as (_, client):
        answer = await client.call("hello", kind="text/plain")
        assert (answer.status, answer["accept"]) == (415, "application/sdp")


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "PUBLISH", "REGISTER", "PRACK", "NEWMETHOD"])
async def test_unknown_methods_are_405_with_allow(method: str) -> None:
    async with calling() as (_, client):
        answer = await client.ask(method)
        assert answer.status == 405
        assert "INVITE" in answer["allow"]


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "NOTIFY", "INVITE", "REFER", "OPTIONS"])
async def test_an_unknown_dialog_is_481(method: str) -> None:
    async with calling() as (server, client):
        assert (await client.ask(method, to_tag="nobody")).status == 481
        assert not server.legs


async def test_options_outside_a_call() -> None:
    async with calling() as (_, client):
        answer = await client.ask("OPTIONS")
        assert (answer.status, answer["accept"]) == (200, "application/sdp")
        assert "BYE" in answer["allow"]


async def test_refer_is_declined() -> None:
    async with calling() as (server, client):
        assert (await client.ask("REFER", extra="Refer-To: <sip:900@premium.example>")).status == 603
        await client.call()
        assert (await client.ask("REFER", extra="Refer-To: <sip:900@premium.example>")).status == 603
        await client.bye()
        await server.quiet()


async def test_max_forwards_0_has_arrived_all_the_same() -> None:
    async with calling() as (_, client):
        client.send(client.request("OPTIONS").replace(b"Max-Forwards: 70", b"Max-Forwards: 0"))
        assert (await client.final("OPTIONS")).status == 200


async def test_answers_go_where_the_request_came_from() -> None:
    async with calling() as (_, client):
        client.send(client.request("OPTIONS", via="SIP/2.0/UDP 192.0.2.9:7777;branch=z9hG4bKx;rport"))
        answer = await client.final("OPTIONS")
        assert f"rport={client.port}" in answer["via"]
        assert "received=127.0.0.1" in answer["via"]


async def test_a_caller_id_that_the_trunk_vouches_for() -> None:
    async with calling() as (server, client):
        await client.call(extra='P-Asserted-Identity: "Shop" <sip:+442079460000@trunk.example;user=phone>')
        assert server.legs[0].caller == "+442079460000"
        assert server.legs[0].headers["p-asserted-identity"].startswith('"Shop"')


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
