"""What a leg tells the application: its events in order, and its end last, after the end of a recording."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ivr.channels.leg import HungUp, LegEvent, LegOver, RecordingEnded
from ivr.channels.sip.clock import Clock, Handle

_RECORDING_GRACE = 2.0
"""Seconds that the media process has to close the file of a recording that a hang-up ended."""


class Events:
    """Of the leg with this id; `recordings` are its own, whose end has not been told yet."""

    def __init__(self, leg: str, clock: Clock, recordings: set[Path]) -> None:
        self._leg, self._clock, self._recordings = leg, clock, recordings
        self._queue: asyncio.Queue[LegEvent] = asyncio.Queue()
        self._end: HungUp | None = None
        self._grace: Handle | None = None
        self._told = self._drained = False

    async def next(self) -> LegEvent:
        """Waits for it. Raises `LegOver` once the end has been given."""
        if self._drained:
            raise LegOver(self._leg)
        event = await self._queue.get()
        self._drained = isinstance(event, HungUp)
        return event

    def tell(self, event: LegEvent) -> None:
        """While the leg is up, or a recording's end is waited for."""
        if self._end is None or self._recordings:
            self._queue.put_nowait(event)
        if isinstance(event, RecordingEnded):
            self._recordings.discard(event.path)
            if self._end is not None and not self._recordings:
                self._tell_end()

    def end(self, how: HungUp) -> None:
        """The leg is over."""
        self._end = how
        if self._recordings:
            self._grace = self._clock.call_later(_RECORDING_GRACE, self._tell_end)
        else:
            self._tell_end()

    def _tell_end(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
        self._recordings.clear()
        if self._end is not None and not self._told:
            self._told = True
            self._queue.put_nowait(self._end)
