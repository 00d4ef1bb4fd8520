"""A recording from a stranger's hands: what it is by its first bytes, whether it can be used, and a plain WAV of it.

What is kept is always made anew from the samples, so that nothing else that a file may hold stays. Its format is told
by its beginning and not by its name: a playlist that is called .mp3 would have ffmpeg open other files and addresses
(https://ffmpeg.org/ffmpeg-formats.html, the demuxers `hls` and `concat`).
"""

from __future__ import annotations

import io
import math
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ivr.speech import pcm
from ivr.speech.errors import RecordingError
from ivr.speech.recordings import ENOUGH_RATE, MAX_SECONDS, decoded, has_ffmpeg

MIN_SECONDS = 0.2
QUIETEST_DBFS = -45.0
"""Speech below is not brought to the standard loudness: too much noise would come with it."""
CLIPPED_SHARE = 0.002
"""Of the samples that may be as loud as can be."""


@dataclass(frozen=True, slots=True)
class Made:
    """`wav` is 16-bit, mono, at most 16 kHz; `decibels` the level of its speech in dBFS."""

    wav: bytes
    seconds: float
    decibels: float
    clipped: bool


class Unusable(Exception):
    """`why` is kind, no_ffmpeg, unreadable, too_long, too_short, silent or too_quiet."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def kind(head: bytes) -> str | None:
    """ffmpeg's name of the format that a file of these first bytes is in; `None` for one that isn't taken."""
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"OggS":
        return "ogg"
    if head[:4] == b"fLaC":
        return "flac"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if head[4:8] == b"ftyp":
        return "mp4"
    # MPEG-1, -2 or -2.5, layer III (ISO/IEC 11172-3, 2.4.1.3), with or without a tag before
    if head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return "mp3"
    return None


def made(path: Path) -> Made:
    """Check a file and make the one to be kept. Blocking. Raises `Unusable`."""
    with path.open("rb") as file:
        found = kind(file.read(12))
    if found is None:
        raise Unusable("kind")
    try:
        samples, rate = decoded(path, found)
    except RecordingError:
        raise Unusable("unreadable" if found == "wav" or has_ffmpeg() else "no_ffmpeg") from None
    if len(samples) > MAX_SECONDS * rate:
        raise Unusable("too_long")
    if rate > ENOUGH_RATE:
        samples, rate = pcm.resample(samples, rate, ENOUGH_RATE), ENOUGH_RATE
    samples = samples - np.float32(samples.mean()) if len(samples) else samples
    loud = pcm.speech_level(samples)
    if not loud:
        raise Unusable("silent")
    decibels = 20 * math.log10(loud)
    if decibels < QUIETEST_DBFS:
        raise Unusable("too_quiet")
    sounding = len(pcm.trim(pcm.resample(samples, rate))) / pcm.RATE - 2 * pcm.KEEP_SECONDS
    if sounding < MIN_SECONDS:
        raise Unusable("too_short")
    clipped = float(np.mean(np.abs(samples) > 0.985)) > CLIPPED_SHARE
    return Made(_wav(pcm.to_pcm16(samples), rate), sounding, decibels, clipped)


def _wav(samples: bytes, rate: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples)
    return out.getvalue()
