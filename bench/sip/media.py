"""What callers send and hear, made on the spot."""

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


def write_recordings(prompts: Path, question: float = QUESTION_SECONDS, thanks: float = THANKS_SECONDS) -> None:
    """Recordings of the bench's prompts, of exactly their lengths: noise, so that no end is taken for silence."""
    folder = prompts / "en" / "recordings"
    folder.mkdir(parents=True, exist_ok=True)
    for name, seconds in (("question", question), ("thanks", thanks)):
        noise = np.random.default_rng(int(seconds)).normal(0, 3000, int(8000 * seconds))
        with wave.open(str(folder / f"bench.{name}.wav"), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(8000)
            sound.writeframes(noise.clip(-32000, 32000).astype("<i2").tobytes())


def caller_packets(digits: str = DIGIT, at: float = DIGIT_AT, after: float = 3.0) -> tuple[list[bytes], int]:
    """What a caller sends, a packet each 20 ms: audio all the time, and RFC 4733 digits (100 ms each, the end three
    times) `at` seconds into it. Also the index of the first digit's first packet."""
    frames = np.random.default_rng(1).integers(0x60, 0x7F, (50, 160), dtype=np.uint8)
    packets: list[bytes] = []
    timestamp = 160000

    def add(kind: int, payload: bytes) -> None:
        packets.append(struct.pack("!BBHII", 0x80, kind, (1000 + len(packets)) & 0xFFFF, timestamp, _SSRC) + payload)

    def talk(seconds: float) -> None:
        nonlocal timestamp
        for index in range(round(seconds * 50)):
            add(0, frames[index % len(frames)].tobytes())
            timestamp += 160

    talk(at)
    for digit in digits:
        for step in range(8):
            end = 0x8A if step >= 5 else 0x0A
            add(
                EVENT_TYPE | (0x80 if step == 0 else 0),
                struct.pack("!BBH", EVENTS.index(digit), end, 160 * min(step + 1, 6)),
            )
        timestamp += 8 * 160
        talk(0.5)
    talk(after)
    return packets, round(at * 50)
