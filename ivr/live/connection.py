"""One page: what it follows, what waits to be sent to it, and how fast it may talk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from callcenter.db import compact
from callcenter.live import LiveEvent
from callcenter.tickets import Ticket
from ivr.live.endpoint import Endpoint
from ivr.live.hub import Following, Hub

log = structlog.get_logger("callwright.live")

WAITING = 256
"""Events that may wait for a slow page; with one more it is cut off, and comes back by id."""
TOPICS = 50
SLOW = 4008
"""The close code of a page that was too slow: connect again, and go on after the last event."""


class Connection:
    """`state` is the endpoint's own."""

    def __init__(self, socket: ServerConnection, endpoint: Endpoint, hub: Hub) -> None:
        self.socket = socket
        self.endpoint = endpoint
        self.ticket = Ticket("")
        self.state: Any = None
        self._hub = hub
        self._following: dict[str, Following] = {}
        self._waiting: deque[LiveEvent] = deque()
        self._wake = asyncio.Event()
        self._bucket = TokenBucket(endpoint.per_second, endpoint.burst)
        self._cut_off: asyncio.Task[None] | None = None

    async def send(self, kind: str, data: Mapping[str, Any] | None = None, *, topic: str = "", id: str = "") -> None:
        """Say something to the page; waits while it is slow. What can't be said any more is dropped."""
        with contextlib.suppress(ConnectionClosed):
            await self.socket.send(compact({"id": id, "kind": kind, "topic": topic, "data": dict(data or {})}))

    async def tell(self, event: LiveEvent) -> None:
        """Hand an event on as it is."""
        with contextlib.suppress(ConnectionClosed):
            await self.socket.send(_text(event))

    async def follow(self, topics: Iterable[str], after: Mapping[str, str]) -> dict[str, str]:
        """Follow topics too, each after an id or from now on; gives where each stands ("" while that isn't known).
        Events come through the endpoint's `happened`."""
        for topic in topics:
            if topic not in self._following:
                self._following[topic] = await self._hub.join(topic, self.offer, after.get(topic))
        return {topic: following.after or "" for topic, following in self._following.items()}

    async def unfollow(self, topic: str) -> None:
        following = self._following.pop(topic, None)
        if following is not None:
            await self._hub.leave(following)

    @property
    def topics(self) -> frozenset[str]:
        return frozenset(self._following)

    def offer(self, event: LiveEvent) -> None:
        """Queue an event for the page; one that doesn't keep up is cut off."""
        if self._cut_off is not None:
            return
        if len(self._waiting) >= WAITING:
            log.info("a page is too slow", endpoint=self.endpoint.path, subject=self.ticket.subject)
            self._waiting.clear()
            self._cut_off = asyncio.create_task(self.socket.close(SLOW, "too slow: connect again and resume"))
            return
        self._waiting.append(event)
        self._wake.set()

    async def hand_on(self) -> None:
        """Give events to the endpoint, one after the other, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                event = self._waiting.popleft()
                try:
                    await self.endpoint.happened(self, event)
                except Exception as error:
                    log.exception("an event couldn't be handed on", kind=event.kind, error=type(error).__name__)
                    await self.socket.close(CloseCode.INTERNAL_ERROR)

    async def next(self) -> Mapping[str, Any]:
        """The page's next message, not sooner than it may talk. Raises `ConnectionClosed`, and ValueError for what is
        no message."""
        if wait := self._bucket.take():
            await asyncio.sleep(wait)
        return parse(await self.socket.recv())

    async def close(self) -> None:
        """The page is gone."""
        for following in self._following.values():
            await self._hub.leave(following)
        self._following.clear()
        if self._cut_off is not None:
            await asyncio.gather(self._cut_off, return_exceptions=True)


_written: tuple[LiveEvent | None, str] = (None, "")


def _text(event: LiveEvent) -> str:
    """An event as pages get it, made once for all that follow its topic: they are told one after the other."""
    global _written
    if _written[0] is not event:
        _written = (event, compact({"id": event.id, "kind": event.kind, "topic": event.topic, "data": event.data}))
    return _written[1]


class TokenBucket:
    """`burst` at once, then `per_second`."""

    __slots__ = ("_burst", "_per_second", "_then", "_tokens")

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._tokens, self._then = burst, time.monotonic()

    def take(self) -> float:
        """Take one; gives the seconds to wait first."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self._per_second) - 1
        self._then = now
        return max(0.0, -self._tokens / self._per_second)


def parse(text: str | bytes) -> Mapping[str, Any]:
    """A page's message: a JSON object whose `kind` is a word. Raises ValueError."""
    if isinstance(text, bytes):
        raise ValueError("messages are text")
    try:
        message = json.loads(text)
        if "\\ud" in text.lower():  # half a surrogate pair, which nothing stores: a page has cut an emoji in two
            message = json.loads(json.dumps(message, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise ValueError("that is not JSON") from None
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str):
        raise ValueError("a message is an object with a kind")
    return message
