"""SRTP on real sockets: both ways in every suite; what is forged, repeated or under another key is dropped."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path

import numpy as np
import pytest
from pylibsrtp import Error

from ivr.channels.leg import Digit, RecordingEnded
from ivr.channels.sip.crypto import SUITES, Keys
from ivr.channels.sip.media import rtcp
from ivr.channels.sip.media.g711 import PCMU
from tests.channels.sip.media.phone import PATIENCE, Events, Phone, media_process
from tests.channels.sip.media.secure_phone import (
    HEARD,
    LOOP,
    SPOKEN,
    Listener,
    SecurePhone,
    connect,
    dropped,
    drops,
    hears_loop,
    new_keys,
)
from tests.channels.sip.media.test_recording import samples


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
            assert (await events.next(Digit)).digit == "5"
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
