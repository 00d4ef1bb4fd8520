"""Audio that nobody wants stays in the kernel; keys, other sources and what somebody listens to does not."""

import asyncio
import socket
import struct
from collections.abc import Iterator

import pytest

from ivr.channels.leg import Digit
from ivr.channels.sip.media import sieve
from ivr.channels.sip.media.rtp import Reception
from tests.channels.sip.media.phone import Events, Phone, media_process

SSRC = 4711


def rtp(sequence: int, *, flags: int = 0x80, kind: int = 0, ssrc: int = SSRC) -> bytes:
    return struct.pack("!BBHII", flags, kind, sequence, 160 * sequence, ssrc) + b"\x55" * 160


@pytest.fixture
def sockets() -> Iterator[list[socket.socket]]:
    pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    pair[0].bind(("127.0.0.1", 0))
    pair[0].setblocking(False)
    if not sieve.attach(pair[0], 0, SSRC):
        pytest.skip("this system allows no socket filters")
    yield pair
    for sock in pair:
        sock.close()


def received(pair: list[socket.socket], *datagrams: bytes) -> list[bytes]:
    for datagram in datagrams:
        pair[1].sendto(datagram, pair[0].getsockname())
    found = []
    while True:
        try:
            found.append(pair[0].recv(4000))
        except BlockingIOError:
            return found


def test_one_packet_of_plain_audio_in_eight_comes_through(sockets: list[socket.socket]) -> None:
    sent = [rtp(sequence) for sequence in range(65528, 65536)] + [rtp(sequence) for sequence in range(24)]
    assert received(sockets, *sent) == [rtp(65528), rtp(0), rtp(8), rtp(16)]


@pytest.mark.parametrize(
    "datagram",
    [
        rtp(1, kind=101),
        rtp(1, kind=0x80),  # the marker: a new burst of speech
        rtp(1, ssrc=SSRC + 1),
        rtp(1, flags=0x90),
        rtp(1, kind=8),
        b"\x80\xc8\0\6" + bytes(24),  # RTCP
    ],
)
def test_everything_else_comes_through(sockets: list[socket.socket], datagram: bytes) -> None:
    assert received(sockets, datagram) == [datagram]


@pytest.mark.parametrize("size", range(20))
def test_short_datagrams_harm_nothing(sockets: list[socket.socket], size: int) -> None:
    received(sockets, rtp(1)[:size])
    assert received(sockets, rtp(8)) == [rtp(8)]


def test_without_the_sieve_everything_comes_again(sockets: list[socket.socket]) -> None:
    sieve.detach(sockets[0])
    assert received(sockets, rtp(1), rtp(2)) == [rtp(1), rtp(2)]


def test_where_it_is_not_allowed_that_is_said_and_nothing_raised() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        pass
    assert not sieve.attach(sock, 0, SSRC)


def test_losses_are_told_from_every_eighth_packet() -> None:
    reception = Reception(SSRC, 5, 0)
    reception.step = sieve.EVERY
    for sequence in (8, 16, 24, 40, 48):  # 32 was lost
        reception.count(sequence, 0)
    assert (reception.expected, reception.lost) == (44, 8)
    reception.step = 1
    reception.count(49, 0)
    reception.count(51, 0)
    assert reception.lost == 9


async def test_who_begins_to_listen_hears_every_frame_and_no_loss_is_counted() -> None:
    async with media_process() as media:
        events, feed, complete = Events(), bytearray(), asyncio.Event()
        stream = await media.open(events)

        def take(frames: bytes) -> None:
            feed.extend(frames)
            if len(feed) >= 160 * 20:
                complete.set()

        with Phone() as phone:
            stream.connect(phone.address, codec="PCMU", event_type=101)
            await phone.talk(stream, b"\x20" * 160 * 30)
            phone.press(stream, 4)
            await events.next(Digit)
            counted = (await media.stats())["packets_in"]
            assert counted < 20
            for _ in range(2):
                feed.clear()
                complete.clear()
                stream.listen(take)
                await media.stats()  # it has been done
                await phone.talk(stream, b"".join(bytes([n]) * 160 for n in range(20)))
                async with asyncio.timeout(20):
                    await complete.wait()
                assert [feed[start] for start in range(0, 160 * 20, 160)] == list(range(20))
                stream.listen(None)
                await media.stats()
                await phone.talk(stream, b"\x20" * 160 * 30)
            phone.press(stream, 5)
            await events.next(Digit, 2)
            assert events.digits() == "45"


async def test_a_phone_that_moves_is_heard_from_its_new_address_whole_or_sieved_as_before() -> None:
    async with media_process() as media:
        events, feed, complete = Events(), bytearray(), asyncio.Event()
        stream = await media.open(events)

        def take(frames: bytes) -> None:
            feed.extend(frames)
            if len(feed) >= 160 * 20:
                complete.set()

        for _ in range(2):
            with Phone() as phone:
                stream.listen(None)
                stream.connect(phone.address, codec="PCMU", event_type=101)
                before = (await media.stats())["packets_in"]
                await phone.talk(stream, b"\x20" * 160 * 40)
                phone.press(stream, 4)
                assert (await events.next(Digit)).digit == "4"
                assert (await media.stats())["packets_in"] - before < 40
                feed.clear()
                complete.clear()
                stream.listen(take)
                await media.stats()  # it has been done
                await phone.talk(stream, b"".join(bytes([n]) * 160 for n in range(20)))
                async with asyncio.timeout(20):
                    await complete.wait()
                assert bytes(feed[: 160 * 20]) == b"".join(bytes([n]) * 160 for n in range(20))
        stream.close()
