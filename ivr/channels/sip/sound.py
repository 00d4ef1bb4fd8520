"""The sound of a leg: what is played, heard, recorded; and whether a peer without sound is still there."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ivr.channels.leg import BridgeLeg, Clip
from ivr.channels.sip.clock import Handle

if TYPE_CHECKING:
    from ivr.channels.sip.leg import SipLeg
    from ivr.channels.sip.media.client import Stream
    from ivr.channels.sip.message import Response

PROBE_SECONDS = 5.0
"""How long a peer whose sound stopped in a conversation has to answer an OPTIONS before it is taken for gone."""


class Sound:
    """The commands of `CallLeg` and `BridgeLeg` that the media process carries out while the call is up."""

    stream: Stream | None
    up: bool
    recordings: set[Path]
    """Those whose end has not been told yet."""

    def play(self, clips: Sequence[Clip], *, loop: bool = False) -> int:
        return self.stream.play(clips, loop=loop) if self.stream and self.up else 0

    def stop(self) -> None:
        if self.stream and self.up:
            self.stream.stop()

    def record(
        self, path: Path, *, max_seconds: float, finish_on: str = "", silence_seconds: float | None = None
    ) -> None:
        if self.stream and self.up:
            self.recordings.add(path)
            self.stream.record(path, max_seconds=max_seconds, finish_on=finish_on, silence_seconds=silence_seconds)

    def record_both(self, path: Path, *, max_seconds: float) -> None:
        if self.stream and self.up:
            self.recordings.add(path)
            self.stream.record_both(path, max_seconds=max_seconds)

    def stop_recording(self) -> None:
        if self.stream and self.up:
            self.stream.stop_recording()

    def pause_recording(self, paused: bool) -> None:
        if self.stream and self.recordings:
            self.stream.pause_recording(paused)

    def hear(self, others: Iterable[BridgeLeg], *, digits: bool = True) -> None:
        if self.stream and self.up:
            heard = [other.stream for other in others if isinstance(other, Sound) and other.stream and other.up]
            self.stream.hear(heard, digits=digits)

    def listen(self, on_frames: Callable[[bytes], None] | None) -> None:
        if self.stream:
            self.stream.listen(on_frames)

    def send_digits(self, digits: str) -> None:
        """Press keys towards the peer (RFC 4733)."""
        if self.stream and self.up:
            self.stream.send_digits(digits)


class Probe:
    """Asks a bridged peer that sends neither sound nor reports whether it is there (OPTIONS within the dialog)."""

    def __init__(self, leg: SipLeg) -> None:
        self._leg: SipLeg = weakref.proxy(leg)  # who owns this: no cycle is left for the collector
        self._limit: Handle | None = None

    def begin(self) -> None:
        leg = self._leg
        if self._limit is not None or not leg.up or leg.dialog is None:
            return
        self._limit = leg.endpoint.clock.call_later(PROBE_SECONDS, leg.endpoint.guarded, self._gone)
        leg.send(leg.request("OPTIONS"), self._answered, lambda why: self._gone())

    def stop(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None

    def _answered(self, response: Response) -> None:
        self.stop()

    def _gone(self) -> None:
        self.stop()
        self._leg.fail("no sound and no answer")
