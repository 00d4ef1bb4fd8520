"""SRTP on real sockets: both ways in every suite; what is forged, repeated or under another key is dropped."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pylibsrtp import Error

from ivr import metrics
from ivr.channels.leg import Clip, Digit, RecordingEnded
from ivr.channels.sip.crypto import SUITES, Keys
from ivr.channels.sip.media import rtcp, sieve
from ivr.channels.sip.media.client import Media, Stream
from ivr.channels.sip.media.g711 import PCMU
from ivr.channels.sip.media.rollover import Rollover
from ivr.channels.sip.media.srtp import _either, _session
from tests.channels.sip.media.phone import PATIENCE, Events, Phone, media_process
from tests.channels.sip.media.secure_phone import SecurePhone, new_keys
from tests.channels.sip.media.test_recording import samples
from tests.channels.sip.media.test_revival import killed

HEARD, SPOKEN = bytes([0x31]) * 160, bytes([0x52]) * 160
LOOP = Clip("loop", HEARD * 10)


async def connect(stream: Stream, phone: Phone, keys: Keys | None, **options: Any) -> None:
    """And wait until it has been done."""
    stream.connect(phone.address, codec="PCMU", event_type=101, keys=keys, **options)
    await stream._media.stats()


async def hears_loop(phone: SecurePhone, count: int = 5) -> None:
    have = len(phone.packets)
    await phone.hear(lambda packets: sum(p.payload == HEARD for p in packets[have:]) >= count)


def drain(phone: Phone) -> None:
    """Forget what has come by now."""
    with contextlib.suppress(BlockingIOError):
        while True:
            phone.rtp.recv(4000)


class Listener:
    """What a stream takes, frame by frame."""

    def __init__(self, stream: Stream) -> None:
        self.heard = bytearray()
        stream.listen(self.heard.extend)

    async def until(self, stream: Stream, phone: SecurePhone, frame: bytes, count: int = 3) -> None:
        """Let the phone say this frame until it is heard so many times."""
        del self.heard[:]
        async with asyncio.timeout(PATIENCE):
            while self.heard.count(frame) < count:
                phone.send(stream, frame)
                await asyncio.sleep(0.01)


def dropped(why: str) -> float:
    return float(metrics.SRTP_DROPPED.labels(why)._value.get())


async def drops(media: Media, why: str, before: float, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while dropped(why) < before + count:  # noqa: ASYNC110 - the process tells it once a second
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("suite", SUITES)
async def test_both_ways_with_keys_and_reports(suite: str) -> None:
    async with media_process() as media:
        events, keys = Events(), new_keys(suite)
        stream = await media.open(events)
        with SecurePhone(keys) as phone:
            await connect(stream, phone, keys)
            stream.play([LOOP], loop=True)
            listener = Listener(stream)
            await hears_loop(phone)
            await listener.until(stream, phone, SPOKEN)
            phone.press(stream, 5)
            assert (await events.next(Digit)).digit == "5"  # type: ignore[union-attr]
            # the report that says good-bye is SRTCP
            stream.close()
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(PATIENCE):
                report = None
                while report is None or not report.bye:
                    plain = phone.into.unprotect_rtcp(await loop.sock_recv(phone.rtcp, 4000))
                    report = rtcp.parse(plain, len(plain))
            assert report.ssrc == phone.packets[-1].ssrc


async def test_the_phones_reports_are_read_and_others_are_not() -> None:
    """Our report block tells that a sender report of the phone's was taken."""
    keys = new_keys()
    async with media_process() as media:
        stream = await media.open(Events())
        with SecurePhone(keys) as phone, SecurePhone(new_keys()) as stranger:
            await connect(stream, phone, keys)
            phone.send(stream, SPOKEN)
            said = {"wall": 1e9, "timestamp": 1, "packets": 5, "octets": 800, "block": None, "bye": False}
            plain = rtcp.report(phone.ssrc, "phone", **said)  # type: ignore[arg-type]
            before = dropped("unauthentic")
            for data in (plain, stranger.out.protect_rtcp(plain)):
                phone.rtcp.sendto(data, ("127.0.0.1", stream.port + 1))
            await drops(media, "unauthentic", before, 2)
            phone.rtcp.sendto(phone.out.protect_rtcp(plain), ("127.0.0.1", stream.port + 1))
            await media.stats()
            phone.send(stream, SPOKEN)
            blocks: list[rtcp.Block] = []
            async with asyncio.timeout(PATIENCE):
                while not any(block.last_report for block in blocks):
                    phone.send(stream, SPOKEN)
                    plain = phone.into.unprotect_rtcp(await asyncio.get_running_loop().sock_recv(phone.rtcp, 4000))
                    report = rtcp.parse(plain, len(plain))
                    assert report is not None
                    blocks += report.blocks
            assert {block.ssrc for block in blocks} == {phone.ssrc}


