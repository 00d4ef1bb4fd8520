"""Calls that we place: answered, refused, cancelled, challenged; and what a lossy network does to them."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ivr.channels.leg import Answered, HungUp, LegEvent
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.settings import Registration
from tests.channels.sip.raw_client import RawClient
from tests.channels.sip.server import Server, eventually, serving

pytestmark = pytest.mark.sip


@asynccontextmanager
async def dialling(**changes: Any) -> AsyncIterator[tuple[Server, RawClient, str]]:
    """A server, a peer to be called by it, and the peer's address as a target."""
    async with serving(**changes) as server:
        peer = await RawClient.open(server.endpoint.address)
        try:
            yield server, peer, f"sip:agent@127.0.0.1:{peer.port}"
        finally:
            peer.close()


async def events_of(leg: SipLeg) -> list[LegEvent]:
    events: list[LegEvent] = []
    async with asyncio.timeout(20):
        while not events or not isinstance(events[-1], HungUp):
            events.append(await leg.next_event())
    return events


async def test_a_call_is_placed_and_ended_by_us() -> None:
    async with dialling() as (server, peer, target):
        leg = await server.endpoint.dial(target, caller="+15550199", headers={"X-Contact": "42"})
        invite = await peer.asked("INVITE")
        assert invite["x-contact"] == "42"
        assert "sip:+15550199@" in invite["from"]
        assert "RTP/AVP 0 8 101" in invite.body
        peer.answer(invite, 180)
        peer.answer(invite, 200, body=peer.sdp("8 96"))
        ack = await peer.asked("ACK")
        assert ack.start.split()[1] == f"sip:callee@127.0.0.1:{peer.port}"
        assert await leg.next_event() == Answered()
        assert server.media.streams[0].last == (("127.0.0.1", peer.rtp_port), "PCMA", 96, True, True)
        leg.hang_up()
        bye = await peer.asked("BYE")
        assert bye.cseq == "2"
        peer.answer(bye, 200)
        assert await events_of(leg) == [HungUp("us")]
        await server.quiet(transactions=True)


async def test_the_peer_hangs_up() -> None:
    async with dialling() as (server, peer, target):
        leg = await server.endpoint.dial(target)
        invite = await peer.asked("INVITE")
        peer.answer(invite, 200, body=peer.sdp())
        await peer.asked("ACK")
        peer.call_id, peer.to_tag = invite["call-id"], invite.tag("from")
        assert (await peer.bye()).status == 200
        assert await events_of(leg) == [Answered(), HungUp("peer")]
        await server.quiet()


async def test_a_lost_invite_is_sent_again() -> None:
    async with dialling() as (server, peer, target):
        await server.endpoint.dial(target)
        first, second = await peer.asked("INVITE"), await peer.asked("INVITE")
        assert first.raw == second.raw


async def test_a_lost_ack_is_sent_again_for_each_200() -> None:
    async with dialling() as (server, peer, target):
        leg = await server.endpoint.dial(target)
        invite = await peer.asked("INVITE")
        for _ in range(3):
            peer.answer(invite, 200, body=peer.sdp())
        acks = [await peer.asked("ACK") for _ in range(3)]
        assert len({ack.raw for ack in acks}) == 1
        leg.hang_up()
        peer.answer(await peer.asked("BYE"), 200)
        assert await events_of(leg) == [Answered(), HungUp("us")]


@pytest.mark.parametrize(("status", "reason"), [(486, "Busy Here"), (404, "Not Found"), (302, "Moved"), (603, "No")])
async def test_a_refusal_is_acknowledged_and_told(status: int, reason: str) -> None:
    async with dialling() as (server, peer, target):
        leg = await server.endpoint.dial(target)
        invite = await peer.asked("INVITE")
        peer.answer(invite, status, reason, extra="Contact: <sip:thief@127.0.0.1:9>" if status == 302 else "")
        ack = await peer.asked("ACK")
        assert ack["via"] == invite["via"]
        peer.answer(invite, status, reason)
        assert (await peer.asked("ACK")).raw == ack.raw
        assert await events_of(leg) == [HungUp("peer", f"{status} {reason}")]
        await server.quiet(transactions=True)


async def test_nobody_answers_the_invite() -> None:
    async with dialling() as (server, _, target):
        leg = await server.endpoint.dial(target)
        assert await events_of(leg) == [HungUp("error", "timeout")]
        await server.quiet(transactions=True)


async def test_a_ringing_call_is_cancelled() -> None:
    async with dialling() as (server, peer, target):
        leg = await server.endpoint.dial(target)
        invite = await peer.asked("INVITE")
        peer.answer(invite, 180)
        await eventually(lambda: bool(leg._branches) and leg._branches[0].heard)
        leg.hang_up()
        cancel = await peer.asked("CANCEL")
        assert cancel["via"] == invite["via"]
        peer.answer(cancel, 200)
        peer.answer(invite, 487)
        await peer.asked("ACK")
        assert await events_of(leg) == [HungUp("us")]
        await server.quiet(transactions=True)


async def test_a_cancel_waits_for_the_first_response() -> None:
    async with dialling() as (server, peer, target):
        leg = await server.endpoint.dial(target)
        invite = await peer.asked("INVITE")
        leg.hang_up()
        assert (await peer.next()).method == "INVITE"
        peer.answer(invite, 100)
        peer.answer(await peer.asked("CANCEL"), 200)
        peer.answer(invite, 487)
        await peer.asked("ACK")
        await server.quiet()


