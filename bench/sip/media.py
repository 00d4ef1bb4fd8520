"""What callers send and hear, made on the spot: a pcap for SIPp's `play_pcap_audio`, and the flow's recordings."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np

EVENTS = "0123456789*#ABCD"
DIGIT = "7"
DIGIT_AT = 5.6
"""Seconds into the caller's audio at which the digit comes."""
QUESTION_SECONDS, THANKS_SECONDS = 5.0, 2.0
EVENT_TYPE = 101
_SSRC = 0x5150CAFE


def write_recordings(prompts: Path) -> None:
    """Recordings of the bench's prompts, of exactly their lengths: noise, so that no end is taken for silence."""
    folder = prompts / "en" / "recordings"
    folder.mkdir(parents=True, exist_ok=True)
    for name, seconds in (("question", QUESTION_SECONDS), ("thanks", THANKS_SECONDS)):
        noise = np.random.default_rng(int(seconds)).normal(0, 3000, int(8000 * seconds))
        with wave.open(str(folder / f"bench.{name}.wav"), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(noise.clip(-32000, 32000).astype("<i2").tobytes())


def write_caller(path: Path, *, digits: str = DIGIT, at: float = DIGIT_AT, after: float = 8.0) -> None:
    """A caller: audio all the time, and RFC 4733 digits (100 ms each, the end three times) `at` seconds into it."""
    frames = np.random.default_rng(1).integers(0x60, 0x7F, (50, 160), dtype=np.uint8)
    packets: list[tuple[float, bytes]] = []
    sequence, timestamp, clock = 1000, 160000, 0.0

    def add(kind: int, stamp: int, payload: bytes) -> None:
        nonlocal sequence, clock
        packets.append((clock, struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, stamp, _SSRC) + payload))
        sequence, clock = sequence + 1, clock + 0.02

    def talk(seconds: float) -> None:
        nonlocal timestamp
        for index in range(round(seconds * 50)):
            add(0, timestamp, frames[index % len(frames)].tobytes())
            timestamp += 160

    talk(at)
    for digit in digits:
        for step in range(8):
            ends = step >= 5
            marker = 0x80 if step == 0 else 0
            duration = 160 * min(step + 1, 6)
            payload = struct.pack("!BBH", EVENTS.index(digit), 0x8A if ends else 0x0A, duration)
            add(EVENT_TYPE | marker, timestamp, payload)
        timestamp += 8 * 160
        talk(0.5)
    talk(after)
    _write_pcap(path, packets)


def _write_pcap(path: Path, packets: list[tuple[float, bytes]]) -> None:
    """Ethernet, IPv4 and UDP around each packet; SIPp puts its own addresses in."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for at, rtp in packets:
            udp = struct.pack("!HHHH", 6000, 6002, 8 + len(rtp), 0) + rtp
            local = bytes([127, 0, 0, 1])
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, local, local) + udp
            frame = bytes(12) + b"\x08\x00" + ip
            microseconds = round(at * 1e6)
            file.write(struct.pack("<IIII", microseconds // 1000000, microseconds % 1000000, len(frame), len(frame)))
            file.write(frame)
