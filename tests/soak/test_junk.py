"""Datagrams of every length on the signalling port and the media ports while calls go on: they change nothing."""

from __future__ import annotations

import asyncio
import random
import socket

import pytest

from bench.sip.caller import Call, Callers
from bench.sip.served import Soaked
from bench.soak import MEMORY, leaks, settled
from tests.soak.conftest import SETTLE_SECONDS

pytestmark = [pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE = 30

LENGTHS = range(1501)
_STARTS = (
    b"",
    b"INVITE sip:a@b SIP/2.0\r\n",
    b"SIP/2.0 200 OK\r\nVia: ",
    b"\r\n\r\n",
    b"\x80\x00",  # RTP, audio
    b"\x80\xe5",  # RTP, the beginning of a key press
    b"\x80\xc8",  # RTCP
)


def junk(chance: random.Random, length: int) -> bytes:
    """So many bytes: noise, or what begins like SIP, RTP, an RFC 4733 event or RTCP."""
    start = chance.choice(_STARTS)[:length]
    return start + chance.randbytes(length - len(start))


def noise(chance: random.Random, length: int) -> bytes:
    """So many bytes, RTP by its version perhaps, but of no payload type that was agreed on: else it would be audio."""
    data = bytearray(chance.randbytes(length))
    if length > 1:
        data[0] = data[0] & 0x3F | 0x80 if length % 2 else data[0]
        data[1] = data[1] & 0x80 | 0x20
    return bytes(data)


async def a_call(callers: Callers, dirt: socket.socket, chance: random.Random, lengths: range, digits: str) -> str:
    """A call on whose media ports junk falls while it is keyed, from a stranger and from its own phone."""
    call = Call(callers)

    async def fall() -> None:
        for number, length in enumerate(lengths):
            dirt.sendto(junk(chance, length), call.remote)
            dirt.sendto(junk(chance, length), (call.remote[0], call.remote[1] + 1))
            call.raw(noise(chance, length))
            if number % 6 == 5:
                await call.hears()  # no faster than it is read: what a full buffer drops proves nothing

    try:
        await call.dial()
        call.audio()
        falling = asyncio.create_task(fall())
        await call.press(digits)
        async with asyncio.timeout(60):
            await call.ended.wait()
        await falling
    finally:
        call.close()
    return call.id


def test_junk_of_every_length_while_calls_go_on(server: Soaked) -> None:
    chance = random.Random(1500)
    server_port = ("127.0.0.1", server.port)

    async def shower(dirt: socket.socket, watch: Call) -> None:
        for length in LENGTHS:
            dirt.sendto(junk(chance, length), server_port)
            if length % 50 == 0:
                await watch.options()  # likewise

    async def run() -> None:
        callers = await Callers.open(server_port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dirt:
            dirt.bind(("127.0.0.2", 0))  # a stranger: not where the phone said that it is

            async def round_of(digits: list[str]) -> None:
                watching = [Call(callers) for _ in range(2)]
                falling = [asyncio.create_task(shower(dirt, watch)) for watch in watching]
                calls = (
                    a_call(callers, dirt, chance, LENGTHS[number :: len(digits)], keys)
                    for number, keys in enumerate(digits)
                )
                ids = await asyncio.gather(*calls)
                await asyncio.gather(*falling)
                for watch in watching:
                    watch.close()
                keyed = server.keyed()
                assert [keyed[call] for call in ids] == digits

            await round_of(["1234", "5678", "0000", "9876", "4711", "2222"])  # fills caches and pools
            before, megabytes = await settled(server, SETTLE_SECONDS), server.megabytes()
            await round_of(["7777", "0123", "1212", "9999", "8080", "3333"])
            after, now = await settled(server, SETTLE_SECONDS, before), server.megabytes()
        callers.close()
        assert not leaks(before, after)
        assert now <= megabytes * MEMORY

    asyncio.run(run())
