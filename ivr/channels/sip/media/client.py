"""The signalling process's side of the media process: `Media`, and one `Stream` per call leg.

Commands are written to a socket and never wait; events come back through each stream's callback, in order.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, cast

from ivr.channels.leg import Clip, Digit, LegEvent, PlayEnded, RecordingEnded
from ivr.channels.sip.media.ports import NoPortFree
from ivr.channels.sip.media.protocol import PART, Message, Unpacker, pack

log = logging.getLogger(__name__)

CACHE_BYTES = 128_000_000
"""Audio of clips that the media process keeps (4.4 hours); the clips used longest ago go first."""
_CLOSE_SECONDS = 5.0


class MediaDied(ConnectionError):
    """The media process is gone: every stream of it is over."""


class Stream:
    """One call's audio. Commands on a stream that is closed, or whose process died, do nothing."""

    def __init__(self, media: Media, number: int, port: int, on_event: Callable[[LegEvent], None]) -> None:
        self.port = port
        self.ended = asyncio.Event()
        """Set once the stream is closed and every event of it has been given."""
        self._media, self._number = media, number
        self._on_event = on_event
        self.on_quiet: Callable[[], None] = lambda: None
        """Called when nothing has come from the peer of a stream that hears others for `QUIET` seconds."""
        self._on_frames: Callable[[bytes], None] | None = None
        self._plays = itertools.count(1)
        self._closed = False

    def connect(
        self,
        remote: tuple[str, int],
        *,
        codec: Literal["PCMU", "PCMA"],
        event_type: int | None,
        send: bool = True,
        receive: bool = True,
        learn: bool | None = None,
    ) -> None:
        """Take what offer and answer agreed on; again after every new one.

        `remote` is the peer's numeric address for RTP; `event_type` the payload type of telephone-event, None where
        it was not agreed: keys are then looked for as tones in the audio. Packets are taken from `remote`'s address,
        and from another one only where `learn` says so (None: where `remote` is a private address, that is, the
        peer may be behind NAT). Sending starts at `remote` and follows to where packets come from.
        """
        if codec not in ("PCMU", "PCMA"):
            raise ValueError(f"unknown codec {codec!r}: PCMU or PCMA")
        host, port = remote
        self._command("connect", host, port, codec, event_type, send, receive, learn)

    def play(self, clips: Sequence[Clip], *, loop: bool = False) -> int:
        """Play clips back to back in place of what is playing; returns the play's number for `PlayEnded`."""
        number = next(self._plays)
        if not self._closed:
            for clip in clips:
                self._media.load(clip, keep=[other.key for other in clips])
            self._command("play", number, [clip.key for clip in clips], loop)
        return number

    def stop(self) -> None:
        self._command("stop")

    def record(
        self, path: str | Path, *, max_seconds: float, finish_on: str = "", silence_seconds: float | None = None
    ) -> None:
        """Record what is received to a WAV file, as `CallLeg.record` says."""
        self._command("record", str(path), float(max_seconds), finish_on, silence_seconds)

    def record_both(self, path: str | Path, *, max_seconds: float) -> None:
        """Record what is received left and what is sent right, as `CallLeg.record_both` says."""
        self._command("record_both", str(path), float(max_seconds))

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
        self._command("listen", on_frames is not None)

    def hear(self, talkers: Iterable[Stream], *, digits: bool = True) -> None:
        """Send this stream's peer what the peers of `talkers` say, and no longer what it heard before. Plays go first.
        `digits`: send it their keys as well. Streams of other media processes can't be heard and are left out."""
        numbers = [talker._number for talker in talkers if talker._media is self._media]
        self._command("hear", numbers, bool(digits))

    def close(self) -> None:
        """End the stream. A recording ends with it; `ended` is set after its `RecordingEnded`."""
        if not self._closed:
            self._command("close")
            self._closed = True
            self._on_frames = None

    def _command(self, name: str, *arguments: object) -> None:
        if not self._closed:
            self._media._send((name, self._number, *arguments))

    def _over(self) -> None:
        """Nothing more comes: those who were told are let go, so that no cycle is left for the collector."""
        self._closed = True
        self._on_event, self.on_quiet, self._on_frames = _nobody, lambda: None, None
        self.ended.set()

    def _event(self, event: LegEvent) -> None:
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


