"""DTMF tones in the audio, for callers whose phone never offered telephone-event: one detector for all of them.

Every 10 ms of every call is one row of a matrix product that yields the energy at the eight DTMF frequencies
(Goertzel's sums, all at once), so that a hundred calls cost about what one does. The rules that keep speech from
being taken for a digit are those of ITU-T Q.24 and the common practice: both tones strong, of about equal level
(twist), alone in their group, nearly all the energy there is, and steady over consecutive windows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ivr.channels.leg import FRAME_BYTES
from ivr.channels.sip.media.g711 import ULAW_LINEAR, encode_ulaw

RATE = 8000
LOW = (697, 770, 852, 941)
HIGH = (1209, 1336, 1477, 1633)
KEYS = ("123A", "456B", "789C", "*0#D")
WINDOW, HOP = 205, 80
_KEEP = WINDOW + HOP - FRAME_BYTES
"""Samples of earlier frames that the windows of the newest frame reach back to."""

_FLOOR = 10 ** (-45 / 20) * 32768
"""Weakest tone pair that counts, as the amplitude of its sum."""
_SHARE = 0.70
"""Least part of a window's energy that must lie in the two tones; speech has harmonics elsewhere."""
_ALONE = 6.0
"""How many times stronger than the next tone of its group each of the two must be."""
_TWIST_HIGH_STRONGER, _TWIST_LOW_STRONGER = 10 ** (8 / 10), 10 ** (8 / 10)
_HITS = 3
"""Consecutive windows that must agree: about 40 ms of tone."""
_MISSES = 2
"""Consecutive windows without the tone after which the same key counts again."""
_LOSS_GRACE = 4
"""Windows that may miss after a lost frame: the tone's phase jumps there, which is no new key."""

_OFF = (0.988, 1.0, 1.012)
"""Each frequency is probed at these factors: Q.24 allows a sender 1.5 % either way, a window resolves 2.4 %."""

_probes = np.outer(LOW + HIGH, _OFF).ravel()
_phase = 2 * np.pi * np.outer(np.arange(WINDOW), _probes) / RATE
_BASIS: NDArray[np.float32] = np.concatenate([np.cos(_phase), np.sin(_phase)], axis=1).astype(np.float32)
_LINEAR = ULAW_LINEAR.astype(np.float32)
_DIGIT = "".join(KEYS)
_NONE = -1


