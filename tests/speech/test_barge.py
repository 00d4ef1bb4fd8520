"""The decision to stop our own audio, on made-up sound: a voice is a train of pulses through a resonance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from ivr.speech import pcm
from ivr.speech.barge import BargeIn
from ivr.speech.endpoint import FRAME_BYTES

Floats = NDArray[np.float64]
Decide = Callable[[Floats, Floats], int | None]


def voice(seconds: float, pitch: float, seed: int, level: float = 0.1) -> Floats:
    """Syllables of 200 ms with gaps of 60 ms."""
    random = np.random.default_rng(seed)
    count = int(seconds * 8000)
    phase = np.cumsum(pitch * (1 + 0.1 * np.sin(np.arange(count) / 2500 + seed)) / 8000)
    pulses = (np.diff(np.floor(phase), prepend=0) > 0).astype(float)
    time = np.arange(200) / 8000
    ring = np.exp(-time * 300) * (np.sin(2 * np.pi * 650 * time) + 0.5 * np.sin(2 * np.pi * (1300 + 50 * seed) * time))
    sound = np.convolve(pulses, ring)[:count] + 0.005 * random.standard_normal(count)
    syllables = (np.arange(count) % 2080) < 1600
    sound = sound * syllables
    loudness = float(np.sqrt((sound[syllables[: len(sound)]] ** 2).mean()))
    return sound * (level / loudness)


def coded(sound: Floats) -> bytes:
    return pcm.ulaw((np.clip(sound, -0.99, 0.99) * 32767).astype("<i2").tobytes())


def decided(prompt: Floats, heard: Floats) -> int | None:
    """The frame at which the prompt is stopped; frames above -45 dB count as voiced, as a plain detector has it."""
    barge = BargeIn()
    for _ in range(50):
        assert not barge.hear(b"\xff" * FRAME_BYTES, False)
    barge.playing(coded(prompt))
    line = coded(heard)
    for number, start in enumerate(range(0, len(line) - FRAME_BYTES + 1, FRAME_BYTES)):
        frame = line[start : start + FRAME_BYTES]
        loud = float(np.sqrt((pcm.from_pcm16(pcm.pcm16(frame)) ** 2).mean())) > 0.0055
        if barge.hear(frame, loud):
            return number
    return None


PROMPT = voice(4.0, 120, 1)


def onto(base: Floats, at: float, sound: Floats) -> Floats:
    mixed = base.copy()
    start = int(at * 8000)
    mixed[start : start + len(sound)] += sound
    return mixed


def echo(decibels: float, delay: float = 0.1) -> Floats:
    late = int(delay * 8000)
    return np.concatenate([np.zeros(late), PROMPT[:-late]]) * 10 ** (decibels / 20)


@pytest.mark.parametrize("decibels", [-14.0, -20.0, -30.0])
def test_our_own_echo_does_not_stop_us(decibels: float) -> None:
    assert decided(PROMPT, echo(decibels)) is None


@pytest.mark.parametrize("decibels", [-20.0, -30.0, -90.0])
def test_the_caller_does_within_a_fifth_of_a_second_with_echo_or_without(decibels: float) -> None:
    frame = decided(PROMPT, onto(echo(decibels), 1.6, voice(1.0, 190, 3)))
    assert frame is not None
    assert 80 <= frame <= 90


def test_a_cough_does_not() -> None:
    random = np.random.default_rng(4)
    burst = random.standard_normal(2400) * np.exp(-np.arange(2400) / 700) * 0.3
    assert decided(PROMPT, onto(onto(np.zeros(len(PROMPT)), 1.0, burst), 1.5, burst)) is None


def test_it_is_said_since_when_something_speaks_for_the_caller() -> None:
    barge = BargeIn()
    for _ in range(50):
        barge.hear(b"\xff" * FRAME_BYTES, False)
    barge.playing(coded(np.zeros(16000)))
    assert barge.suspected == 0
    line = coded(voice(0.06, 190, 3))
    for start in range(0, len(line), FRAME_BYTES):
        barge.hear(line[start : start + FRAME_BYTES], True)
    assert 1 <= barge.suspected <= 3
    barge.stopped()
    assert barge.suspected == 0


def test_a_room_of_voices_that_was_there_before_does_not() -> None:
    room = sum(voice(5.0, pitch, seed, 0.02) for seed, pitch in enumerate((110, 150, 210, 240), 2))
    assert isinstance(room, np.ndarray)
    barge = BargeIn()
    line = coded(room)
    frames = [line[start : start + FRAME_BYTES] for start in range(0, len(line), FRAME_BYTES)]
    for frame in frames[:50]:
        barge.hear(frame, True)
    barge.playing(coded(PROMPT))
    assert not any(barge.hear(frame, True) for frame in frames[50:])


def test_it_is_said_once_for_each_prompt() -> None:
    barge = BargeIn()
    line = coded(voice(1.5, 190, 3))
    frames = [line[start : start + FRAME_BYTES] for start in range(0, len(line), FRAME_BYTES)]
    for _ in range(2):
        for _ in range(100):
            barge.hear(b"\xff" * FRAME_BYTES, False)
        barge.playing(coded(np.zeros(16000)))
        assert sum(barge.hear(frame, True) for frame in frames) == 1
        barge.stopped()