async def test_forged_repeated_and_plain_packets_are_dropped_and_counted() -> None:
    keys, events = new_keys(), Events()
    async with media_process() as media:
        stream = await media.open(events)
        with SecurePhone(keys) as phone, SecurePhone(new_keys()) as stranger:
            await connect(stream, phone, keys)
            listener = Listener(stream)
            await listener.until(stream, phone, SPOKEN)
            unauthentic, replayed = dropped("unauthentic"), dropped("replayed")
            phone.press(stream, 1)
            await events.next(Digit)
            for data in phone.sent[-8:]:
                phone.wire(stream, data)  # one more time
            await drops(media, "replayed", replayed, 8)
            forged = bytearray(phone.sent[-1])
            forged[-1] ^= 1
            phone.wire(stream, bytes(forged))
            key = struct.pack("!BBHII", 0x80, 101, phone.sequence + 1 & 0xFFFF, phone.timestamp, phone.ssrc)
            phone.wire(stream, key + struct.pack("!BBH", 9, 0x8A, 800))  # in the clear
            phone.wire(stream, stranger.out.protect(key + struct.pack("!BBH", 9, 0x8A, 800)))
            phone.wire(stream, b"\x80")
            phone.wire(stream, b"\x80\x00" + bytes(1900))
            await drops(media, "unauthentic", unauthentic, 3)
            await listener.until(stream, phone, SPOKEN)
            assert events.digits() == "1"


async def test_a_stranger_does_not_become_the_source_and_the_phone_does() -> None:
    """Before there is a source, packets under another key are none."""
    keys = new_keys()
    async with media_process() as media:
        stream = await media.open(Events())
        with SecurePhone(keys) as phone, SecurePhone(new_keys()) as stranger:
            await connect(stream, phone, keys, learn=True)
            before = dropped("unauthentic")
            for _ in range(10):
                stranger.send(stream, HEARD)
            await drops(media, "unauthentic", before, 10)
            await Listener(stream).until(stream, phone, SPOKEN)


async def test_sequence_numbers_wrap_and_the_ssrc_changes() -> None:
    """RFC 3711 section 3.3.1: the rollover counter goes up at the wrap; a new SSRC has one of its own."""
    keys = new_keys()
    async with media_process() as media:
        stream = await media.open(Events())
        with SecurePhone(keys) as phone:
            assert phone.sequence == 65530
            await connect(stream, phone, keys)
            listener = Listener(stream)
            await listener.until(stream, phone, SPOKEN, 20)
            assert phone.sequence < 1000
            # a whole turn of the counter later
            for sequence in range(phone.sequence + 20_000, 65_000, 20_000):
                phone.sequence = sequence
                await listener.until(stream, phone, HEARD, 1)
            phone.sequence = 65_530
            await listener.until(stream, phone, SPOKEN, 20)
            phone.ssrc, phone.sequence = 4712, 7
            await listener.until(stream, phone, SPOKEN, 20)


