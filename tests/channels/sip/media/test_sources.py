"""Whose packets count: a stray SSRC changes nothing, a real change of it loses no key (RFC 3550 appendix A.1)."""

import socket
import struct
from collections.abc import Iterator

import pytest

from ivr.channels.sip.media import sieve
from ivr.channels.sip.media.g711 import PCMU
from ivr.channels.sip.media.inband import ToneDetector
from ivr.channels.sip.media.rtp import Packet
from ivr.channels.sip.media.stream import RtpStream

EVENTS = 101
PHONE, STRAY, MOVED = 4711, 666, 4712


class Heard:
    """A stream that is given packets by hand, and the keys that it told of. Each packet comes 20 ms after the last."""

    def __init__(self, stream: RtpStream) -> None:
        self.stream = stream
        self.digits = ""
        self.now = 1000.0
        self._sequences: dict[int, int] = {}
        stream.connect(("127.0.0.1", 9), PCMU, EVENTS, True, True, None)

    def emit(self, name: str, *arguments: object) -> None:
        if name == "digit":
            self.digits += str(arguments[1])

    def packet(self, ssrc: int, timestamp: int, payload: bytes, *, kind: int = EVENTS, skip: int = 0) -> None:
        self.now += 0.02
        sequence = self._sequences[ssrc] = (self._sequences.get(ssrc, 65533) + 1 + skip) & 0xFFFF
        buffer = bytearray(payload)
        self.stream.packet(Packet(kind, False, sequence, timestamp, ssrc, 0, len(buffer)), buffer, self.now, self.now)

    def key(self, ssrc: int, timestamp: int, event: int, *, ticks: int = 1, end: bool = False) -> None:
        """Packets of a key that is held, or the three of its end."""
        for _ in range(3 if end else ticks):
            self.packet(ssrc, timestamp, struct.pack("!BBH", event, 0x8A if end else 10, 800))

    def audio(self, ssrc: int, timestamp: int, count: int = 1) -> None:
        for number in range(count):
            self.packet(ssrc, timestamp + 160 * number, b"\x55" * 160, kind=0)


@pytest.fixture
def heard() -> Iterator[Heard]:
    pair = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
    for sock in pair:
        sock.bind(("127.0.0.1", 0))
    made: list[Heard] = []
    stream = RtpStream(1, pair[0], pair[1], lambda *message: made[0].emit(*message), ToneDetector())
    made.append(Heard(stream))
    yield made[0]
    stream.close()
    for sock in pair:
        sock.close()


@pytest.mark.parametrize("kind", [0, EVENTS])
def test_a_held_key_counts_once_whatever_strays_between(heard: Heard, kind: int) -> None:
    for number in range(20):
        heard.key(PHONE, 8000, 5)
        heard.packet(STRAY + number, 500 * number, struct.pack("!BBH", 7, 10, 160) * 40, kind=kind)
    heard.key(PHONE, 8000, 5, end=True)
    assert heard.digits == "5"


def test_a_stream_of_another_ssrc_between_the_packets_of_a_held_key_makes_no_second_one(heard: Heard) -> None:
    for number in range(20):
        heard.key(PHONE, 8000, 5)
        heard.audio(STRAY, 160 * number)
    heard.audio(STRAY, 3200, 10)  # the phone's packets were lost for a while
    heard.key(PHONE, 8000, 5, ticks=5)
    heard.key(PHONE, 8000, 5, end=True)
    assert heard.digits == "5"
    heard.key(PHONE, 16000, 5, ticks=2)
    assert heard.digits == "55"


def test_a_stray_packet_costs_the_source_none_of_its_counts(heard: Heard) -> None:
    heard.audio(PHONE, 0, 10)
    heard.audio(STRAY, 77)
    heard.audio(PHONE, 1600, 10)
    reception = heard.stream.reception
    assert reception is not None
    assert (reception.ssrc, reception.received, reception.lost) == (PHONE, 20, 0)


