"""`Stream`: one call's audio, as the signalling process sees it."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ivr.channels.leg import Clip, LegEvent, PlayEnded, RecordingEnded
from ivr.channels.sip.crypto import Keys
from ivr.channels.sip.media.wav import seconds_of

if TYPE_CHECKING:
    from ivr.channels.sip.media.client import Media

log = logging.getLogger(__name__)


class Stream:
    """One call's audio. Commands on a stream that is closed, or whose process is gone for good, do nothing.

    It remembers what stands (where the peer is, what is played and heard), for the process that takes the place of one
    that died.
    """

    def __init__(self, media: Media, number: int, port: int, on_event: Callable[[LegEvent], None]) -> None:
        self.port = port
        self.ended = asyncio.Event()
        """Set once the stream is closed and every event of it has been given."""
        self._media, self.number = media, number
        self._on_event = on_event
        self.on_quiet: Callable[[], None] = lambda: None
        """Called when nothing has come from the peer of a stream that hears others for `QUIET` seconds."""
        self._on_frames: Callable[[bytes], None] | None = None
        self._plays = itertools.count(1)
        self._closed = False
        self._standing: dict[str, tuple[object, ...]] = {}
        self._playing: tuple[int, list[Clip], bool] | None = None
        self._recording: tuple[str, tuple[object, ...]] | None = None

    @property
    def closing(self) -> bool:
        """Nothing more is asked of it; the process may have something to tell."""
        return self._closed

    def connect(
        self,
        remote: tuple[str, int],
        *,
        codec: Literal["PCMU", "PCMA"],
        event_type: int | None,
        send: bool = True,
        receive: bool = True,
        learn: bool | None = None,
        keys: Keys | None = None,
        mux: bool = False,
    ) -> None:
        """Take what offer and answer agreed on; again after every new one.

        `remote` is the peer's numeric address for RTP; `event_type` the payload type of telephone-event, None where
        it was not agreed: keys are then looked for as tones in the audio. Packets are taken from `remote`'s address,
        and from another one only where `learn` says so (None: where `remote` is a private address, that is, the
        peer may be behind NAT). Sending starts at `remote` and follows to where packets come from. With `keys` all is
        SRTP and SRTCP, and what isn't is dropped; with `mux` RTCP goes over RTP's port.
        """
        if codec not in ("PCMU", "PCMA"):
            raise ValueError(f"unknown codec {codec!r}: PCMU or PCMA")
        host, port = remote
        sealed = None if keys is None else (keys.suite, keys.ours, keys.theirs)
        self._stand("connect", host, port, codec, event_type, send, receive, learn, sealed, mux)

    def play(self, clips: Sequence[Clip], *, loop: bool = False) -> int:
        """Play clips back to back in place of what is playing; returns the play's number for `PlayEnded`."""
        number = next(self._plays)
        self._play(number, list(clips), loop)
        return number

    def _play(self, number: int, clips: list[Clip], loop: bool) -> None:
        if not self._closed:
            self._playing = number, clips, loop
            for clip in clips:
                self._media.load(clip, keep=[other.key for other in clips])
            self._command("play", number, [clip.key for clip in clips], loop)

    def stop(self) -> None:
        self._playing = None
        self._command("stop")

    def record(
        self, path: str | Path, *, max_seconds: float, finish_on: str = "", silence_seconds: float | None = None
    ) -> None:
        """Record what is received to a WAV file, as `CallLeg.record` says."""
        self._record("record", str(path), float(max_seconds), finish_on, silence_seconds)

    def record_both(self, path: str | Path, *, max_seconds: float) -> None:
        """Record what is received left and what is sent right, as `CallLeg.record_both` says."""
        self._record("record_both", str(path), float(max_seconds))

    def _record(self, how: str, *arguments: object) -> None:
        self._recording = how, arguments
        self._command(how, *arguments)

    def stop_recording(self) -> None:
        self._command("stop_recording")

    def pause_recording(self, paused: bool) -> None:
        self._command("pause_recording", bool(paused))

    def digit(self, digit: str) -> None:
        """A key that signalling learned of (SIP INFO): it ends a recording as any other; no event comes of it."""
        self._command("digit", digit)

    def send_digits(self, digits: str) -> None:
        """Send keys to the peer: as events, or as tones where it takes no events."""
        self._command("send_digits", digits)

    def listen(self, on_frames: Callable[[bytes], None] | None) -> None:
        """Give received audio to `on_frames`, in order and without gaps: one or more 20 ms frames of mu-law."""
        self._on_frames = on_frames
        self._stand("listen", on_frames is not None)

    def hear(self, talkers: Iterable[Stream], *, digits: bool = True) -> None:
        """Send this stream's peer what the peers of `talkers` say, and no longer what it heard before. Plays go first.
        `digits`: send it their keys as well. Streams of other media processes can't be heard and are left out."""
        numbers = [talker.number for talker in talkers if talker._media is self._media]
        self._stand("hear", numbers, bool(digits))

    def close(self) -> None:
        """End the stream. A recording ends with it; `ended` is set after its `RecordingEnded`."""
        if not self._closed:
            self._command("close")
            self._closed = True
            self._on_frames = None

    def _stand(self, name: str, *arguments: object) -> None:
        self._standing[name] = arguments
        self._command(name, *arguments)

    def again(self) -> None:
        """Tell a process that has just opened this stream what stands. What was being played begins anew."""
        for name, arguments in self._standing.items():
            self._command(name, *arguments)
        if self._playing is not None:
            self._play(*self._playing)
        self._cut_recording()

    def _cut_recording(self) -> None:
        """A recording ends with the process that made it; its file holds what came before. One that has just begun
        begins again."""
        if self._recording is None:
            return
        how, arguments = self._recording
        path = Path(str(arguments[0]))
        seconds = seconds_of(path)
        if seconds or self._closed:
            self._event(RecordingEnded(path, seconds, "lost" if how == "record_both" else "stopped"))
        else:
            self._command(how, *arguments)

    def _command(self, name: str, *arguments: object) -> None:
        if not self._closed:
            self._media._send((name, self.number, *arguments))

    def lost(self) -> None:
        """It was closed while there was no process."""
        self._cut_recording()
        self._over()

    def _over(self) -> None:
        """Nothing more comes: those who were told are let go, so that no cycle is left for the collector."""
        self._closed, self._playing = True, None
        self._standing.clear()
        self._on_event, self.on_quiet, self._on_frames = _nobody, lambda: None, None
        self.ended.set()

    def _event(self, event: LegEvent) -> None:
        if isinstance(event, RecordingEnded):
            self._recording = None
        elif isinstance(event, PlayEnded) and self._playing and self._playing[0] == event.play:
            self._playing = None
        if self._closed and not isinstance(event, RecordingEnded):
            return
        try:
            self._on_event(event)
        except Exception:
            log.exception("media event handler failed")

    def _frames(self, frames: bytes) -> None:
        if self._on_frames is not None:
            try:
                self._on_frames(frames)
            except Exception:
                log.exception("media listener failed")


def _nobody(_: LegEvent) -> None:
    """Who wants to hear of a stream that is over."""
