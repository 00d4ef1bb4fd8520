"""What a waiting caller says: heard by the call's own ear, as an answer to a question is, while the choices are told
and for some seconds of the music after them.

Not all the time: somebody who waits talks to others in the room, and each of their sentences would take a recogniser's
time from callers who were asked something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ivr.channels.leg import Clip
from ivr.channels.voice.ear import Ear, Pondering, SpeechBegan, Trouble, Understood, words
from ivr.channels.voice.line import Line
from ivr.flow.effects import Collect
from ivr.flow.inputs import Words

RATE = 8000
SLACK = 1.0
"""Seconds of music beyond the end of listening whose echo is known."""


class Overheard:
    """One announcement. `music` is asked for when the caller has said nothing that is meant for us; `wake` is set when
    there is something to `take`. Does nothing without an `ear`, where nobody is to listen, or no recogniser is up."""

    def __init__(self, line: Line, ear: Ear | None, ask: Collect | None, wake: asyncio.Event) -> None:
        self._line, self._wake = line, wake
        self._ear = ear if ask is not None else None
        self._ask = ask
        self._open = False
        self.until: float | None = None
        """When to stop listening, on the line's clock; `None` while it isn't known, or not to be."""
        self.speaking = False
        """Whether the caller has begun to say something, and it isn't understood yet."""

    def plays(self, clips: Sequence[Clip], *, music: bool) -> None:
        """Our audio begins, from now on in a loop if it is `music`: what comes back of it is no caller."""
        if self._ear is None or self._ask is None:
            return
        if music and self.until is None:
            self.until = self._line.now() + self._ask.first_timeout
        sound = self._looped(clips) if music else list(clips)
        if self._open:
            self._ear.plays(sound)
            return
        self._open = self._ear.open(self._ask, sound)
        if not self._open:
            self.close()
            return
        self._next()

    def _looped(self, clips: Sequence[Clip]) -> list[Clip]:
        """As much of the music as will play while we listen."""
        assert self.until is not None
        once = b"".join(clip.ulaw for clip in clips)
        needed = round((max(0.0, self.until - self._line.now()) + SLACK) * RATE)
        return [Clip("looped", (once * (needed // max(1, len(once)) + 1))[:needed])] if once else []

    def take(self, music: Callable[[], None]) -> Words | None:
        """What the caller has said to us, if anything; sees to what is to be heard meanwhile."""
        while self._ear is not None and (event := self._ear.take()) is not None:
            match event:
                case SpeechBegan():
                    self.speaking = True
                    self._line.leg.stop()
                    self._ear.prompt_ended()
                case Pondering():
                    music()
                case Understood(heard) if heard.matched and heard.text:
                    assert self._ask is not None
                    return words(event, self._ask)
                case Understood():
                    self._go_on(music)
                    continue
                case Trouble():
                    assert self._ask is not None
                    words(event, self._ask)  # counts it
                    self.close()
                    music()
                    return None
            self._next()
        return None

    def _go_on(self, music: Callable[[], None]) -> None:
        """It was nothing: wait for more, as long as there is time."""
        assert self._ear is not None
        assert self._ask is not None
        self.speaking = False
        self.until = self.until or self._line.now() + self._ask.first_timeout
        if self._line.now() >= self.until:
            self.close()
        else:
            self._ear.again(self._ask)
            self._next()
        music()

    def _next(self) -> None:
        assert self._ear is not None
        self._ear.next.add_done_callback(lambda _: self._wake.set())

    def over(self) -> None:
        """Stop listening if it is time."""
        if self.until is not None and not self.speaking and self._line.now() >= self.until:
            self.close()

    def close(self) -> None:
        """Listen no more. May be said twice."""
        if self._open and self._ear is not None:
            self._ear.close()
        self._ear, self._open, self.until, self.speaking = None, False, None, False
