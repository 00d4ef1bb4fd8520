"""Whether the caller speaks while we do: the decision to stop our own audio.

What arrives then may be the caller, or our own voice come back 20 to 30 dB lower, a cough, a room full of others. A
plain voice detector stops for all of them. Here a frame counts when it is voiced with a pitch, stands above the line's
running level, and is no echo: neither as loud as an echo could be nor the same waveform as what we played shortly
before. Two such frames stop the prompt; a pitch shows in 60 ms of sound. An s at a
word's beginning has none, and over a telephone it is as weak and dull as the breath of a cough: such words wait for
their vowel.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ivr.speech import pcm
from ivr.speech.endpoint import FRAME_BYTES, FRAME_SECONDS
from ivr.speech.pitch import pitched

Floats = NDArray[np.float32]

ENOUGH = 2.0
"""Evidence that stops the prompt: so many frames with a pitch, or twice as many voiced ones, some of them with one."""
PITCHED, VOICED, NOTHING = 1.0, 0.5, -0.5
LEAST_PITCHED = 2
ABOVE_LEVEL_DB = 12.0
ABOVE_ECHO_DB = 3.0
FIRST_ECHO_DB = -17.0
"""How far below our voice an echo is taken to be until this line's has been learned."""
LOUDEST_ECHO_DB = -12.0
ECHO_FRAMES = 30
ECHO_LAG_SECONDS = 0.6
"""The longest way out and back that is looked at."""
SAME_WAVEFORM = 0.7
WINDOW_SAMPLES = 1280  # 160 ms to compare with what was played
SILENCE_DB = -55.0


@dataclass(frozen=True, slots=True)
class Weighed:
    """What one frame was taken for; for tests and benches."""

    evidence: float
    level: float
    pitched: bool
    echo: bool


class BargeIn:
    """One per call. Call `playing` when a prompt begins and `stopped` when it ends, and give every frame to `hear`;
    frames between prompts teach it the line's level."""

    def __init__(self) -> None:
        self._played: Floats = np.zeros(0, dtype=np.float32)
        self._played_db: Floats = np.zeros(0, dtype=np.float32)
        self._place = 0  # frames of the prompt that are out
        self._heard: deque[Floats] = deque(maxlen=WINDOW_SAMPLES // FRAME_BYTES)
        self._levels: deque[float] = deque(maxlen=150)
        self._echoes = deque([FIRST_ECHO_DB] * ECHO_FRAMES, maxlen=ECHO_FRAMES)
        self._evidence = 0.0
        self._pitched = 0
        self._since = 0
        self._active = False

    @property
    def suspected(self) -> int:
        """For how many frames something has spoken for the caller, though not enough yet."""
        return self._since

    def playing(self, mulaw: bytes) -> None:
        """A prompt begins; `mulaw` is all of it (8 kHz)."""
        whole = mulaw + b"\xff" * (-len(mulaw) % FRAME_BYTES)
        self._played = _pcm(whole)
        self._played_db = _db(self._played.reshape(-1, FRAME_BYTES))
        self._place, self._evidence, self._pitched, self._since = 0, 0.0, 0, 0
        self._active = True

    def stopped(self) -> None:
        self._active, self._since = False, 0

    def hear(self, frame: bytes, voiced: bool) -> bool:
        """Take a 20 ms frame of mu-law, and whether the voice detector takes it for speech. Whether the caller now
        speaks over the prompt; true once for each prompt."""
        return self.weigh(frame, voiced).evidence >= ENOUGH and self._decide()

    def weigh(self, frame: bytes, voiced: bool) -> Weighed:
        samples = _pcm(frame)
        level = float(_db(samples[None])[0])
        self._heard.append(samples)
        if not self._active:
            self._levels.append(level)
            return Weighed(0.0, level, False, False)
        self._place += 1
        echo_level = self._echo_level()
        loud = level > self._running() + ABOVE_LEVEL_DB and level > SILENCE_DB
        echo = level < echo_level + max(self._echoes) + ABOVE_ECHO_DB
        has_pitch = voiced and loud and self._periodic()
        if voiced and loud and not echo and self._same_as_played():
            echo = True
        if echo or not voiced:
            self._learn_echo(level - echo_level, echo_level)
        if not voiced:
            self._levels.append(level)
        if voiced and loud and not echo:
            self._evidence += PITCHED if has_pitch else VOICED
            self._pitched += has_pitch
        else:
            self._evidence = max(0.0, self._evidence + NOTHING)
            if not self._evidence:
                self._pitched = 0
        if self._pitched < LEAST_PITCHED:
            self._evidence = min(self._evidence, ENOUGH - PITCHED)
        self._since = self._since + 1 if self._evidence else 0
        return Weighed(self._evidence, level, has_pitch, echo)

    def _decide(self) -> bool:
        self._active = False
        return True

    # What the line is like

    def _running(self) -> float:
        """The level that the line has without the caller: a third of the last three seconds' frames are below it, since
        nobody speaks without pauses."""
        return float(np.percentile(self._levels, 33)) if len(self._levels) >= 5 else -60.0

    def _echo_level(self) -> float:
        """The loudest of what we played that could be coming back now, in dB."""
        first = max(0, self._place - round(ECHO_LAG_SECONDS / FRAME_SECONDS))
        recent = self._played_db[first : self._place]
        return float(recent.max()) if len(recent) else -96.0

    def _learn_echo(self, ratio: float, echo_level: float) -> None:
        """From frames that are not the caller while we are heard: how much of us came back in the last 0.6 s."""
        if echo_level > -40 and ratio < LOUDEST_ECHO_DB:
            self._echoes.append(ratio)

    # What the frames are like

    def _periodic(self) -> bool:
        return bool(pitched(np.concatenate(list(self._heard)[-3:])[None])[0])

    def _same_as_played(self) -> bool:
        """Whether the last 160 ms are some 160 ms of what we played within the longest way back."""
        heard = np.concatenate(self._heard)
        reach = len(heard) + round(ECHO_LAG_SECONDS * 8000)
        end = self._place * FRAME_BYTES
        played = self._played[max(0, end - reach) : end]
        if len(played) < len(heard) or not len(heard):
            return False
        size = 1 << (len(played) + len(heard)).bit_length()
        cross = np.fft.irfft(np.fft.rfft(played, size) * np.conj(np.fft.rfft(heard, size)))[
            : len(played) - len(heard) + 1
        ]
        sums = np.concatenate([[0.0], np.cumsum(played.astype(np.float64) ** 2)])
        energy = sums[len(heard) :] - sums[: -len(heard)]
        norm = np.sqrt(np.maximum(energy[: len(cross)], 1e-9) * max(float((heard**2).sum()), 1e-9))
        return bool((np.abs(cross) / norm).max() > SAME_WAVEFORM)


def _pcm(mulaw: bytes) -> Floats:
    return pcm.from_pcm16(pcm.pcm16(mulaw))


def _db(frames: Floats) -> Floats:
    return np.asarray(10 * np.log10(np.maximum((frames**2).mean(axis=-1), 1e-10)), dtype=np.float32)