class Media(asyncio.Protocol):
    """The media process. If it dies `died` is set: its calls are to be hung up and another one started."""

    def __init__(self, *, cache_bytes: int = CACHE_BYTES) -> None:
        self.died = asyncio.Event()
        self.pid = 0
        self._cache_bytes = cache_bytes
        self._loaded: OrderedDict[str, int] = OrderedDict()
        self._loaded_bytes = 0
        self._streams: dict[int, Stream] = {}
        self._opening: dict[int, tuple[asyncio.Future[Stream], Callable[[LegEvent], None]]] = {}
        self._asked: dict[int, asyncio.Future[dict[str, int | float]]] = {}
        self._numbers = itertools.count(1)
        self._unpacker = Unpacker()
        self._unsent = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    async def start(
        cls,
        *,
        host: str = "127.0.0.1",
        ports: tuple[int, int] | None = None,
        cpu: int | None = None,
        cache_bytes: int = CACHE_BYTES,
    ) -> Media:
        """Start a media process that binds RTP to `host`, on ports `ports[0]` to `ports[1]` (None: any that are free).

        `cpu` pins it to a core. It ends when this process does.
        """
        media = cls(cache_bytes=cache_bytes)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        low, high = ("", "") if ports is None else (str(ports[0]), str(ports[1]))
        with theirs:
            theirs.set_inheritable(True)
            arguments = (str(theirs.fileno()), host, low, high, "" if cpu is None else str(cpu))
            try:
                media._process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    "-m",
                    "ivr.channels.sip.media",
                    *arguments,
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
            except BaseException:
                ours.close()
                raise
        media.pid = media._process.pid
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: media, sock=ours)
            await media.stats()  # it is up, or it died
        except BaseException:
            ours.close()
            media._process.kill()
            await media._process.wait()
            raise
        return media

    async def open(self, on_event: Callable[[LegEvent], None]) -> Stream:
        """A stream with a pair of ports of its own. Raises `NoPortFree`; `MediaDied` where the process is gone."""
        number = next(self._numbers)
        future: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
        self._opening[number] = (future, on_event)
        self._send(("open", number), must=True)
        return await future

    def load(self, clip: Clip, *, keep: Sequence[str] = ()) -> None:
        """Give the process a clip that it does not have yet; `keep` are keys not to drop for it."""
        if clip.key in self._loaded:
            self._loaded.move_to_end(clip.key)
            return
        # this end alone decides what is kept; messages are in order, so both ends always agree
        for key in list(self._loaded):
            if self._loaded_bytes + len(clip.ulaw) <= self._cache_bytes:
                break
            if key not in keep:
                self._loaded_bytes -= self._loaded.pop(key)
                self._send(("unload", key))
        self._loaded[clip.key] = len(clip.ulaw)
        self._loaded_bytes += len(clip.ulaw)
        for start in range(0, max(len(clip.ulaw), 1), PART):
            self._send(("load", clip.key, clip.ulaw[start : start + PART], start + PART >= len(clip.ulaw)))

    async def stats(self) -> dict[str, int | float]:
        """Counters since the start, and lateness (of each turn's last packet, in ms) since the last call of this."""
        number = next(self._numbers)
        future: asyncio.Future[dict[str, int | float]] = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        self._send(("stats", number), must=True)
        return await future

    async def close(self) -> None:
        """End the process: recordings are completed first, peers get their BYE."""
        self._send(("quit",))
        if self._process is not None:
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        await self.died.wait()

    # -- connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are none by inheritance

    def data_received(self, data: bytes) -> None:
        self._unpacker.feed(data)
        for message in self._unpacker:
            self._receive(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.died.set()
        waiting: list[asyncio.Future[Any]] = [future for future, _ in self._opening.values()]
        waiting += self._asked.values()
        for future in waiting:
            if not future.done():
                future.set_exception(MediaDied("the media process has ended"))
        self._opening.clear()
        self._asked.clear()
        streams, self._streams = list(self._streams.values()), {}
        for stream in streams:
            stream._over()

    def _send(self, message: Message, *, must: bool = False) -> None:
        if self._transport is None or self._transport.is_closing():
            if must:
                self._opening.pop(message[1], None)
                self._asked.pop(message[1], None)
                raise MediaDied("the media process has ended")
            return
        if not self._unsent:
            # what is said in one go is written in one go: each write wakes the other process
            asyncio.get_running_loop().call_soon(self._flush)
        self._unsent += pack(message)

    def _flush(self) -> None:
        data, self._unsent = self._unsent, bytearray()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _receive(self, message: Message) -> None:
        match message:
            case ("digit", number, digit, at):
                self._event(number, Digit(digit, at))
            case ("audio", feeds):
                for number, frames in feeds:
                    if number in self._streams:
                        self._streams[number]._frames(frames)
            case ("play_ended", number, play, reason, at):
                self._event(number, PlayEnded(play, reason, at))
            case ("recording_ended", number, path, seconds, reason):
                self._event(number, RecordingEnded(Path(path), seconds, reason))
            case ("quiet", number):
                if number in self._streams and not self._streams[number]._closed:
                    self._streams[number].on_quiet()
            case ("opened", number, port):
                self._opened(number, port)
            case ("full", number, why):
                future, _ = self._opening.pop(number)
                if not future.done():
                    future.set_exception(NoPortFree(why))
            case ("closed", number):
                stream = self._streams.pop(number, None)
                if stream is not None:
                    stream._over()
            case ("stats", number, figures):
                asked = self._asked.pop(number)
                if not asked.done():
                    asked.set_result(figures)

    def _event(self, number: int, event: LegEvent) -> None:
        if number in self._streams:
            self._streams[number]._event(event)

    def _opened(self, number: int, port: int) -> None:
        future, on_event = self._opening.pop(number)
        stream = self._streams[number] = Stream(self, number, port, on_event)
        if future.done():  # whoever asked has been cancelled
            stream.close()
        else:
            future.set_result(stream)
