"""When a caller begins and ends to speak.

`Endpoint` is a reducer over 20 ms frames: its time is the number of frames, so that the same audio always gives the
same events. Whether a frame holds speech is asked of WebRTC's voice activity detector in its strictest mode (3), which
on telephone audio finds a start after about 0.16 s and makes no false starts down to 10 dB of noise.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ivr.speech import pcm

FRAME_BYTES = 160
FRAME_SECONDS = 0.02
START_VOICED, START_WINDOW = 6, 10
"""Speech has begun when 120 ms of the last 200 are voiced."""
AGAIN_VOICED, AGAIN_WINDOW = 3, 5
"""A pause is over when 60 ms of the last 100 are voiced: a click does not make the caller wait."""
PREROLL_SECONDS = 0.5
"""Audio kept from before the start was noticed: the detector's 0.2 s, and the soft beginning of a word before that."""


NOTHING = b"\xff" * FRAME_BYTES
LONGEST_GAP = 25
"""Frames of nothing at all that don't count against a beginning: on a busy machine or network audio comes late, silence
takes its place meanwhile, and a "yes" that is torn so has too little speech in any 200 ms to be noticed."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. After `guess` of silence it is worth understanding what there is; `sure` of silence ends an answer that
    is whole beyond doubt, `enough` one that is complete, `missing` one of which more is expected; `longest` ends any.
    """

    guess: float
    sure: float
    enough: float
    missing: float
    longest: float


DIGIT_SECONDS = 0.16
"""Speech in the shortest digits, gaps left out."""
LATE_GUESS = 0.6
"""The silence after which it is worth understanding a number that seems to lack digits."""

PACES = {
    "yes_no": Pace(0.14, 0.24, 0.40, 0.60, 6.0),
    "menu": Pace(0.16, 0.30, 0.50, 0.70, 10.0),
    "name": Pace(0.18, 0.35, 0.55, 0.80, 8.0),
    "digits": Pace(0.20, 0.30, 0.45, 1.20, 30.0),
    "card": Pace(0.24, 0.45, 0.55, 1.60, 40.0),
    "number": Pace(0.20, 0.60, 0.60, 0.80, 12.0),
    "money": Pace(0.20, 0.60, 0.60, 0.80, 12.0),
    "date": Pace(0.20, 0.60, 0.60, 0.90, 12.0),
    "open": Pace(0.26, 0.70, 0.70, 0.90, 25.0),
}
"""By kind of answer; of silence as the caller makes it, without what the detector takes to notice. People pause longer
between the groups of a number than within a sentence."""


@dataclass(frozen=True, slots=True)
class Started:
    """The caller speaks. Give the recogniser `audio`, which begins before the first word, and every frame after."""

    audio: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Paused:
    """The caller fell silent, perhaps for good."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """The caller went on."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is over; by its `longest` where `cut`. `silence` is how long the caller has been silent, seconds."""

    silence: float
    cut: bool = False