class ToneDetector:
    """Detects keys in the audio of many calls. A call has a row from `add()` until `remove()`."""

    def __init__(self) -> None:
        self._history: NDArray[np.float32] = np.zeros((0, _KEEP), np.float32)
        self._state: NDArray[np.int32] = np.zeros((4, 0), np.int32)
        self._free: list[int] = []
        self._frames: list[bytes] = []
        self._rows: list[int] = []
        self._queued: set[int] = set()
        self._later: list[tuple[int, bytes]] = []
        self._grow(16)

    def _grow(self, size: int) -> None:
        old = len(self._history)
        history = np.zeros((size, _KEEP), np.float32)
        state = np.zeros((4, size), np.int32)
        state[0], state[1] = _NONE, _NONE
        history[:old], state[:, :old] = self._history, self._state
        self._history, self._state = history, state
        self._free.extend(range(size - 1, old - 1, -1))

    def add(self) -> int:
        """A row for a new call."""
        if not self._free:
            self._grow(2 * len(self._history))
        row = self._free.pop()
        self._history[row] = 0
        self._state[:, row] = (_NONE, _NONE, 0, 0)
        return row

    def remove(self, row: int) -> None:
        """The call is over; what it had queued is forgotten."""
        keep = [index for index, queued in enumerate(self._rows) if queued != row]
        self._rows, self._frames = [self._rows[i] for i in keep], [self._frames[i] for i in keep]
        self._later = [entry for entry in self._later if entry[0] != row]
        self._queued.discard(row)
        self._free.append(row)

    def push(self, row: int, frame: bytes) -> None:
        """Queue 20 ms of mu-law of one call for the next `run()`."""
        if row in self._queued:
            self._later.append((row, frame))
            return
        self._queued.add(row)
        self._rows.append(row)
        self._frames.append(frame)

    def lost(self, row: int) -> None:
        """A frame of this call is missing before the next one that is pushed."""
        self._state[3, row] = -_LOSS_GRACE

    def sounding(self, row: int) -> bool:
        """Whether a key is being pressed in this call right now."""
        return bool(self._state[0, row] != _NONE)

    def run(self) -> Sequence[tuple[int, str]]:
        """Examine everything that was pushed; the rows in which a key was newly pressed, with the key."""
        found: list[tuple[int, str]] = []
        while self._rows:
            found += self._examine()
        return found

    def _examine(self) -> list[tuple[int, str]]:
        rows = np.array(self._rows)
        coded = np.frombuffer(b"".join(self._frames), np.uint8).reshape(-1, FRAME_BYTES)
        audio = np.concatenate([self._history[rows], _LINEAR[coded]], axis=1)
        self._history[rows] = audio[:, -_KEEP:]
        later, self._later = self._later, []
        self._rows, self._frames, self._queued = [], [], set()
        for row, frame in later:
            self.push(row, frame)
        found: list[tuple[int, str]] = []
        for start in range(0, FRAME_BYTES, HOP):
            found += self._follow(rows, _keys(audio[:, start : start + WINDOW]))
        return found

    def _follow(self, rows: NDArray[np.intp], keys: NDArray[np.int32]) -> list[tuple[int, str]]:
        """Advance every call's state (key that is on, candidate, hits of it, misses) by one window."""
        on, candidate, hits, misses = self._state[:, rows]
        hits = np.where(keys == _NONE, 0, np.where(keys == candidate, hits + 1, 1))
        misses = np.where((on != _NONE) & (keys == on), np.minimum(misses + 1, 0), misses + 1)
        on = np.where((on != _NONE) & (misses >= _MISSES), _NONE, on)
        pressed = (hits >= _HITS) & (keys != on)
        on = np.where(pressed, keys, on)
        misses = np.where(pressed, 0, misses)
        self._state[:, rows] = (on, keys, hits, misses)
        return [(int(rows[index]), _DIGIT[keys[index]]) for index in np.flatnonzero(pressed)]


def _keys(windows: NDArray[np.float32]) -> NDArray[np.int32]:
    """The key (an index into the pad) that sounds in each window, or -1."""
    sums = windows @ _BASIS
    probed = sums[:, : len(_probes)] ** 2 + sums[:, len(_probes) :] ** 2
    power = probed.reshape(len(windows), 8, len(_OFF)).max(axis=2)
    total = np.einsum("ij,ij->i", windows, windows)
    index = np.arange(len(windows))
    strongest = []
    fits = np.ones(len(windows), bool)
    for group in (power[:, :4], power[:, 4:]):
        best = group.argmax(axis=1)
        peak = group[index, best]
        rest = group.copy()
        rest[index, best] = 0
        fits &= peak > _ALONE * rest.max(axis=1)
        strongest.append((best, peak))
    (row, low), (column, high) = strongest
    # a pure tone's power sum is amplitude^2 * N^2/4 and its energy amplitude^2 * N/2
    fits &= (low + high) * (2 / WINDOW) > _SHARE * total
    fits &= (low + high) * (4 / WINDOW**2) > _FLOOR**2
    fits &= (high < low * _TWIST_HIGH_STRONGER) & (low < high * _TWIST_LOW_STRONGER)
    return np.where(fits, row * 4 + column, _NONE).astype(np.int32)


def tone(digit: str, samples: int, *, level: float = -10.0) -> NDArray[np.int16]:
    """The tone pair of a key as 16-bit samples; `level` of each tone in dB below full scale."""
    row = next(index for index, keys in enumerate(KEYS) if digit in keys)
    frequencies = (LOW[row], HIGH[KEYS[row].index(digit)])
    time = np.arange(samples) / RATE
    amplitude = 32767 * 10 ** (level / 20)
    pair: NDArray[np.int16] = (amplitude * np.sin(2 * np.pi * np.outer(frequencies, time)).sum(axis=0)).astype("i2")
    return pair


def tone_frames(digit: str, count: int) -> list[bytes]:
    """The tone of a key as so many mu-law frames of 20 ms."""
    coded = encode_ulaw(tone(digit, count * FRAME_BYTES))
    return [coded[at : at + FRAME_BYTES] for at in range(0, len(coded), FRAME_BYTES)]
