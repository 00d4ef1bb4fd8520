"""Whatever comes off the wire goes through the whole endpoint without a fault: arbitrary bytes, mutated calls."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.channels.sip.endpoint import SipEndpoint
from ivr.channels.sip.framing import BadFrame, Framer
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.message import Malformed, Request, make_response, parse
from ivr.channels.sip.settings import SipSettings
from tests.channels.sip.fakes import FakeClock, FakeMedia
from tests.channels.sip.test_layer import Wire

SDP = (
    "v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)
METHODS = ["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "UPDATE", "REFER", "NOTIFY", "PRACK", "x"]
SECRETS = 'Digest username="ann", realm="callwright", nonce="1.2.3", uri="sip:ivr@127.0.0.1", response="0", qop=auth'


def message(method: str, status: int, call: int, branch: int, to_tag: str, body: str) -> bytes:
    start = f"SIP/2.0 {status} X" if status else f"{method} sip:ivr@127.0.0.1 SIP/2.0"
    kind = "application/dtmf-relay" if method == "INFO" else "application/sdp"
    tag = f";tag={to_tag}" if to_tag else ""
    return (
        f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{branch};rport\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKbelow\r\nRecord-Route: <sip:192.0.2.9;lr>\r\n"
        f'From: "A" <sip:+1555@192.0.2.1>;tag=them\r\nTo: <sip:ivr@127.0.0.1>{tag}\r\nCall-ID: {call}\r\n'
        f"CSeq: {1 + branch} {method}\r\nMax-Forwards: 70\r\nContact: <sip:a@192.0.2.1:5060>\r\n"
        f"Session-Expires: 1800;refresher=uas\r\nMin-SE: 90\r\nSupported: timer, 100rel\r\nRequire: timer\r\n"
        f"P-Asserted-Identity: <tel:+1555>\r\nRefer-To: <sip:x@y>\r\nSubscription-State: active\r\nEvent: refer\r\n"
        f"Authorization: {SECRETS}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


messages = st.builds(
    message,
    st.sampled_from(METHODS),
    st.sampled_from([0, 0, 0, 100, 180, 200, 302, 401, 486, 699]),
    st.integers(0, 2),
    st.integers(0, 4),
    st.sampled_from(["", "OURS", "OURS", "other"]),
    st.sampled_from(["", SDP, SDP.replace("0 101", "18"), "Signal=5\r\nDuration=100\r\n", "SIP/2.0 200 OK\r\n"]),
)
scraps = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"\0", b"\x0b", b"\xc2\x85", b"\xe2\x80\xa8", b"\xff"]),
    st.sampled_from([b",", b";", b'"', b"<", b">", b":", b"@", b"=", b" ", b"-1", b"9" * 30, b"z9hG4bK", b"[::1"]),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A message with up to four scraps put in, put over something, or taken out."""
    data = bytearray(draw(messages))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 20))] = draw(scraps)
    return bytes(data)


anything = st.one_of(mutated(), st.binary(max_size=300), scraps)


class World:
    """An endpoint whose messages come in by hand and whose time is moved by hand; its legs answer at once."""

    endpoint: SipEndpoint

    def __init__(self) -> None:
        self.clock, self.media = FakeClock(), FakeMedia()
        self.wires = {True: Wire(reliable=True), False: Wire()}
        self.ours = ""

    async def start(self, wanted: SipSettings) -> None:
        self.endpoint = await SipEndpoint.start(wanted, self.media, self._serve, self.clock)

    async def _serve(self, leg: SipLeg) -> None:
        assert leg.dialog is not None
        self.ours = leg.dialog.local_tag
        await leg.answer()
        while not leg.over:
            await leg.next_event()

    async def receive(self, data: bytes, reliable: bool = False) -> None:
        self.endpoint._received(data.replace(b"OURS", self.ours.encode() or b"none"), self.wires[reliable])
        await self._settle()

    async def end(self) -> None:
        """Everybody hangs up and the last timers run: nothing is left, and nothing went wrong."""
        for _ in range(3):
            for leg in list(self.endpoint.live):
                leg.hang_up()
            self.clock.advance(100)
            await self._settle()
        left = {name: value for name, value in self.endpoint.stats().items() if not name.startswith("odd_")}
        faults = self.endpoint.stats().get("odd_fault", 0)
        await self.endpoint.transports.close()
        assert self.endpoint._watch is not None
        self.endpoint._watch.cancel()
        await asyncio.gather(self.endpoint._watch, return_exceptions=True)
        assert faults == 0
        assert not any(left.values()), left
        assert not self.media.streams

    async def _settle(self) -> None:
        for _ in range(4):
            await asyncio.sleep(0)


SLOW = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


ANYBODY = (ip_network("0.0.0.0/0"),)


@pytest.mark.parametrize(
    "changes", [{"allow": ANYBODY}, {"users": {"ann": "secret"}, "allow": ()}], ids=["trusted", "stranger"]
)
@SLOW
@given(st.lists(st.tuples(anything, st.booleans(), st.sampled_from([0.0, 0.0, 0.6, 40.0])), max_size=12))
def test_no_sequence_of_messages_makes_a_fault(
    changes: dict[str, Any], arrivals: list[tuple[bytes, bool, float]]
) -> None:
    """Nor does it leave a call, a dialog, a transaction or a stream once the timers have run."""

    async def play() -> None:
        here = World()
        await here.start(replace(SipSettings(host="127.0.0.1", port=0, tcp=False), **changes))
        for data, reliable, seconds in arrivals:
            await here.receive(data, reliable)
            here.clock.advance(seconds)
        await here.end()

    asyncio.run(play())


@given(st.one_of(mutated(), st.binary(max_size=500)))
def test_the_parser_gives_a_message_or_refuses_it(data: bytes) -> None:
    """What it gives can be answered; what it refuses with something to answer to can be answered too."""
    try:
        found = parse(data, Wire())
    except Malformed as error:
        if error.request is None:
            return
        found = error.request
    if isinstance(found, Request):
        answer = bytes(make_response(found, 400, "why\r\nnot", "tag"))
        assert answer.startswith(b"SIP/2.0 400 why not\r\n")
        assert answer.endswith(b"\r\n\r\n")


@given(st.lists(st.one_of(mutated(), st.binary(max_size=60)), max_size=5), st.lists(st.integers(1, 200), max_size=20))
def test_a_stream_is_framed_the_same_however_it_is_cut(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    whole, pieces = Framer(), Framer()

    def read(framer: Framer, chunks: list[bytes]) -> tuple[list[bytes], bool]:
        found: list[bytes] = []
        try:
            for chunk in chunks:
                found += framer.feed(chunk)
        except BadFrame:
            return found, True
        return found, False

    chunks, rest = [], data
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]
    once, often = read(whole, [data]), read(pieces, [*chunks, rest])
    # A broken frame also loses the messages before it that came in the same read: the connection is closed.
    assert once[1] == often[1]
    if not once[1]:
        assert once[0] == often[0]