EndpointEvent = Started | Paused | Resumed | Ended


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The state. `complete` says that what is understood so far is a whole answer, `sure` that this is beyond doubt
    (`understood`)."""

    pace: Pace
    complete: bool = True
    sure: bool = False
    speaking: bool = False
    paused: bool = False
    over: bool = False
    recent: tuple[bool, ...] = ()
    silent: int = 0
    spoken: int = 0
    """Frames since the start."""
    voiced: int = 0
    """Those of them with speech."""
    expected: int = 0
    """Frames with speech that a whole answer has at least: in a pause before that it is too early to understand."""
    preroll: bytes = field(default=b"", repr=False)
    gap: int = 0
    """Frames of nothing within what may be the beginning of speech."""

    @classmethod
    def of(
        cls,
        kind: str,
        *,
        complete: bool | None = None,
        end_silence: float = 0.0,
        longest: float = 0.0,
        at_least: int = 0,
    ) -> Endpoint:
        """For a kind of answer. Digits are taken for incomplete until somebody says otherwise. `end_silence` and
        `longest` are the question's own, seconds, 0 for the usual: of digits it is the silence while some are missing,
        of any other answer the silence that ends it, and who wants that longer than usual wants it of every answer.
        `at_least` counts the digits that are asked for."""
        pace, digits = PACES.get(kind, PACES["open"]), kind in ("digits", "card")
        if end_silence and digits:
            pace = replace(pace, missing=end_silence, enough=min(pace.enough, end_silence))
        elif end_silence:
            sure = end_silence if end_silence > pace.enough else pace.sure
            pace = replace(pace, sure=sure, enough=end_silence, missing=max(pace.missing, end_silence))
        guess, sure = min(pace.guess, pace.enough), min(pace.sure, pace.enough)
        pace = replace(pace, guess=guess, sure=sure, longest=longest or pace.longest)
        expected = round(at_least * DIGIT_SECONDS / FRAME_SECONDS) if digits else 0
        return cls(pace, not digits if complete is None else complete, expected=expected)

    def understood(self, complete: bool, sure: bool = False) -> Endpoint:
        """What is understood so far is, or is not, a whole answer."""
        return replace(self, complete=complete, sure=sure)

    def expecting(self, frames: int) -> Endpoint:
        """A whole answer has at least so many frames with speech."""
        return replace(self, expected=frames)

    def hear(self, frame: bytes, voiced: bool) -> tuple[Endpoint, EndpointEvent | None]:
        """Take a frame of mu-law (20 ms)."""
        if self.over:
            return self, None
        if not self.speaking and any(self.recent) and not voiced and frame == NOTHING and self.gap < LONGEST_GAP:
            return replace(self, gap=self.gap + 1), None
        recent = (*self.recent, voiced)[-START_WINDOW:]
        if not self.speaking:
            preroll = (self.preroll + frame)[-round(PREROLL_SECONDS / FRAME_SECONDS) * FRAME_BYTES :]
            state = replace(self, recent=recent, preroll=preroll, gap=self.gap if any(recent) else 0)
            return state.begin() if sum(recent) >= START_VOICED else (state, None)
        going_on = sum(recent[-AGAIN_WINDOW:]) >= AGAIN_VOICED
        silent = 0 if voiced and (going_on or not self.paused) else self.silent + 1
        state = replace(self, recent=recent, silent=silent, spoken=self.spoken + 1, voiced=self.voiced + voiced)
        silence = silent * FRAME_SECONDS
        if state.spoken * FRAME_SECONDS >= self.pace.longest:
            return replace(state, over=True), Ended(silence, cut=True)
        if self.paused and silent == 0:
            return replace(state, paused=False), Resumed()
        if silence >= self._enough():
            return replace(state, over=True), Ended(silence)
        if not self.paused and silence >= (self.pace.guess if self.voiced >= self.expected else LATE_GUESS):
            return replace(state, paused=True), Paused()
        return state, None

    def begin(self) -> tuple[Endpoint, Started]:
        """The caller speaks, as somebody else knows already; only before it has begun."""
        spoken, voiced = len(self.preroll) // FRAME_BYTES, sum(self.recent)
        return replace(self, speaking=True, preroll=b"", spoken=spoken, voiced=voiced), Started(self.preroll)

    def _enough(self) -> float:
        if not self.complete:
            return self.pace.missing
        return self.pace.sure if self.sure else self.pace.enough


Classify = Callable[[bytes], bool]
"""Whether a 20 ms frame of mu-law holds speech."""


QUIET_DB = 32.0
"""Speech has no frame that is so far below its loudest; the detector holds on for five frames after its end."""
FADE = 0.985
"""By so much a frame what is taken for loudest fades: 6 dB a second."""
ABOVE_NOISE_DB = 5.0
"""Speech is so much louder than the quietest tenth of the last `REMEMBERED` frames: nobody speaks without pauses, and
a line's noise has none. In noise of 10 dB the detector alone never lets go."""
REMEMBERED = 150
LEAST_REMEMBERED = 10


def webrtc() -> Classify:
    """WebRTC's detector, one for each call: it adapts to the line. What it takes for speech though it is as quiet as
    the line is without the caller, or far below the caller's voice, is none. Raises ImportError where it is not
    installed."""
    import webrtcvad

    detector: Any = webrtcvad.Vad(3)
    loudest = 0.0
    levels: deque[int] = deque()
    ordered: list[int] = []

    def speech(frame: bytes) -> bool:
        nonlocal loudest
        samples = pcm.pcm16(frame)
        level = pcm.rms(samples)
        loudest = max(level, FADE * loudest)
        if len(levels) == REMEMBERED:
            ordered.remove(levels.popleft())
        known = len(ordered) >= LEAST_REMEMBERED  # until the line is known nothing is speech; what is said is kept
        noise = ordered[len(ordered) // 10] if known else 0
        levels.append(level)
        insort(ordered, level)
        least = max(loudest * 10 ** (-QUIET_DB / 20), noise * 10 ** (ABOVE_NOISE_DB / 20))
        return bool(detector.is_speech(samples, pcm.RATE)) and known and level > least

    return speech
