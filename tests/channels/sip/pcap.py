"""Packet captures that SIPp plays: a caller's line with audio and RFC 4733 keys, in one RTP stream."""

from __future__ import annotations

import struct
from pathlib import Path

_SILENCE = b"\xff" * 160


def write_keys(path: Path, keys: str, *, event_type: int = 101, marker: bool = True, ends: bool = True) -> None:
    """Write what a caller sends who presses `keys`; a space is half a second of silence.

    `marker=False` and `ends=False` are lines that lost the first packet's marker or every end packet.
    """
    caller = _Caller(event_type, marker, ends)
    caller.silence(10)
    for key in keys:
        if key == " ":
            caller.silence(25)
        else:
            caller.press("0123456789*#ABCD".index(key))
    # libpcap's file format: magic, version 2.4, time zone, accuracy, longest packet, link type 1 (Ethernet).
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    path.write_bytes(head + b"".join(caller.records))


class _Caller:
    def __init__(self, event_type: int, marker: bool, ends: bool) -> None:
        self.records: list[bytes] = []
        self._event_type, self._marker, self._ends = event_type, marker, ends
        self._ticks = 0
        self._seq = 100

    def silence(self, frames: int) -> None:
        for _ in range(frames):
            self._packet(0, self._ticks * 160, _SILENCE)
            self._ticks += 1

    def press(self, event: int) -> None:
        """100 ms in five packets, the end told three times, then 60 ms of silence."""
        stamp = self._ticks * 160
        for index in range(5):
            marker = 0x80 if self._marker and index == 0 else 0
            self._packet(marker | self._event_type, stamp, struct.pack("!BBH", event, 10, 160 * (index + 1)))
            self._ticks += 1
        for _ in range(3 if self._ends else 0):
            self._packet(self._event_type, stamp, struct.pack("!BBH", event, 0x8A, 800))
        self.silence(3)

    def _packet(self, kind: int, stamp: int, payload: bytes) -> None:
        rtp = struct.pack("!BBHII", 0x80, kind, self._seq, stamp, 0x5150) + payload
        self._seq += 1
        udp = struct.pack("!HHHH", 6000, 6000, 8 + len(rtp), 0) + rtp
        ip = struct.pack("!BBHHHBBH8s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, bytes((127, 0, 0, 1) * 2)) + udp
        frame = bytes(12) + b"\x08\x00" + ip
        seconds, rest = divmod(self._ticks * 20_000, 1_000_000)
        self.records.append(struct.pack("<IIII", seconds, rest, len(frame), len(frame)) + frame)
