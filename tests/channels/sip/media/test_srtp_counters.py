"""SRTP's counters: at the wrap of sequence numbers, for a new SSRC, across new agreements and a process that died."""

from __future__ import annotations

import functools
import socket
import struct
from typing import Any

import pytest
from pylibsrtp import Error

from ivr.channels.sip.crypto import SUITES
from ivr.channels.sip.media import sieve
from ivr.channels.sip.media.rollover import Rollover
from ivr.channels.sip.media.srtp import _either, _session
from tests.channels.sip.media.phone import Events, media_process
from tests.channels.sip.media.secure_phone import (
    HEARD,
    LOOP,
    SPOKEN,
    Listener,
    SecurePhone,
    connect,
    drain,
    dropped,
    drops,
    hears_loop,
    new_keys,
)
from tests.channels.sip.media.test_revival import killed


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
