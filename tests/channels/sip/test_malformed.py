"""Nothing that a stranger sends ends anything: RFC 4475's cases, generated ones, and junk of every length."""

from __future__ import annotations

import asyncio
import random
from unittest.mock import MagicMock

import pytest

from ivr.channels.sip import message
from ivr.channels.sip.udp import UdpFlow
from tests.channels.sip import torture
from tests.channels.sip.raw_client import RawClient
from tests.channels.sip.server import Server, calling

pytestmark = pytest.mark.sip


async def still_serves(server: Server, client: RawClient) -> None:
    """The next call works, and no fault was caught on the way here."""
    assert server.endpoint.stats().get("odd_fault", 0) == 0
    while not client._queue.empty():
        client._queue.get_nowait()
    client.renew()
    assert (await client.call()).status == 200
    assert (await client.bye()).status == 200
    await server.quiet()


@pytest.mark.parametrize("name", torture.CASES)
async def test_rfc_4475(name: str) -> None:
    async with calling() as (server, client):
        client.send(torture.message(name, client.port))
        client.send(client.request("OPTIONS", cseq=424242))
        answers = [await client.next()]
        while answers[-1]["cseq"] != "424242 OPTIONS":
            answers.append(await client.next())
        assert [answer.status for answer in answers[:-1]] == [torture.CASES[name][1]][: len(answers) - 1]
        assert (torture.CASES[name][1] is None) == (len(answers) == 1)
        await still_serves(server, client)


def broken(rng: random.Random, client: RawClient) -> bytes:
    """A good message, made bad: bytes dropped, doubled, exchanged; lines lost, repeated, shuffled; numbers grown."""
    method = rng.choice(["INVITE", "OPTIONS", "BYE", "ACK", "CANCEL", "INFO", "UPDATE", "REFER", "NOTIFY"])
    client.renew()
    data = bytearray(client.request(method, client.sdp() if rng.random() < 0.6 else ""))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data))
        kind = rng.randrange(7)
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at : at + rng.randint(1, 60)]
        elif kind == 2:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 20)))
        elif kind == 3:
            data[at:at] = rng.choice(
                [b"\r\n", b"\r\n\r\n", b"\0", b",", b";", b'"', b"<", b">", b"%", b":", b"=", b"\xff\xfe"]
            )
        elif kind == 4:
            lines = data.split(b"\r\n")
            rng.shuffle(lines) if rng.random() < 0.2 else lines.pop(rng.randrange(len(lines)))
            data = bytearray(b"\r\n".join(lines))
        elif kind == 5:
            lines = data.split(b"\r\n")
            lines.insert(rng.randrange(len(lines)), rng.choice(lines))
            data = bytearray(b"\r\n".join(lines))
        else:
            data = bytearray(
                data.replace(rng.choice([b"0", b"1", b"101", b"sip:"]), rng.choice([b"9" * 30, b"-1", b"x", b""]))
            )
        if not data:
            break
    return bytes(data)


@pytest.mark.parametrize("seed", range(8))
async def test_generated_messages(seed: int) -> None:
    rng = random.Random(seed)
    async with calling() as (server, client):
        for number in range(250):
            client.send(broken(rng, client))
            if number % 25 == 0:
                await asyncio.sleep(0)
        for leg in list(server.endpoint.live):
            leg.hang_up()
        await still_serves_soon(server, client)


async def still_serves_soon(server: Server, client: RawClient) -> None:
    """As `still_serves`, where calls of broken INVITEs may be left to time out."""
    assert server.endpoint.stats().get("odd_fault", 0) == 0
    client.renew()
    client.send(client.request("OPTIONS", cseq=424242))
    assert (await client.until(lambda m: m["cseq"] == "424242 OPTIONS")).status == 200
    await server.quiet(transactions=True)


async def test_junk_of_every_length() -> None:
    rng = random.Random(1)
    async with calling() as (server, client):
        for size in range(1501):
            client.send(rng.randbytes(size))
            if size % 50 == 0:
                await asyncio.sleep(0)
        await still_serves(server, client)


SMUGGLED = b"P-Asserted-Identity: <sip:+12125550199@bank.example>"


@pytest.mark.parametrize(
    "hidden",
    [
        b"Subject: x\r" + SMUGGLED + b"\r\n\r\n",
        b"\x1c" + SMUGGLED + b"\r\n\r\n",
        b"\xc2\x85" + SMUGGLED + b"\r\n\r\n",
        SMUGGLED.replace(b":", b"\x1f:", 1) + b"\r\n\r\n",
        b"Subject: x\0\r\n" + SMUGGLED + b"\r\n\r\n",
        b"no header\r\n" + SMUGGLED + b"\r\n\r\n",
    ],
)
async def test_a_header_that_a_proxy_does_not_see_is_none(hidden: bytes) -> None:
    """Who may send us P-Asserted-Identity, a proxy decides: it must not read less in a message than we do."""
    async with calling() as (server, client):
        invite = client.request("INVITE", client.sdp())
        head, _, body = invite.partition(b"\r\n\r\n")
        client.send(head + b"\r\n" + hidden + body)
        assert (await client.final("INVITE")).status == 400
        assert not server.endpoint.live
        await still_serves(server, client)


@pytest.mark.parametrize("end", [b"\n\n", b"\n\r\n", b"\r\n\n"])
def test_headers_end_with_the_first_empty_line(end: bytes) -> None:
    """However its line is ended: what comes after is the body, whatever it looks like."""
    head = (
        b"MESSAGE sip:ivr@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:ivr@b>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE"
    )
    found = message.parse(head + end + SMUGGLED + b"\r\n\r\nmore", UdpFlow(MagicMock(), ("192.0.2.1", 5060), ("::", 1)))
    assert found.header("p-asserted-identity") == ""
    assert found.body == SMUGGLED + b"\r\n\r\nmore"
