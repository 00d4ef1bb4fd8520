"""A message being recorded in a simulated call: it ends by a key, by silence, or at its full length."""

from __future__ import annotations

from ivr.flow.effects import Record
from ivr.flow.inputs import Recorded


class Recorder:
    """`effect` is what the flow wants recorded, None while it wants nothing. Times are seconds of the call."""

    def __init__(self) -> None:
        self.effect: Record | None = None
        self.due: float | None = None
        """When it ends by silence."""
        self._seconds = 0.0

    def begin(self, effect: Record) -> None:
        self.effect, self._seconds = effect, 0.0

    def listen(self, now: float) -> None:
        """The tone is over: silence counts from here on."""
        if self.effect is not None and self.due is None:
            self.due = now + self.effect.silence_seconds

    def take(self, seconds: float, now: float) -> float:
        """Take so many seconds of speech; when they are over."""
        assert self.effect is not None
        self._seconds += seconds
        over = now + self._seconds
        self.due = over + self.effect.silence_seconds
        return over

    @property
    def full(self) -> bool:
        return self.effect is not None and self._seconds >= self.effect.max_seconds

    def end(self) -> Recorded:
        seconds, self._seconds = self._seconds, 0.0
        self.effect = self.due = None
        return Recorded("rehearsal.wav" if seconds else "", seconds)