async def test_audio_that_nobody_wants_is_dropped_by_the_kernel_and_the_counter_goes_on() -> None:
    """Headers are in the clear, so that the sieve works; what it drops needs no decryption."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        if not sieve.attach(probe, 0, 1):
            pytest.skip("this system allows no socket filters")
    keys = new_keys()
    async with media_process() as media:
        stream = await media.open(Events())
        with SecurePhone(keys) as phone:
            await connect(stream, phone, keys)
            phone.sequence = 65_000
            await phone.talk(stream, SPOKEN * 10)
            begun = (await media.stats())["packets_in"]
            await phone.talk(stream, SPOKEN * 800)  # over the wrap
            assert phone.sequence < 1000
            assert (await media.stats())["packets_in"] - begun < 400, "one in eight, and some before the sieve"
            await Listener(stream).until(stream, phone, HEARD)


async def test_our_sequence_numbers_wrap() -> None:
    """By the transform itself: 65,536 packets are 22 minutes."""
    keys = new_keys()
    with SecurePhone(keys) as phone:
        out = _session(keys.suite, keys.ours, 3)
        for index in range(0, 200_000, 1000):
            packet = struct.pack("!BBHII", 0x80, 0, index & 0xFFFF, index, 7) + SPOKEN
            assert phone.into.unprotect(out.protect(packet)) == packet


async def test_an_unchanged_agreement_leaves_the_counters_alone() -> None:
    """Hold and resume, or a refresh, with the keys that stand."""
    keys = new_keys()
    async with media_process() as media:
        stream = await media.open(Events())
        with SecurePhone(keys) as phone:
            await connect(stream, phone, keys)
            stream.play([LOOP], loop=True)
            listener = Listener(stream)
            await listener.until(stream, phone, SPOKEN, 20)  # past the wrap of its sequence numbers
            await hears_loop(phone)
            ssrc = phone.packets[-1].ssrc
            before = dropped("replayed")
            await connect(stream, phone, keys, send=False, receive=False)
            await connect(stream, phone, keys)
            phone.wire(stream, phone.sent[-1])
            await drops(media, "replayed", before, 1)
            drain(phone)
            await hears_loop(phone)
            await listener.until(stream, phone, SPOKEN)
            assert {packet.ssrc for packet in phone.packets} == {ssrc}


async def test_new_keys_while_packets_under_the_old_ones_are_under_way() -> None:
    keys, after = new_keys(), new_keys("AEAD_AES_128_GCM")
    async with media_process() as media:
        stream = await media.open(Events())
        with SecurePhone(keys) as phone:
            await connect(stream, phone, keys)
            stream.play([LOOP], loop=True)
            listener = Listener(stream)
            await listener.until(stream, phone, SPOKEN, 20)
            await hears_loop(phone)
            ssrc = phone.packets[-1].ssrc
            await connect(stream, phone, after)
            await listener.until(stream, phone, SPOKEN)  # still under the old key
            phone.use(after)
            await listener.until(stream, phone, SPOKEN)
            old = SecurePhone(keys)
            old.close()
            before = dropped("unauthentic")
            packet = struct.pack("!BBHII", 0x80, 0, 9, 9, 99) + HEARD
            phone.wire(stream, old.out.protect(packet))
            await drops(media, "unauthentic", before, 1)
            while True:  # what came meanwhile is under the old key
                try:
                    await hears_loop(phone)
                    break
                except Error:
                    continue
            assert phone.packets[-1].ssrc != ssrc, "a new SSRC, whose counters begin at 0 everywhere"


async def test_in_the_clear_again() -> None:
    keys = new_keys()
    async with media_process() as media:
        stream = await media.open(Events())
        with SecurePhone(keys) as phone, Phone() as plain:
            await connect(stream, phone, keys)
            await Listener(stream).until(stream, phone, SPOKEN)
            await connect(stream, plain, None)
            stream.play([LOOP], loop=True)
            await plain.hear(lambda packets: packets[-1:] != [] and packets[-1].payload == HEARD)


@pytest.mark.parametrize("both", [True, False])
async def test_an_encrypted_and_a_plain_phone_hear_each_other(both: bool) -> None:
    """A bridge decrypts and encrypts; recordings hold what was said."""
    keys, other = new_keys(), new_keys("AES_CM_128_HMAC_SHA1_32")
    async with media_process() as media:
        one, two = await media.open(Events()), await media.open(Events())
        with SecurePhone(keys) as ann, SecurePhone(other, ssrc=99) if both else Phone(ssrc=99) as bob:
            await connect(one, ann, keys)
            await connect(two, bob, other if both else None)
            one.hear([two])
            two.hear([one])

            async def talk() -> None:
                while True:
                    ann.send(one, HEARD)
                    bob.send(two, SPOKEN)
                    await asyncio.sleep(0.02)

            talking = asyncio.ensure_future(talk())
            await ann.hear(lambda packets: sum(p.payload == SPOKEN for p in packets) >= 5)
            await bob.hear(lambda packets: sum(p.payload == HEARD for p in packets) >= 5)
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)


async def test_a_recording_holds_what_was_said(tmp_path: Path) -> None:
    keys, events = new_keys(), Events()
    async with media_process() as media:
        stream = await media.open(events)
        with SecurePhone(keys) as phone:
            await connect(stream, phone, keys)
            stream.record(tmp_path / "said.wav", max_seconds=20, finish_on="#")
            await phone.talk(stream, SPOKEN * 25)
            phone.press(stream, 11)
            await events.next(RecordingEnded)
    said = samples(tmp_path / "said.wav")
    assert np.count_nonzero(said == PCMU.linear[SPOKEN[0]]) >= 20 * 160


async def test_after_the_death_of_the_process_both_hear_again() -> None:
    keys = new_keys()
    async with media_process(least_life=0) as media:
        stream = await media.open(Events())
        with SecurePhone(keys) as phone:
            phone.sequence = 100
            await connect(stream, phone, keys)
            stream.play([LOOP], loop=True)
            listener = Listener(stream)
            await listener.until(stream, phone, SPOKEN)
            await hears_loop(phone)
            before = phone.packets[-1].ssrc
            await killed(media)
            await phone.hear(lambda packets: packets[-1].ssrc != before and packets[-1].payload == HEARD)
            await listener.until(stream, phone, SPOKEN)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("sequence", [0, 1, 9, 32_768, 40_000, 65_400])
def test_a_counter_that_is_further_is_found(suite: str, sequence: int) -> None:
    """By one turn of 65,536 packets with each packet that comes."""
    keys = new_keys(suite)
    rollover = Rollover(functools.partial(_either, suite, keys.theirs))
    with SecurePhone(keys) as phone:
        for index in range(0, 3 * 65_536 + sequence, 16_384):
            phone.out.protect(struct.pack("!BBHII", 0x80, 0, index & 0xFFFF, index, 7))
        found = None
        for tries in range(1, 5):
            packet = struct.pack("!BBHII", 0x80, 0, sequence + tries & 0xFFFF, 0, 7) + SPOKEN
            found = rollover.open(phone.out.protect(packet))
            if found is not None:
                break
        assert found is not None
        assert (found[0], tries) == (packet, 3)
        again = struct.pack("!BBHII", 0x80, 0, sequence + tries + 1 & 0xFFFF, 0, 7) + HEARD
        sealed = phone.out.protect(again)
        assert found[1].unprotect(sealed) == again
        with pytest.raises(Error, match="replay"):
            found[1].unprotect(sealed)


def test_a_counter_is_not_looked_for_without_end() -> None:
    keys = new_keys()
    made = []

    def make(outbound: bool) -> Any:
        made.append(outbound)
        return _either(keys.suite, keys.theirs, outbound)

    rollover = Rollover(make)
    with SecurePhone(new_keys()) as stranger:
        for index in range(500):
            assert rollover.open(stranger.out.protect(struct.pack("!BBHII", 0x80, 0, index, 0, index) + SPOKEN)) is None
    assert len(made) < 200
    assert rollover.open(b"\x80") is None


async def test_after_the_death_of_the_process_a_long_call_goes_on() -> None:
    """The new process doesn't know how far the peer's counter is."""
    keys = new_keys()
    async with media_process(least_life=0) as media:
        stream = await media.open(Events())
        with SecurePhone(keys) as phone:
            await connect(stream, phone, keys)
            listener = Listener(stream)
            await listener.until(stream, phone, SPOKEN)
            for _ in range(2 * 4):
                phone.sequence = (phone.sequence + 16_384) & 0xFFFF
                await listener.until(stream, phone, SPOKEN, 1)
            await killed(media)
            await listener.until(stream, phone, HEARD, 10)


@pytest.mark.parametrize("keys", [new_keys(), None])
async def test_reports_over_the_port_of_the_sound(keys: Keys | None) -> None:
    """RFC 5761: RTCP and RTP on one port, in both directions."""
    async with media_process() as media:
        stream = await media.open(Events())
        with SecurePhone(keys) if keys else Phone() as phone:
            # behind a NAT, so that the port is another than its SDP says
            stream.connect(("127.0.0.1", 9), codec="PCMU", event_type=101, keys=keys, mux=True)
            await media.stats()
            for _ in range(4):
                phone.send(stream, SPOKEN)
            loop = asyncio.get_running_loop()
            said = {"wall": 1e9, "timestamp": 1, "packets": 5, "octets": 800, "block": None, "bye": False}
            plain = rtcp.report(phone.ssrc, "phone", **said)  # type: ignore[arg-type]
            async with asyncio.timeout(PATIENCE):
                told = 0
                while not told:
                    phone.send(stream, SPOKEN)
                    wire = phone.out.protect_rtcp(plain) if isinstance(phone, SecurePhone) else plain
                    phone.rtp.sendto(wire, ("127.0.0.1", stream.port))
                    data = await loop.sock_recv(phone.rtp, 4000)
                    if 192 <= data[1] <= 223:
                        data = phone.into.unprotect_rtcp(data) if isinstance(phone, SecurePhone) else data
                        report = rtcp.parse(data, len(data))
                        told = sum(block.last_report for block in report.blocks) if report else 0
