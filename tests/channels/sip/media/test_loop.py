"""The media loop turned by hand, on real sockets and a clock that moves when told to."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from ivr.channels.sip.media import loop as loop_module
from ivr.channels.sip.media.g711 import PCMU
from ivr.channels.sip.media.inband import ToneDetector
from ivr.channels.sip.media.loop import SLOT_SECONDS, MediaLoop
from ivr.channels.sip.media.stream import RtpStream

EVENTS = 101


class Turned:
    """A loop with one stream, and its phone. `digits` are the keys that it told of."""

    def __init__(self, clock: SimpleNamespace, sockets: list[socket.socket]) -> None:
        self._clock, self._sequence = clock, 0
        rtp, rtcp, self._phone = sockets
        self.digits = ""
        self.loop = MediaLoop()
        self.stream = RtpStream(1, rtp, rtcp, self._emit, ToneDetector())
        self.loop.add(self.stream)
        self.stream.connect(self._phone.getsockname(), PCMU, EVENTS, True, True, None)
        self.loop.schedule(self.stream)

    def _emit(self, name: str, *arguments: object) -> None:
        if name == "digit":
            self.digits += str(arguments[1])

    def send(self, *, event: int, timestamp: int, times: int) -> None:
        for _ in range(times):
            self._sequence += 1
            head = struct.pack("!BBHII", 0x80, EVENTS, self._sequence, timestamp, 4711)
            self._phone.sendto(head + struct.pack("!BBH", event, 10, 160), self.stream.address)

    def turn(self, seconds: float) -> None:
        """Let the loop go on in time."""
        for _ in range(round(seconds / SLOT_SECONDS)):
            self._clock.at += SLOT_SECONDS
            self.loop.turn()

    def stall(self, seconds: float) -> None:
        """The loop doesn't get the processor."""
        self._clock.at += seconds


@pytest.fixture
def turned(monkeypatch: pytest.MonkeyPatch) -> Iterator[Turned]:
    clock = SimpleNamespace(at=1000.0)
    monkeypatch.setattr(loop_module, "time", SimpleNamespace(monotonic=lambda: clock.at))
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
    turned = Turned(clock, sockets)
    yield turned
    turned.stream.close()
    turned.loop.remove(turned.stream)
    sockets[2].close()


def test_a_key_that_is_read_after_a_long_stall_is_one_key(turned: Turned) -> None:
    turned.send(event=2, timestamp=160, times=3)
    turned.turn(0.1)
    turned.send(event=2, timestamp=160, times=3)
    turned.stall(3)
    turned.turn(0.1)
    assert turned.digits == "2"


def test_a_key_that_comes_again_long_after_is_another(turned: Turned) -> None:
    turned.send(event=2, timestamp=160, times=3)
    turned.turn(2.5)
    turned.send(event=2, timestamp=160, times=3)
    turned.turn(0.1)
    assert turned.digits == "22"
