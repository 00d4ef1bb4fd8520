"""A clock that moves when told to, and a media half that keeps what it was told."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from ivr.channels.leg import Clip, LegEvent, PlayEnded, RecordingEnded
from ivr.channels.sip.crypto import Keys
from ivr.channels.sip.media.client import Media
from ivr.channels.sip.media.remote import Stream


class FakeHandle:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """A `Clock` for state machines that are driven by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, FakeHandle, Callable[..., Any], tuple[Any, ...]]] = []
        self._order = itertools.count()

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> FakeHandle:
        handle = FakeHandle()
        heapq.heappush(self._due, (self.now + delay, next(self._order), handle, callback, args))
        return handle

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._due and self._due[0][0] <= end + 1e-9:
            self.now, _, handle, callback, args = heapq.heappop(self._due)
            if not handle.cancelled:
                callback(*args)
        self.now = end

    @property
    def waiting(self) -> int:
        return sum(not handle.cancelled for _, _, handle, _, _ in self._due)


class NoPort(Exception):
    pass


class FakeStream(Stream):
    def __init__(self, media: FakeMedia, number: int, on_event: Callable[[LegEvent], None]) -> None:
        super().__init__(media, number, 20_000 + 2 * number, on_event)
        self.media, self.on_event = media, on_event
        self.connections: list[tuple[tuple[str, int], str, int | None, bool, bool]] = []
        self.keys: Keys | None = None
        self.mux = False
        self.played: list[list[str]] = []
        self.digits = ""
        self.closed = False
        self._path: Path | None = None

    @property
    def last(self) -> tuple[tuple[str, int], str, int | None, bool, bool]:
        return self.connections[-1]

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
        assert not self.closed
        self.keys, self.mux = keys, mux
        self.connections.append((remote, codec, event_type, send, receive))

    def play(self, clips: Sequence[Clip], *, loop: bool = False) -> int:
        self.played.append([clip.key for clip in clips])
        return len(self.played)

    def stop(self) -> None:
        self.on_event(PlayEnded(len(self.played), "stopped"))

    def record(
        self, path: str | Path, *, max_seconds: float, finish_on: str = "", silence_seconds: float | None = None
    ) -> None:
        self._path = Path(path)

    def stop_recording(self) -> None:
        self._end_recording("stopped")

    def pause_recording(self, paused: bool) -> None:
        pass

    def digit(self, digit: str) -> None:
        self.digits += digit

    def send_digits(self, digits: str) -> None:
        pass

    def close(self) -> None:
        assert not self.closed, "closed twice"
        self.closed = True
        self._end_recording("hangup")
        self.media.streams.remove(self)

    def _end_recording(self, reason: Literal["stopped", "hangup"]) -> None:
        if self._path:
            path, self._path = self._path, None
            self.on_event(RecordingEnded(path, 1.0, reason))


class FakeMedia(Media):
    """`streams` are the open ones."""

    def __init__(self, ports: int = 10_000) -> None:
        super().__init__("127.0.0.1", None, None, 0, 0.0)
        self.streams: list[FakeStream] = []
        self.free = ports
        self.opened = 0
        self.opening: Callable[[], Any] | None = None

    async def open(self, on_event: Callable[[LegEvent], None]) -> FakeStream:
        if self.opening:
            await self.opening()
        if len(self.streams) >= self.free:
            raise NoPort("no port is free")
        self.opened += 1
        stream = FakeStream(self, self.opened, on_event)
        self.streams.append(stream)
        return stream

    async def close(self) -> None:
        pass
