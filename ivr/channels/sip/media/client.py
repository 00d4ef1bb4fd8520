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
from typing import Any, cast

from ivr import metrics
from ivr.channels.leg import Clip, Digit, LegEvent, PlayEnded, RecordingEnded
from ivr.channels.sip.media.ports import NoPortFree
from ivr.channels.sip.media.protocol import PART, Message, Unpacker, pack
from ivr.channels.sip.media.remote import Stream

__all__ = ["Media", "MediaDied", "NoPortFree", "Stream"]

log = logging.getLogger(__name__)

CACHE_BYTES = 128_000_000
"""Audio of clips that the media process keeps (4.4 hours); the clips used longest ago go first."""
_CLOSE_SECONDS = 5.0
LEAST_LIFE = 10.0


class MediaDied(ConnectionError):
    """The media process is gone: every stream of it is over."""


class Media(asyncio.Protocol):
    """The media process. One that dies is replaced at once, on the same ports, and goes on with what stood: its calls
    miss half a second or so. Where that can't be done, or the process had only just begun (what killed it would kill
    the next one), `died` is set: calls are to be hung up and another `Media` started."""

    def __init__(
        self, host: str, ports: tuple[int, int] | None, cpu: int | None, cache_bytes: int, least_life: float
    ) -> None:
        self._place, self._least_life = (host, ports, cpu), least_life
        self._since = 0.0
        self._closing = False
        self._reviving: asyncio.Task[None] | None = None
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
        least_life: float = LEAST_LIFE,
    ) -> Media:
        """Start a media process that binds RTP to `host`, on ports `ports[0]` to `ports[1]` (None: any that are free).

        `cpu` pins it to a core. It ends when this process does. One that lived less than `least_life` seconds isn't
        replaced.
        """
        media = cls(host, ports, cpu, cache_bytes, least_life)
        await media._spawn()
        return media

    async def _spawn(self) -> None:
        host, ports, cpu = self._place
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        low, high = ("", "") if ports is None else (str(ports[0]), str(ports[1]))
        with theirs:
            theirs.set_inheritable(True)
            arguments = (str(theirs.fileno()), host, low, high, "" if cpu is None else str(cpu))
            try:
                self._process = await asyncio.create_subprocess_exec(
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
        self.pid = self._process.pid
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
            await self.stats()  # it is up, or it died
        except BaseException:
            ours.close()
            self._process.kill()
            await self._process.wait()
            raise
        self._since = asyncio.get_running_loop().time()

    async def _revive(self) -> None:
        """Another process in the place of the one that died."""
        log.error("the media process died; another one takes its %d streams", len(self._streams))
        if self._process is not None:
            await self._process.wait()
        try:
            await self._spawn()
        except (OSError, MediaDied) as error:
            log.error("no media process can be started: %s", error)
            self._gone()
            return
        self._reviving = None
        self._loaded.clear()  # what was given meanwhile went nowhere
        self._loaded_bytes = 0
        for stream in list(self._streams.values()):
            if stream.closing:
                self._streams.pop(stream.number)
                stream.lost()
        for number, stream in self._streams.items():
            self._send(("open", number, stream.port))
        for number in self._opening:
            self._send(("open", number, 0))
        # all of them are there before one is to hear another
        for stream in self._streams.values():
            stream.again()

    async def open(self, on_event: Callable[[LegEvent], None]) -> Stream:
        """A stream with a pair of ports of its own. Raises `NoPortFree`; `MediaDied` where the process is gone."""
        number = next(self._numbers)
        future: asyncio.Future[Stream] = asyncio.get_running_loop().create_future()
        self._opening[number] = (future, on_event)
        if self._reviving is None:
            self._send(("open", number, 0), must=True)
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
        self._closing = True
        if self._reviving is not None:
            self._reviving.cancel()
            await asyncio.gather(self._reviving, return_exceptions=True)
            self._gone()
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
        self._transport, self._unpacker = None, Unpacker()
        self._unsent.clear()
        self._loaded.clear()
        self._loaded_bytes = 0
        self._fail(self._asked.values())
        self._asked.clear()
        if self._reviving is not None:
            return  # so died the one that was to replace it; `_revive` knows
        lived = asyncio.get_running_loop().time() - self._since
        if self._closing or not self._since or lived < self._least_life:
            self._gone()
        else:
            self._reviving = asyncio.get_running_loop().create_task(self._revive())

    def _fail(self, waiting: Iterable[asyncio.Future[Any]]) -> None:
        for future in waiting:
            if not future.done():
                future.set_exception(MediaDied("the media process has ended"))

    def _gone(self) -> None:
        """For good."""
        self._reviving = None
        self.died.set()
        self._fail(future for future, _ in self._opening.values())
        self._opening.clear()
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
            case ("dropped", *counts):
                for why, count in zip(("unauthentic", "replayed"), counts, strict=True):
                    metrics.SRTP_DROPPED.labels(why).inc(count)
            case ("quiet", number):
                if number in self._streams and not self._streams[number]._closed:
                    self._streams[number].on_quiet()
            case ("opened", number, port):
                self._opened(number, port)
            case ("full", number, why) if number in self._streams:
                log.error("a port is taken that a call had: %s", why)
                self._closing = True  # that can't be mended: all calls end, and another `Media` begins anew
                self._send(("quit",))
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
        if number in self._streams:
            return
        future, on_event = self._opening.pop(number)
        stream = self._streams[number] = Stream(self, number, port, on_event)
        if future.done():  # whoever asked has been cancelled
            stream.close()
        else:
            future.set_result(stream)
