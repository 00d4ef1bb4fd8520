"""SIP over TCP and TLS: framing, limits, connections that break."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.channels.leg import Answered, HungUp
from ivr.channels.sip import stream
from ivr.channels.sip.framing import MAX_HEAD, BadFrame, Framer
from tests.channels.sip.raw_client import Message, RawClient
from tests.channels.sip.server import eventually, serving
from tests.channels.sip.tls import make_certificate

MESSAGES = [
    b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n",
    b"INFO sip:a SIP/2.0\r\nl : 5\r\nX: y\r\n\r\n12\r\n\r",
    b"BYE sip:a SIP/2.0\r\nX: Content-Length: 7\r\nCONTENT-LENGTH:3\r\n\r\nabc",
]


@given(st.lists(st.sampled_from(MESSAGES), max_size=5), st.lists(st.integers(1, 40), min_size=1, max_size=40))
def test_framing_does_not_depend_on_how_the_bytes_arrive(messages: list[bytes], sizes: list[int]) -> None:
    data, framer, got = b"\r\n\r\n".join(messages), Framer(), []
    position = 0
    while position < len(data):
        size = sizes[position % len(sizes)]
        got += framer.feed(data[position : position + size])
        position += size
    assert got == messages


def test_pings_are_counted_between_messages_only() -> None:
    framer = Framer()
    assert framer.feed(b"\r\n\r\n") == []
    assert framer.pings == 1
    assert framer.feed(b"\r\n") == []
    assert framer.feed(b"\r\n") == []
    assert framer.pings == 2
    assert not framer.partial


@pytest.mark.parametrize(
    "data",
    [
        b"OPTIONS sip:a SIP/2.0\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 99999\r\n\r\n",
        b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\n\r\n",
        b"A" * (MAX_HEAD + 1),
    ],
)
def test_streams_that_cannot_be_framed(data: bytes) -> None:
    with pytest.raises(BadFrame):
        Framer().feed(data)


class TcpPeer:
    """A connection that speaks in whole messages, with a raw client to write them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, transport: str) -> None:
        self.reader, self.writer, self.name = reader, writer, transport

    @classmethod
    async def open(cls, address: tuple[str, int], context: ssl.SSLContext | None = None) -> TcpPeer:
        reader, writer = await asyncio.open_connection(*address, ssl=context)
        return cls(reader, writer, "TLS" if context else "TCP")

    def send(self, data: bytes) -> None:
        port = self.writer.get_extra_info("sockname")[1]
        contact = f"transport={self.name.lower()}>".encode()
        data = data.replace(b"SIP/2.0/UDP", f"SIP/2.0/{self.name}".encode())
        head, blank, body = data.partition(b"\r\n\r\n")
        lines = [
            f"Contact: <sip:caller@127.0.0.1:{port};".encode() + contact if line.startswith(b"Contact") else line
            for line in head.split(b"\r\n")
        ]
        self.writer.write(b"\r\n".join(lines) + blank + body)

    async def next(self) -> Message:
        async with asyncio.timeout(20):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(
                next(line.split(b":")[1] for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
            )
            return Message(head + await self.reader.readexactly(length))

    async def closed(self) -> bool:
        async with asyncio.timeout(20):
            try:
                return await self.reader.read(1) == b""
            except ConnectionError:
                return True

    async def close(self) -> None:
        self.writer.close()
        await asyncio.gather(self.writer.wait_closed(), return_exceptions=True)


@pytest.mark.sip
async def test_a_call_over_tcp() -> None:
    async with serving(tcp=True) as server:
        maker = await RawClient.open(server.endpoint.address)
        peer = await TcpPeer.open(server.endpoint.address)
        invite = maker.invite()
        peer.send(invite[:30])
        await asyncio.sleep(0.01)
        peer.writer.write(invite[30:].replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP"))
        answer = await peer.next()
        assert answer.status == 200
        assert "transport=tcp" in answer["contact"]
        assert (await peer.next()).raw == answer.raw, "the UAS core repeats a 2xx on TCP too (13.3.1.4)"
        maker.took(answer)
        peer.send(maker.request("ACK"))
        server.legs[0].hang_up()
        bye = await peer.next()
        while bye.method != "BYE":
            bye = await peer.next()
        peer.writer.write(maker.response(bye, 200))
        await server.quiet()
        await peer.close()
        maker.close()


@pytest.mark.sip
async def test_keepalives_get_their_pong() -> None:
    async with serving(tcp=True) as server:
        peer = await TcpPeer.open(server.endpoint.address)
        peer.writer.write(b"\r\n\r\n")
        async with asyncio.timeout(20):
            assert await peer.reader.readexactly(2) == b"\r\n"
        await peer.close()


@pytest.mark.sip
@pytest.mark.parametrize("data", [b"", b"OPT", b"GET / HTTP/1.1\r\n\r\n", b"x" * 40_000])
async def test_slow_and_senseless_connections_are_closed(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MESSAGE_SECONDS", 0.1)
    async with serving(tcp=True) as server:
        peer = await TcpPeer.open(server.endpoint.address)
        peer.writer.write(data)
        assert await peer.closed()
        await eventually(lambda: server.endpoint.transports.connections == 0)
        await peer.close()


@pytest.mark.sip
async def test_a_slow_loris_does_not_move_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "MESSAGE_SECONDS", 0.2)
    async with serving(tcp=True) as server:
        peer = await TcpPeer.open(server.endpoint.address)

        async def drip() -> None:
            while True:
                peer.writer.write(b"O")
                await asyncio.sleep(0.02)

        dripping = asyncio.ensure_future(drip())
        assert await peer.closed()
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        await peer.close()


@pytest.mark.sip
async def test_a_stranger_is_not_even_heard() -> None:
    import ipaddress

    async with serving(tcp=True, allow=(ipaddress.ip_network("192.0.2.0/24"),)) as server:
        peer = await TcpPeer.open(server.endpoint.address)
        assert await peer.closed()
        await peer.close()


@pytest.mark.sip
async def test_a_call_placed_over_tcp_and_the_connection_lost_while_it_rings() -> None:
    async with serving(tcp=True) as server:
        seen: asyncio.Queue[TcpPeer] = asyncio.Queue()
        listener = await asyncio.start_server(lambda r, w: seen.put_nowait(TcpPeer(r, w, "TCP")), "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        maker = await RawClient.open(server.endpoint.address)
        leg = await server.endpoint.dial(f"sip:agent@127.0.0.1:{port};transport=tcp")
        peer = await asyncio.wait_for(seen.get(), 20)
        invite = await peer.next()
        assert "SIP/2.0/TCP" in invite["via"]
        peer.writer.write(maker.response(invite, 200, body=maker.sdp()))
        assert (await peer.next()).method == "ACK"
        assert await leg.next_event() == Answered()
        leg.hang_up()
        peer.writer.write(maker.response(await peer.next(), 200))
        assert await leg.next_event() == HungUp("us")
        second = await server.endpoint.dial(f"sip:agent@127.0.0.1:{port};transport=tcp")
        await peer.next()
        await peer.close()
        ended = await asyncio.wait_for(second.next_event(), 20)
        assert ended == HungUp("error", "transport")
        refused = await server.endpoint.dial("sip:agent@127.0.0.1:1;transport=tcp")
        ended = await asyncio.wait_for(refused.next_event(), 20)
        assert isinstance(ended, HungUp)
        assert "does not take TCP" in ended.reason
        listener.close()
        await server.quiet(transactions=True)
        maker.close()


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path)


@pytest.mark.sip
async def test_calls_over_tls(certificate: tuple[Path, Path]) -> None:
    tls: dict[str, Any] = {
        "tls_certificate": certificate[0],
        "tls_key": certificate[1],
        "tls_port": 0,
        "tls_verify": False,
    }
    async with serving(tcp=True, **tls) as server, serving(**tls) as caller:
        port = server.endpoint.transports.ports["TLS"]
        leg = await caller.endpoint.dial(f"sips:ivr@127.0.0.1:{port}")
        assert await asyncio.wait_for(leg.next_event(), 20) == Answered()
        await eventually(lambda: bool(server.legs))
        assert server.legs[0].headers["contact"].startswith("<sips:")
        server.legs[0].hang_up()
        assert await asyncio.wait_for(leg.next_event(), 20) == HungUp("peer")
        await server.quiet()
        await caller.quiet()
