"""The caller's line: one leg's events one by one, the clock, and the keys that came ahead of the next question."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ivr.channels.leg import CallLeg, Clip, Digit, HungUp, LegEvent, PlayEnded
from ivr.flow import collect
from ivr.flow.collect import Collector


class Gone(Exception):
    """The caller hung up."""


class Line:
    """`keys` is the collector's state; keys pressed while nothing is asked wait in it."""

    def __init__(self, leg: CallLeg) -> None:
        self.leg = leg
        self.keys = Collector()

    @staticmethod
    def now() -> float:
        """Seconds on the clock of deadlines and of `Digit.at`."""
        return asyncio.get_running_loop().time()

    async def event(self, deadline: float | None = None, until: asyncio.Future[Any] | None = None) -> LegEvent | None:
        """The leg's next event; `None` at the deadline or when `until` is done. Raises `Gone`."""
        event = await (self._until(until, deadline) if until else self._next(deadline))
        if isinstance(event, HungUp):
            raise Gone
        return event

    async def _next(self, deadline: float | None) -> LegEvent | None:
        try:
            async with asyncio.timeout_at(deadline):
                return await self.leg.next_event()
        except TimeoutError:
            return None

    async def _until(self, until: asyncio.Future[Any], deadline: float | None) -> LegEvent | None:
        waiting = asyncio.ensure_future(self.leg.next_event())
        timeout = None if deadline is None else max(0.0, deadline - self.now())
        try:
            await asyncio.wait({waiting, until}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not waiting.done():
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        return None if waiting.cancelled() else waiting.result()

    def press(self, digit: Digit) -> str | None:
        """Take a key; gives the answer that it completes, if a question is open."""
        self.keys, answer = collect.press(self.keys, digit.digit, digit.at or self.now())
        return answer

    async def play(self, clips: Sequence[Clip], *, interruptible: bool) -> None:
        """Play to the end, or until a key where that is wanted; keys are kept for the next question."""
        if not clips:
            return
        play = self.leg.play(clips)
        while True:
            event = await self.event()
            if isinstance(event, PlayEnded) and event.play == play:
                return
            if isinstance(event, Digit):
                self.press(event)
                if interruptible and self.keys.ahead:
                    self.leg.stop()
                    return

    async def sleep(self, seconds: float) -> None:
        """Let time pass; keys are kept."""
        ends = self.now() + seconds
        while self.now() < ends:
            event = await self.event(ends)
            if isinstance(event, Digit):
                self.press(event)