async def test_a_cancel_that_crosses_the_200_becomes_a_bye() -> None:
    async with dialling() as (server, peer, target):
        leg = await server.endpoint.dial(target)
        invite = await peer.asked("INVITE")
        leg.hang_up()
        peer.answer(invite, 200, body=peer.sdp())
        await peer.asked("ACK")
        peer.answer(await peer.asked("BYE"), 200)
        assert await events_of(leg) == [HungUp("us")]
        await server.quiet(transactions=True)


async def test_a_cancelled_invite_without_a_final_answer_is_given_up() -> None:
    async with dialling() as (server, peer, target):
        leg = await server.endpoint.dial(target)
        peer.answer(await peer.asked("INVITE"), 180)
        await asyncio.sleep(0.05)
        leg.hang_up()
        peer.answer(await peer.asked("CANCEL"), 200)
        await server.quiet(transactions=True)


async def test_it_rings_too_long() -> None:
    async with dialling() as (server, peer, target):
        leg = await server.endpoint.dial(target, timeout=0.2)
        invite = await peer.asked("INVITE")
        peer.answer(invite, 180)
        peer.answer(await peer.asked("CANCEL"), 200)
        peer.answer(invite, 487)
        assert await events_of(leg) == [HungUp("us", "no answer")]


async def test_a_second_phone_that_answers_is_let_go() -> None:
    async with dialling() as (server, peer, target):
        leg = await server.endpoint.dial(target)
        invite = await peer.asked("INVITE")
        peer.answer(invite, 200, body=peer.sdp())
        await peer.asked("ACK")
        peer.tag = "second"
        peer.answer(invite, 200, body=peer.sdp())
        assert (await peer.asked("ACK")).tag("to") == "second"
        bye = await peer.asked("BYE")
        assert bye.tag("to") == "second"
        peer.answer(bye, 200)
        assert not leg.over


async def test_an_unusable_answer_ends_the_call() -> None:
    async with dialling() as (server, peer, target):
        leg = await server.endpoint.dial(target)
        peer.answer(await peer.asked("INVITE"), 200, body=peer.sdp("18"))
        await peer.asked("ACK")
        peer.answer(await peer.asked("BYE"), 200)
        ended = (await events_of(leg))[-1]
        assert isinstance(ended, HungUp)
        assert "unusable answer" in ended.reason
        await server.quiet()


async def test_a_session_interval_that_is_too_small_is_raised() -> None:
    async with dialling() as (server, peer, target):
        await server.endpoint.dial(target)
        invite = await peer.asked("INVITE")
        peer.answer(invite, 422, extra="Min-SE: 3600")
        again = await peer.until(lambda m: m.method == "INVITE" and m.cseq == "2")
        assert (again["session-expires"], again["min-se"]) == ("3600", "3600")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize(
    ("status", "asks", "answers"), [(401, "WWW", "Authorization"), (407, "Proxy", "Proxy-Authorization")]
)
async def test_a_challenge_is_answered(algorithm: str, status: int, asks: str, answers: str) -> None:
    async with serving() as probe:
        peer = await RawClient.open(probe.endpoint.address)
        account = Registration(f"sip:127.0.0.1:{peer.port}", "shop", "pass word")
        async with serving(registrations=(account,)) as server:
            peer.server = server.endpoint.address
            leg = await server.endpoint.dial("+15550123")
            invite = await peer.asked("INVITE")
            challenge = f'{asks}-Authenticate: Digest realm="pbx", nonce="n1", algorithm={algorithm}, qop="auth"'
            peer.answer(invite, status, extra=challenge)
            again = await peer.until(lambda m: m.method == "INVITE" and m.cseq == "2")
            got = dict(re.findall(r'(\w+)="?([^",]+)"?', again[answers]))
            hasher = hashlib.md5 if algorithm == "MD5" else hashlib.sha256

            def h(text: str) -> str:
                return hasher(text.encode()).hexdigest()

            a1, a2 = h("shop:pbx:pass word"), h(f"INVITE:{again.start.split()[1]}")
            assert got["response"] == h(f"{a1}:n1:{got['nc']}:{got['cnonce']}:auth:{a2}")
            peer.answer(again, status, extra=challenge)
            assert (await events_of(leg))[-1] == HungUp("peer", f"{status} X")
        peer.close()


async def test_a_stranger_gets_no_digest_of_our_password() -> None:
    account = Registration("sip:192.0.2.1", "shop", "secret")
    async with dialling(registrations=(account,)) as (server, peer, target):
        leg = await server.endpoint.dial(target)
        invite = await peer.asked("INVITE")
        peer.answer(invite, 401, extra='WWW-Authenticate: Digest realm="x", nonce="n", qop="auth"')
        assert (await events_of(leg))[-1] == HungUp("peer", "401 X")


async def test_a_target_that_is_no_address() -> None:
    async with serving() as server:
        for target in ("agent", "sip:", "sip:a@b:99999", "sip:a b@c"):
            with pytest.raises(ValueError, match=r"SIP URI|port"):
                await server.endpoint.dial(target)
        with pytest.raises(ValueError, match="SIP URI"):
            await server.endpoint.dial("sip:a@127.0.0.1", caller='x>"\r\nEvil: 1')
        await server.quiet()


async def test_a_host_that_does_not_exist() -> None:
    async with serving() as server:
        leg = await server.endpoint.dial("sip:a@does-not-exist.invalid")
        ended = (await events_of(leg))[-1]
        assert isinstance(ended, HungUp)
        assert ended.by == "error"
        await server.quiet()


async def test_calls_of_ours_count_too() -> None:
    async with dialling(max_calls=0) as (server, _, target):
        leg = await server.endpoint.dial(target)
        assert (await events_of(leg))[-1] == HungUp("error", "no more calls")
