"""Telephone audio from any audio: resampling, loudness, trimming, mu-law. Samples are 16-bit signed, mono."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ivr.channels.leg import FRAME_BYTES, Clip

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # until 3.12 it is the standard library's, which deprecates it
    import audioop

Samples = NDArray[np.float32]

RATE = 8000
"""Samples a second on the telephone (G.711)."""
SPEECH_DBFS = -19.0
"""RMS level of speech, silences left out, relative to full scale."""
KEEP_SECONDS = 0.05
"""Silence left before and after speech."""
_MAX_GAIN = 20.0  # a nearly silent recording stays a quiet one instead of becoming noise
_FLOOR = 10 ** (-38 / 20)  # below the loudest frame by this much is silence
_FRAME = RATE // 100


def from_pcm16(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0


def to_pcm16(samples: Samples) -> bytes:
    return bytes(np.clip(np.rint(samples * 32767.0), -32768, 32767).astype("<i2").tobytes())


def telephone(samples: Samples, rate: int) -> bytes:
    """Speech at any rate to 8 kHz PCM16, at the standard loudness, without silence at its ends."""
    return to_pcm16(trim(level(resample(samples, rate))))


def resample(samples: Samples, rate: int, to: int = RATE) -> Samples:
    """Change the sample rate through a polyphase windowed-sinc low-pass filter (Kaiser, about 80 dB)."""
    if rate == to or not len(samples):
        return samples.astype(np.float32)
    divisor = math.gcd(rate, to)
    up, down = to // divisor, rate // divisor
    table = _filters(up, down)
    taps = table.shape[1]
    half = taps // 2
    padded = np.pad(samples.astype(np.float32), half)
    windows = np.lib.stride_tricks.sliding_window_view(padded, taps)
    count = -(-len(samples) * up // down)
    out = np.empty(count, dtype=np.float32)
    for start in range(0, count, 16384):  # in blocks, so that memory stays small for long recordings
        places = np.arange(start, min(start + 16384, count), dtype=np.int64) * down
        out[start : start + len(places)] = np.einsum("ij,ij->i", windows[places // up], table[places % up])
    return out


@lru_cache(maxsize=8)
def _filters(up: int, down: int) -> Samples:
    """One filter per phase: row p holds the taps for an output sample that lies p/up after an input sample."""
    cutoff = 0.94 * min(1.0, up / down)  # of the input's Nyquist frequency
    half = math.ceil(24 / cutoff)
    offsets = np.arange(-half, half + 1)[None, :] - (np.arange(up) / up)[:, None]
    window = np.i0(8.0 * np.sqrt(np.clip(1 - (offsets / (half + 1)) ** 2, 0, 1))) / np.i0(8.0)
    taps = np.sinc(offsets * cutoff) * window
    filters: Samples = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return filters


def _frame_levels(samples: Samples) -> Samples:
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return np.sqrt(np.mean(frames**2, axis=1, dtype=np.float64)).astype(np.float32)


def speech_level(samples: Samples) -> float:
    """RMS of the frames that hold speech; 0.0 where there is no sound."""
    levels = _frame_levels(samples)
    if not len(levels) or levels.max() < 1e-4:
        return 0.0
    active = levels[levels > levels.max() * 0.1]
    return float(np.sqrt(np.mean(active**2)))


def level(samples: Samples) -> Samples:
    """Bring speech to the standard loudness; what would clip is bent softly instead."""
    if not len(samples):
        return samples
    samples = samples - np.float32(samples.mean())
    loud = speech_level(samples)
    if not loud:
        return samples
    return _bent(samples * np.float32(min(10 ** (SPEECH_DBFS / 20) / loud, _MAX_GAIN)))


def louder(pcm: bytes, decibels: float) -> bytes:
    """PCM16 by so much louder or, below 0, quieter."""
    return to_pcm16(_bent(from_pcm16(pcm) * np.float32(10 ** (decibels / 20)))) if decibels else pcm


def _bent(samples: Samples) -> Samples:
    knee = 0.8
    over = np.abs(samples) > knee
    bent = knee + (1 - knee) * np.tanh((np.abs(samples[over]) - knee) / (1 - knee))
    samples[over] = np.sign(samples[over]) * bent * 0.999
    return samples


def trim(samples: Samples) -> Samples:
    """Bring the silence at both ends to `KEEP_SECONDS`: clips that are played back to back then sound even."""
    levels = _frame_levels(samples)
    if not len(levels) or levels.max() < 1e-4:
        return samples
    sounding = np.flatnonzero(levels > levels.max() * _FLOOR)
    keep = int(KEEP_SECONDS * RATE)
    padded = np.pad(samples, keep)
    return padded[int(sounding[0]) * _FRAME : (int(sounding[-1]) + 1) * _FRAME + 2 * keep]


def ulaw(pcm: bytes) -> bytes:
    """8 kHz PCM16 to mu-law (G.711), padded with silence to whole 20 ms frames."""
    encoded = audioop.lin2ulaw(pcm, 2)
    return encoded + b"\xff" * (-len(encoded) % FRAME_BYTES)


def pcm16(encoded: bytes) -> bytes:
    """mu-law back to PCM16: for tests and for writing WAV files."""
    return audioop.ulaw2lin(encoded, 2)


def rms(samples: bytes) -> int:
    """The root of the mean square of PCM16."""
    return audioop.rms(samples, 2)


@lru_cache(maxsize=64)
def silence(seconds: float) -> Clip:
    """Silence, at least one frame of it."""
    frames = max(1, round(seconds * RATE / FRAME_BYTES))
    return Clip(f"silence-{frames}", b"\xff" * (frames * FRAME_BYTES))


@lru_cache(maxsize=64)
def tone(hertz: float, seconds: float, dbfs: float = -18.0) -> Clip:
    """A sine with 5 ms ramps, so that it starts and ends without a click."""
    t = np.arange(round(seconds * RATE), dtype=np.float32) / RATE
    ramp = np.clip(np.minimum(t, t[::-1]) / 0.005, 0, 1) if len(t) else t
    wave = np.sin(2 * np.pi * hertz * t) * ramp * (10 ** (dbfs / 20) * math.sqrt(2))
    return Clip(f"tone-{hertz:g}-{seconds:g}-{dbfs:g}", ulaw(to_pcm16(wave.astype(np.float32))))


def beep() -> Clip:
    """The tone after which a caller speaks a message."""
    return tone(1000, 0.4)
