"""The pyVoIP driver against a PBX of a page and a raw caller: what pyVoIP gets wrong alone comes out right."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

pytest.importorskip("pyVoIP", reason="needs pyVoIP: pip install 'callwright[pyvoip]' (Python 3.11 or 3.12)")

from ivr.channels.leg import Digit, HungUp, LegEvent, LegOver, ReferEnded
from ivr.channels.pyvoip.leg import PyvoipLeg
from ivr.channels.pyvoip.line import Line, NotRegistered
from ivr.channels.sip.settings import Registration
from tests.channels.pyvoip.pbx import Pbx
from tests.channels.sip.fakes import FakeMedia
from tests.channels.sip.raw_client import RawClient
from tests.channels.sip.server import eventually

pytestmark = pytest.mark.sip


class Bench:
    """`legs` are the calls in order, `events` what the latest told."""

    line: Line

    def __init__(self, pbx: Pbx) -> None:
        self.pbx, self.media = pbx, FakeMedia()
        self.legs: list[PyvoipLeg] = []
        self.events: list[LegEvent] = []
        self.answers = True

    async def on_call(self, leg: PyvoipLeg) -> None:
        self.legs.append(leg)
        self.events = []
        if self.answers:
            await leg.answer()
        try:
            while True:
                self.events.append(await leg.next_event())
        except LegOver:
            return

    async def over(self) -> HungUp:
        await eventually(lambda: any(isinstance(event, HungUp) for event in self.events))
        last = self.events[-1]
        assert isinstance(last, HungUp)
        await eventually(lambda: not self.line.legs and not self.line.phone.calls)
        assert not self.media.streams
        return last


@asynccontextmanager
async def registered(**options: int) -> AsyncIterator[tuple[Bench, RawClient]]:
    pbx = await Pbx.open()
    bench = Bench(pbx)
    account = Registration(f"sip:127.0.0.1:{pbx.address[1]}", "ivr", "secret")
    bench.line = await Line.open(account, "127.0.0.1", 0, bench.media, bench.on_call, **options)
    client = await RawClient.open(pbx.address)
    try:
        yield bench, client
    finally:
        client.close()
        await bench.line.close()
        left = pbx.phone
        pbx.transport.close()
        # joins the threads that registered
        await asyncio.get_running_loop().shutdown_default_executor()
    assert left is None, "still registered"


async def test_it_registers_with_digest_and_leaves() -> None:
    async with registered() as (bench, _):
        assert bench.pbx.phone == bench.line.address
        assert [bool(message["authorization"]) for message in bench.pbx.registers] == [False, True]


async def test_a_wrong_password() -> None:
    pbx = await Pbx.open("other")
    account = Registration(f"sip:127.0.0.1:{pbx.address[1]}", "ivr", "secret")
    with pytest.raises(NotRegistered, match="refuses ivr"):
        await Line.open(account, "127.0.0.1", 0, FakeMedia(), Bench(pbx).on_call)
    pbx.transport.close()
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_a_call_rings_is_answered_and_ended_by_either_side() -> None:
    async with registered() as (bench, client):
        for ours in (True, False):
            client.renew()
            answer = await client.call(client.sdp("0 96"), extra="Record-Route: <sip:proxy.example.com;lr>")
            assert answer.status == 200
            assert answer["record-route"] == "<sip:proxy.example.com;lr>"
            assert answer["contact"] == bench.line.contact
            leg = bench.legs[-1]
            assert (leg.caller, leg.called) == ("+15550100", "ivr")
            assert bench.media.streams[0].last == (("127.0.0.1", client.rtp_port), "PCMU", 96, True, True)
            assert re.search(rf"m=audio {bench.media.streams[0].port} RTP/AVP 0 96\r\n", answer.body)
            if ours:
                leg.hang_up()
                bye = await client.asked("BYE")
                assert bye["route"] == "<sip:proxy.example.com;lr>"
                assert bye.tag("from") == answer.tag("to")
                assert str(bench.line.address[1]) in bye["via"]
                client.answer(bye, 200)
            else:
                assert (await client.bye()).status == 200
            assert (await bench.over()).by == ("us" if ours else "peer")
        assert [message.status for message in client.log if message.status == 180] == [180, 180]


async def test_a_hold_a_resume_and_another_address_stay_one_stream() -> None:
    """pyVoIP alone sends everything twice after a hold."""
    async with registered() as (bench, client):
        await client.call()
        for direction, send in (("sendonly", False), ("sendrecv", True)):
            client.cseq += 1
            client.rtp_port += 2
            client.send(client.invite(client.sdp(direction=direction)))
            answer = await client.final("INVITE")
            client.ack(answer)
            assert f"a={'recvonly' if direction == 'sendonly' else direction}\r\n" in answer.body
            remote, _, _, sends, _ = bench.media.streams[0].last
            assert (remote, sends) == (("127.0.0.1", client.rtp_port), send)
        assert bench.media.opened == 1
        await client.bye()
        await bench.over()


async def test_a_repeated_invite_and_a_lost_200() -> None:
    async with registered() as (bench, client):
        invite = client.invite()
        bench.pbx.loses = 200
        client.send(invite)
        client.send(invite)
        answer = await client.final("INVITE")
        client.took(answer)
        client.ack(answer)
        assert len(bench.legs) == bench.media.opened == 1
        await client.bye()
        await bench.over()


async def test_a_cancel_while_it_rings() -> None:
    """pyVoIP alone answers the call afterwards."""
    async with registered() as (bench, client):
        bench.answers = False
        client.send(client.invite())
        ringing = await client.until(lambda m: m.status == 180)
        client.send(client.cancel())
        assert (await client.final("CANCEL")).status == 200
        refusal = await client.final("INVITE")
        assert (refusal.status, refusal.tag("to")) == (487, ringing.tag("to"))
        client.ack(refusal)
        assert (await bench.over()).by == "peer"
        await bench.legs[0].answer()
        assert bench.media.opened == 0


@pytest.mark.parametrize(
    ("kind", "body"), [("application/dtmf-relay", "Signal=5\r\nDuration=100\r\n"), ("application/dtmf", "5")]
)
async def test_a_key_by_info(kind: str, body: str) -> None:
    async with registered() as (bench, client):
        await client.call()
        assert (await client.ask("INFO", body, kind=kind)).status == 200
        await client.bye()
        await bench.over()
        assert [event.digit for event in bench.events if isinstance(event, Digit)] == ["5"]


async def test_options_within_a_call_and_without() -> None:
    async with registered() as (bench, client):
        assert (await client.ask("OPTIONS")).status == 200
        await client.call()
        assert (await client.ask("OPTIONS")).status == 200
        assert (await client.ask("SUBSCRIBE")).status == 405
        await client.bye()
        await bench.over()


@pytest.mark.parametrize("target", ["200", "sip:200@127.0.0.1"])
async def test_a_transfer(target: str) -> None:
    async with registered() as (bench, client):
        await client.call()
        bench.legs[0].refer(target)
        refer = await client.asked("REFER")
        assert refer["refer-to"] == "<sip:200@127.0.0.1>"
        client.answer(refer, 202)
        extra = "Event: refer\nSubscription-State: terminated"
        assert (await client.ask("NOTIFY", "SIP/2.0 200 OK\r\n", kind="message/sipfrag", extra=extra)).status == 200
        await client.bye()
        await bench.over()
        assert [event.status for event in bench.events if isinstance(event, ReferEnded)] == [200]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda client: client.invite(""), 488),
        (lambda client: client.invite(client.sdp("18")), 488),
        (lambda client: client.invite(drop=("contact",)), 400),
        (lambda client: client.invite(to_tag="gone"), 481),
        (lambda client: client.request("BYE", to_tag="gone"), 481),
    ],
)
async def test_refusals(change: Callable[[RawClient], bytes], status: int) -> None:
    async with registered() as (bench, client):
        client.send(change(client))
        assert (await client.until(lambda m: m.status >= 200)).status == status
        assert not bench.line.legs
        client.renew()
        assert (await client.call()).status == 200
        await client.bye()
        await bench.over()


async def test_one_call_too_many_and_a_rejected_one() -> None:
    async with registered(max_calls=1) as (bench, client):
        await client.call()
        second = await RawClient.open(bench.pbx.address)
        busy = await second.call()
        assert (busy.status, busy["retry-after"]) == (503, "10")
        second.close()
        await client.bye()
        await bench.over()
        bench.answers = False
        client.renew()
        client.send(client.invite())
        await client.until(lambda m: m.status == 180)
        await bench.legs[-1].reject(486)
        refusal = await client.final("INVITE")
        assert refusal.status == 486
        client.ack(refusal)
        assert (await bench.over()).by == "us"


async def test_headers_and_streams_that_pyvoip_can_not_read() -> None:
    """Short names, a `tel:` caller, spaces, video and an encrypted stream: each is an exception inside pyVoIP."""
    async with registered() as (bench, client):
        text = client.invite(client.sdp(extra="m=video 5 UDP/TLS/RTP/SAVPF 99\r\na=x\r\n")).decode()
        text = (
            re.sub(r"From: .*?;tag", "f:<tel:+15550177> ;tag", text).replace("Call-ID: ", "i:").replace("Via: ", "v:")
        )
        client.send(text.encode())
        answer = await client.final("INVITE")
        assert answer.status == 200
        assert re.findall("m=.*", answer.body)[1].strip() == "m=video 0 UDP/TLS/RTP/SAVPF 99"
        assert bench.legs[0].caller == "+15550177"
        client.took(answer)
        client.ack(answer)
        await client.bye()


async def test_nobody_but_the_pbx_is_heard() -> None:
    async with registered() as (bench, client):
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.2", 0))
        with contextlib.closing(transport):
            transport.sendto(client.request("OPTIONS", cseq=7), bench.line.address)
            transport.sendto(client.invite(), bench.line.address)
            for junk in (b"", b"\0", b"\r\n\r\n", b"\xff" * 1400, b"INVITE", b"SIP/2.0 200 OK\r\n\r\n"):
                transport.sendto(junk, bench.line.address)
                bench.pbx.transport.sendto(junk, bench.line.address)
        assert (await client.ask("OPTIONS", cseq=8)).status == 200
        assert [message.cseq for message in client.log] == ["8"]
        assert not bench.legs


async def test_a_registration_that_is_lost_and_found_again() -> None:
    async with registered() as (bench, client):
        await client.call()
        bench.pbx.password = "other"
        timer = bench.line.phone.sip.registerThread
        assert timer is not None
        timer.cancel()  # it would do the same in 115 seconds
        await asyncio.get_running_loop().run_in_executor(None, bench.line.phone.sip.register)
        await asyncio.wait_for(bench.line.lost.wait(), 10)
        bench.pbx.password = "secret"
        await bench.line.register()
        assert (await client.ask("OPTIONS")).status == 200, "the call that was up is gone"
        await client.bye()
        await bench.over()
