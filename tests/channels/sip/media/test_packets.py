"""RTP and RTCP on the wire."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.channels.sip.media import rtcp, rtp
from ivr.channels.sip.media.rtp import Reception


def packet(*, flags: int = 0x80, kind: int = 0, rest: bytes = b"\xff" * 160) -> bytes:
    return struct.pack("!BBHII", flags, kind, 7, 800, 99) + rest


def test_a_plain_packet() -> None:
    data = packet(kind=0x80 | 101)
    assert rtp.parse(data, len(data)) == (101, True, 7, 800, 99, 12, 172)


def test_sources_extension_and_padding_are_skipped() -> None:
    rest = b"CSRC" + b"\0\1\0\2" + b"x" * 8 + b"audio" + b"\0\0\3"
    found = rtp.parse(packet(flags=0x80 | 0x30 | 1, rest=rest), 12 + len(rest))
    assert found is not None
    assert packet(rest=rest)[found.start : found.end] == b"audio"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        packet()[:11],
        packet(flags=0x40),
        packet(flags=0xC0),
        packet(flags=0x8F, rest=b"short"),
        packet(flags=0x90, rest=b"\0\0"),
        packet(flags=0x90, rest=b"\0\0\xff\xff" + b"x" * 100),
        packet(flags=0xA0, rest=b"\0"),
        packet(flags=0xA0, rest=b"\xff"),
        packet(rest=bytes(1601)),
    ],
)
def test_what_does_not_fit_is_refused(data: bytes) -> None:
    assert rtp.parse(data, len(data)) is None


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    found = rtp.parse(data, len(data))
    assert found is None or 12 <= found.start <= found.end <= len(data)
    rtcp.parse(data, len(data))


def test_loss_is_counted_over_the_turn_of_the_sequence_number() -> None:
    reception = Reception(1, 65533, 0)
    for sequence in (65534, 0, 1, 3):  # 65535 and 2 are lost
        reception.count(sequence, 0)
    assert (reception.highest, reception.expected, reception.lost) == (65536 + 3, 7, 2)
    assert reception.fraction_lost() == 2 * 256 // 7
    reception.count(65536 + 2 & 0xFFFF, 0)  # it was only late
    assert reception.lost == 1
    assert reception.fraction_lost() == 0


def test_a_sender_that_starts_over_is_followed() -> None:
    reception = Reception(1, 100, 0)
    reception.count(30000, 0)
    assert (reception.base, reception.lost) == (30000, 0)


def test_jitter_follows_rfc_3550() -> None:
    reception = Reception(1, 0, 1000)
    reception.count(1, 1160)
    assert reception.jitter == 10
    reception.count(2, 1160)
    assert reception.jitter == 10 - 10 / 16


def test_a_sender_report_is_read_back() -> None:
    block = rtcp.Block(5, 12, -3, 70000, 44, 0x01020304, 65536)
    data = rtcp.report(9, "name", wall=1_700_000_000.5, timestamp=160, packets=10, octets=1600, block=block, bye=False)
    assert len(data) % 4 == 0
    assert rtcp.parse(data, len(data)) == rtcp.Report(9, rtcp.ntp(1_700_000_000.5) >> 16 & 0xFFFFFFFF, (block,), False)
    assert struct.unpack_from("!BBHIIIIII", data)[:4] == (0x81, 200, 12, 9)
    seconds, fraction, timestamp, packets, octets = struct.unpack_from("!IIIII", data, 8)
    assert (seconds, fraction) == (1_700_000_000 + 2208988800, 1 << 31)
    assert (timestamp, packets, octets) == (160, 10, 1600)


def test_without_packets_sent_it_is_a_receiver_report_and_bye_comes_last() -> None:
    data = rtcp.report(9, "name", wall=0, timestamp=0, packets=0, octets=0, block=None, bye=True)
    assert data[1] == 201
    assert rtcp.parse(data, len(data)) == rtcp.Report(9, 0, (), True)
    assert rtcp.parse(data[:-1], len(data) - 1) is None
