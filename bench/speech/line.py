"""A telephone line: 300 to 3400 Hz, noise, mu-law, lost packets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bench.speech.callers import LOUDNESS, RATE, Audio
from ivr.speech import pcm

FRAME = 160


@dataclass(frozen=True)
class Line:
    """`noise` is the speech-to-noise ratio in dB, None for a quiet line (-65 dBFS); `loss` a fraction of packets."""

    name: str
    noise: float | None = None
    loss: float = 0.0
    babble: bool = False


CLEAN = Line("clean")
NOISE_20 = Line("20 dB", 20.0)
NOISE_10 = Line("10 dB", 10.0)
LOSSY = Line("2 % loss", None, 0.02)
LINES = (CLEAN, NOISE_20, NOISE_10, LOSSY)


def padded(audio: Audio, before: float = 0.35, after: float = 0.8) -> Audio:
    """Silence around, in seconds, as a call has it."""
    return np.concatenate([silence(before), audio, silence(after)])


def silence(seconds: float) -> Audio:
    return np.zeros(round(seconds * RATE), dtype=np.float32)


def band(audio: Audio, low: float = 300.0, high: float = 3400.0) -> Audio:
    spectrum = np.fft.rfft(audio)
    frequency = np.fft.rfftfreq(len(audio), 1 / RATE)
    # second-order slopes: a real line has no brick walls
    gain = 1 / np.sqrt(1 + (low / np.maximum(frequency, 1)) ** 4) / np.sqrt(1 + (frequency / high) ** 12)
    return np.fft.irfft(spectrum * gain, len(audio)).astype(np.float32)


def noise(count: int, random: np.random.Generator) -> Audio:
    """Noise with a room's tilt (falling 3 dB an octave), RMS 1 in the telephone band."""
    spectrum = np.fft.rfft(random.standard_normal(max(count, 2)))
    frequency = np.fft.rfftfreq(max(count, 2), 1 / RATE)
    pink = band(np.fft.irfft(spectrum / np.sqrt(np.maximum(frequency, 50)), max(count, 2)).astype(np.float32))[:count]
    return np.asarray(pink / max(float(np.sqrt((pink**2).mean())), 1e-9), dtype=np.float32)


def through(audio: Audio, line: Line, random: np.random.Generator) -> bytes:
    """The mu-law that arrives, in whole 20 ms frames. A lost packet is heard as silence."""
    level = 10 ** (-65 / 20) if line.noise is None else LOUDNESS * 10 ** (-line.noise / 20)
    heard = band(audio) + level * noise(len(audio), random)
    samples = (np.clip(heard, -0.99, 0.99) * 32767).astype("<i2")
    coded = bytearray(pcm.ulaw(samples.tobytes()))
    coded += b"\xff" * (-len(coded) % FRAME)
    for start in range(0, len(coded), FRAME):
        if random.random() < line.loss:
            coded[start : start + FRAME] = b"\xff" * FRAME
    return bytes(coded)
