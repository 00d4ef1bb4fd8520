"""Music for those who wait, made here: a calm round of four chords, in the band that a telephone carries."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ivr.channels.leg import FRAME_BYTES, Clip
from ivr.speech.pcm import ulaw

RATE = 8000
BEAT = 0.6
"""Seconds of a note; a chord has eight."""
CHORDS = ((57, 60, 64, 67), (53, 57, 60, 64), (48, 52, 55, 59), (55, 59, 62, 65))
"""MIDI numbers: A minor 7, F major 7, C major 7, G 7."""
PATTERN = (0, 1, 2, 3, 2, 1, 2, 1)
LOUDNESS = 5200
"""The peak, of 32767: quieter than speech."""


@cache
def music() -> Clip:
    """About 19 seconds, to be played in a loop: its end leads into its beginning."""
    length = int(BEAT * RATE)
    total = length * len(PATTERN) * len(CHORDS)
    sound = np.zeros(total)
    for bar, chord in enumerate(CHORDS):
        for beat, index in enumerate(PATTERN):
            start = (bar * len(PATTERN) + beat) * length
            _add(sound, start, _note(chord[index] + 12, 2.4, 0.5))
        _add(sound, bar * len(PATTERN) * length, _note(chord[0], BEAT * len(PATTERN), 0.6))
    sound *= LOUDNESS / np.abs(sound).max()
    audio = ulaw(sound.astype("<i2").tobytes())
    return Clip("music/1", audio[: len(audio) // FRAME_BYTES * FRAME_BYTES])


def _note(midi: int, seconds: float, loudness: float) -> NDArray[np.float64]:
    """A plucked string, roughly: a few harmonics, each fading sooner than the one below."""
    at = np.arange(int(seconds * RATE)) / RATE
    pitch = 440 * 2 ** ((midi - 69) / 12)
    harmonics = [np.sin(2 * np.pi * pitch * n * at) * np.exp(-at * (1.2 + n)) / n**1.5 for n in (1, 2, 3, 4)]
    attack = np.minimum(at / 0.01, 1.0)
    note: NDArray[np.float64] = loudness * attack * np.sum(harmonics, axis=0)
    return note


def _add(sound: NDArray[np.float64], start: int, note: NDArray[np.float64]) -> None:
    """What sounds beyond the end sounds at the beginning: the loop has no seam."""
    places = (start + np.arange(len(note))) % len(sound)
    np.add.at(sound, places, note)
