"""G.711, the order of received audio, and who may be a source."""

import random

import numpy as np
import pytest

from ivr.channels.sip.media.g711 import ALAW_LINEAR, ALAW_TO_ULAW, PCMA, ULAW_LINEAR, ULAW_TO_ALAW, encode_ulaw
from ivr.channels.sip.media.player import Player, whole_frames
from ivr.channels.sip.media.reorder import Reorder
from ivr.channels.sip.media.source import PROBATION, SourceFilter, behind_nat


def test_known_values_of_g711() -> None:
    # ITU-T G.711: the largest, the smallest and zero
    assert [int(ULAW_LINEAR[byte]) for byte in (0x00, 0x80, 0xFF, 0x7F)] == [-32124, 32124, 0, 0]
    assert [int(ALAW_LINEAR[byte]) for byte in (0x2A, 0xAA, 0xD5, 0x55)] == [-32256, 32256, 8, -8]
    assert ULAW_TO_ALAW[0xFF] == 0xD5
    assert ALAW_TO_ULAW[0xD5] == 0xFE  # A-law has no zero, the nearest is 8


def test_encoding_gives_back_what_was_decoded() -> None:
    assert list(encode_ulaw(ULAW_LINEAR)) == [0xFF if byte == 0x7F else byte for byte in range(256)]


def test_translation_keeps_the_sound() -> None:
    tone = (8000 * np.sin(np.arange(800) / 5)).astype(np.int16)
    through = ALAW_LINEAR[np.frombuffer(encode_ulaw(tone).translate(ULAW_TO_ALAW), np.uint8)]
    assert np.abs(through.astype(int) - tone).max() < 520


def frames(count: int) -> list[tuple[int, bytes]]:
    return [((0xFFFFFF00 + 160 * n) & 0xFFFFFFFF, bytes([n]) * 160) for n in range(count)]


def played(packets: list[tuple[int, bytes]]) -> list[int]:
    reorder = Reorder(b"\xff", 0.0)
    out = b"".join(b"".join(reorder.push(timestamp, payload, 0.0)) for timestamp, payload in packets)
    out += b"".join(reorder.drain())
    assert len(out) % 160 == 0
    return [out[start] for start in range(0, len(out), 160)]


@pytest.mark.parametrize("seed", range(20))
def test_neighbours_out_of_order_and_doubled_come_out_right(seed: int) -> None:
    source = random.Random(seed)
    packets = frames(60)
    shuffled = [packets[0]]
    for start in range(1, 60, 3):
        block = packets[start : start + 3]
        source.shuffle(block)
        shuffled += block + source.sample(block, 1)
    assert played(shuffled) == list(range(60))


def test_a_gap_is_filled_with_silence_of_its_length() -> None:
    packets = frames(20)
    del packets[5:8]
    assert played(packets) == [*range(5), 255, 255, 255, *range(8, 20)]


def test_a_clock_that_jumps_is_followed_without_filling() -> None:
    far = [((timestamp + 1_000_000) & 0xFFFFFFFF, payload) for timestamp, payload in frames(8)]
    assert played(frames(4) + far) == [*range(4), *range(8)]


def test_time_goes_on_while_nothing_comes() -> None:
    reorder = Reorder(b"\xff", 0.0)
    assert b"".join(reorder.push(0, b"a" * 160, 0.0)) == b"a" * 160
    assert reorder.tick(0.1) == b""
    assert [reorder.tick(0.3 + n * 0.02) for n in range(5)] == [b"\xff" * 160] * 5
    assert b"".join(reorder.push(160 * 4, b"b" * 160, 0.5)) == b"b" * 160


def test_clips_follow_each_other_and_loop() -> None:
    player = Player()
    assert player.start(1, [b"a" * 160, b"", b"b" * 320], loop=True)
    heard = []
    for _ in range(4):
        heard.append(player.audio[:1])
        assert player.advance()
    assert heard == [b"a", b"b", b"a", b"b"]
    assert not player.start(2, [b"", b""], loop=True)
    assert player.stop() == 2
    assert player.stop() is None
    assert whole_frames(b"x") == b"x" + b"\xff" * 159


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("10.1.2.3", True),
        ("192.168.0.4", True),
        ("100.64.1.1", True),
        ("8.8.8.8", False),
        ("0.0.0.0", True),
        ("x", False),
    ],
)
def test_addresses_behind_nat(host: str, private: bool) -> None:
    assert behind_nat(host) is private


def test_the_signalled_address_is_taken_at_once() -> None:
    assert SourceFilter(("8.8.8.8", 4000), None).accept(("8.8.8.8", 4000), 1, 1)


@pytest.mark.parametrize("learn", [None, True, False])
def test_another_port_of_the_signalled_host_has_to_be_steady(learn: bool | None) -> None:
    source = SourceFilter(("8.8.8.8", 4000), learn)
    assert not any(source.accept(("8.8.8.8", 9), 1, n * 7) for n in range(100))
    assert [source.accept(("8.8.8.8", 7), 2, n) for n in range(PROBATION + 2)][-1]


def test_what_an_ended_call_of_the_same_gateway_still_sends_does_not_keep_the_phone_out() -> None:
    source = SourceFilter(("8.8.8.8", 4000), None)
    assert not source.accept(("8.8.8.8", 5000), 1, 1)
    assert not source.accept(("8.8.8.8", 5000), 1, 2)
    assert source.accept(("8.8.8.8", 4000), 2, 1)


def test_a_public_peer_has_no_other_address() -> None:
    source = SourceFilter(("8.8.8.8", 4000), None)
    assert not any(source.accept(("9.9.9.9", 4000), 1, n) for n in range(50))
    assert SourceFilter(("8.8.8.8", 4000), True).accept(("8.8.8.8", 4000), 1, 1)


def test_behind_nat_the_first_steady_sender_is_taken() -> None:
    source = SourceFilter(("192.168.1.2", 4000), None)
    assert [source.accept(("5.5.5.5", 77), 1, n) for n in range(PROBATION)] == [False] * (PROBATION - 1) + [True]


def test_single_packets_of_strangers_are_not_a_source() -> None:
    source = SourceFilter(("192.168.1.2", 4000), None)
    assert not any(source.accept((f"5.5.5.{n}", 77), n, n) for n in range(100))
    assert not any(source.accept(("5.5.5.5", 77), 1, n * 7) for n in range(100))
    assert source.accept(("192.168.1.2", 4000), 1, 1)


def test_the_codec_knows_its_silence() -> None:
    assert set(PCMA.silent_frame) == {0xD5}
    assert len(PCMA.silent_frame) == 160
