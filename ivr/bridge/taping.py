"""The recording of one conversation: its files, and what registers them when they are complete."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path

import structlog

from ivr.bridge.facts import Facts
from ivr.bridge.parts import Offer, Recording
from ivr.channels.leg import BridgeLeg, RecordingEnded

log = structlog.get_logger("callwright.bridge")

FILE_SECONDS = 5.0
"""How long the end of a recording is waited for."""


class Taping:
    """`recording` is the queue's manner, None where nothing is recorded; `offer` gives the one that holds now."""

    def __init__(self, leg: BridgeLeg, recording: Recording | None, facts: Facts, offer: Callable[[], Offer]) -> None:
        self._leg, self._recording, self._facts, self._offer = leg, recording, facts, offer
        self._files: set[Path] = set()
        self._keeping: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()
        """Set whenever a recording is done with."""
        self.ids: list[str] = []
        """Of what was registered."""
        self._wanted = ""
        """What was ordered last, "" before the beginning and after the end."""

    async def do(self, what: str) -> None:
        """start, pause, resume or stop."""
        self._wanted = "" if what == "stop" else what
        if what == "start" and self._recording is not None:
            await asyncio.to_thread(self._recording.folder.mkdir, parents=True, exist_ok=True)
            self._begin()
        elif what in ("pause", "resume"):
            self._leg.pause_recording(what == "pause")
        elif what == "stop":
            self._leg.stop_recording()

    def _begin(self) -> None:
        assert self._recording is not None
        path = self._recording.folder / f"{uuid.uuid4().hex}.wav"
        self._files.add(path)
        self._leg.record_both(path, max_seconds=self._recording.max_seconds)

    def ended(self, event: RecordingEnded) -> None:
        """A file is complete; one of somebody else's is left alone."""
        if event.path in self._files:
            keeping = asyncio.ensure_future(self._keep(event))
            self._keeping.add(keeping)
            keeping.add_done_callback(self._keeping.discard)
            if event.reason == "lost" and self._wanted:
                self._go_on()

    def _go_on(self) -> None:
        """Who recorded has died and was replaced: the next file begins now, what lies between is lost."""
        log.warning("a recording goes on in another file", contact=self._offer().contact_id)
        self._begin()
        if self._wanted == "pause":
            self._leg.pause_recording(True)

    async def _keep(self, event: RecordingEnded) -> None:
        offer = self._offer()
        if event.reason == "error":
            log.error("a recording failed", contact=offer.contact_id, path=str(event.path))
        elif id := await self._facts.keep(event.path, event.seconds, offer):
            self.ids.append(id)
            self._facts.journal("call.recorded", offer, {"recording": id, "seconds": event.seconds})
        self._files.discard(event.path)
        self._closed.set()

    async def closed(self) -> None:
        """Wait until the files are complete and registered, at most `FILE_SECONDS`."""
        try:
            async with asyncio.timeout(FILE_SECONDS):
                while self._files:
                    self._closed.clear()
                    await self._closed.wait()
        except TimeoutError:
            log.error("a recording did not end", contact=self._offer().contact_id)

    async def close(self) -> None:
        """Nothing more is waited for."""
        keeping = list(self._keeping)
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)