def test_a_new_ssrc_is_believed_after_two_packets_in_sequence(heard: Heard) -> None:
    heard.stream.ear.listen(True)
    heard.stream.refresh()
    heard.audio(PHONE, 0, 10)
    heard.audio(MOVED, 90000)
    assert heard.stream.reception is not None
    assert heard.stream.reception.ssrc == PHONE
    heard.audio(MOVED, 90160)
    assert heard.stream.reception.ssrc == MOVED
    heard.key(MOVED, 91000, 3)
    assert heard.digits == "3"


def test_where_the_kernel_drops_audio_the_source_has_to_be_silent_for_longer_than_that_explains(heard: Heard) -> None:
    heard.audio(PHONE, 0, 10)
    heard.audio(MOVED, 90000, sieve.EVERY)
    assert heard.stream.reception is not None
    assert heard.stream.reception.ssrc == PHONE
    heard.audio(MOVED, 99000)
    assert heard.stream.reception.ssrc == MOVED


def test_where_the_system_has_no_sieve_every_packet_is_counted(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sieve, "attach", lambda *arguments: False)
    heard.audio(PHONE, 0, 20)
    heard.packet(PHONE, 3200, b"\x55" * 160, kind=0, skip=3)
    reception = heard.stream.reception
    assert reception is not None
    assert (reception.step, reception.received, reception.lost) == (1, 21, 3)
    heard.key(PHONE, 4000, 7)
    assert heard.digits == "7"


def test_packets_out_of_sequence_make_no_source(heard: Heard) -> None:
    heard.audio(PHONE, 0, 10)
    for number in range(20):
        heard.packet(STRAY, 160 * number, b"\x55" * 160, kind=0, skip=number + 1)
    assert heard.stream.reception is not None
    assert heard.stream.reception.ssrc == PHONE


@pytest.mark.parametrize("lost", range(8))
def test_a_new_ssrc_that_begins_with_a_key_loses_none(heard: Heard, lost: int) -> None:
    heard.audio(PHONE, 0, 10)
    for number in range(8):  # the provider switched media just now, and one packet is lost
        if number != lost:
            heard.packet(MOVED, 4000, struct.pack("!BBH", 9, 10 if number < 5 else 0x8A, 160), skip=number == lost + 1)
    heard.audio(MOVED, 6000, 5)
    heard.key(MOVED, 8000, 2, ticks=2)
    assert heard.digits == "92"


def test_a_key_held_across_a_change_of_ssrc_is_one_key(heard: Heard) -> None:
    heard.audio(PHONE, 0, 10)
    heard.key(PHONE, 1600, 5, ticks=3)
    heard.key(MOVED, 700_000, 5, ticks=5)
    heard.key(MOVED, 700_000, 5, end=True)
    assert heard.digits == "5"
    heard.key(MOVED, 702_400, 5, ticks=3)
    assert heard.digits == "55"


def test_the_same_key_pressed_again_after_a_change_of_ssrc_counts(heard: Heard) -> None:
    heard.key(PHONE, 1600, 5, ticks=3)
    heard.key(PHONE, 1600, 5, end=True)
    heard.key(MOVED, 700_000, 5, ticks=3)
    assert heard.digits == "55"
    heard.now += 1.0  # the end of that one was lost, and so was a second
    heard.key(PHONE, 60_000, 5, ticks=3)
    assert heard.digits == "555"


def test_a_gateway_whose_events_have_an_ssrc_of_their_own_is_understood(heard: Heard) -> None:
    for press, event in enumerate((1, 1, 2)):
        heard.audio(PHONE, 20_000 * press, 20)
        for number in range(8):
            heard.key(MOVED, 20_000 * press, event)
            heard.audio(PHONE, 20_000 * press + 3200 + 160 * number)
        heard.key(MOVED, 20_000 * press, event, end=True)
    assert heard.digits == "112"


def test_a_key_held_while_signalling_moves_the_media_is_one_key(heard: Heard) -> None:
    heard.key(PHONE, 1600, 5, ticks=3)
    heard.stream.connect(("127.0.0.1", 10), PCMU, EVENTS, True, True, None)
    heard.key(PHONE, 1600, 5, ticks=3)
    heard.key(PHONE, 1600, 5, end=True)
    assert heard.digits == "5"
    heard.key(PHONE, 160, 5, ticks=3)  # the phone began its clock anew
    assert heard.digits == "55"
