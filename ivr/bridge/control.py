"""Takes orders for the live conversations of this process from Redis, and tells the journal what became of them."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import redis
import structlog

from callcenter import control
from ivr.bridge.state import Order

log = structlog.get_logger("callwright.bridge")

BLOCK_MS = 250
"""How long one read waits; a conversation that began meanwhile is read with the next."""
MARGIN = 1.0
"""Seconds by which the beginning is taken too early, so that nothing is missed."""
PAUSE = 1.0
"""Seconds until Redis is tried again."""


class Control:
    """One thread reads for all conversations. `begin` and `end` are called on the event loop."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._after: dict[str, str] = {}
        self._told: dict[str, Callable[[Order], None]] = {}
        self._began: dict[str, float] = {}
        self._lock = threading.Lock()
        self._some = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def begin(self, contact_id: str, on_order: Callable[[Order], None]) -> None:
        """From now on; orders from before are not obeyed."""
        key = control.key(contact_id)
        with self._lock:
            self._after[key] = ""
            self._began[key] = time.monotonic()
            self._told[key] = on_order
            self._some.set()
        if self._thread is None:
            self._loop = asyncio.get_running_loop()
            self._thread = threading.Thread(target=self._read_on, name="control", daemon=True)
            self._thread.start()

    def end(self, contact_id: str) -> None:
        key = control.key(contact_id)
        with self._lock:
            self._after.pop(key, None)
            self._told.pop(key, None)
            self._began.pop(key, None)
            if not self._after and not self._stopping:
                self._some.clear()

    async def close(self) -> None:
        self._stopping = True
        self._some.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    def _read_on(self) -> None:
        while True:
            self._some.wait()
            if self._stopping:
                return
            with self._lock:
                streams = dict(self._after)
            try:
                if "" in streams.values():
                    streams = self._from_their_beginnings()
                if not streams:
                    continue
                found: Any = self._client.xread(streams, block=BLOCK_MS)  # type: ignore[arg-type]
            except redis.RedisError as error:
                log.warning("orders can't be read", kind=type(error).__name__)
                time.sleep(PAUSE)
                continue
            for name, entries in found or ():
                self._take(_text(name), entries)

    def _from_their_beginnings(self) -> dict[str, str]:
        """Where new conversations begin in their streams, whose ids are the time of Redis' own clock."""
        seconds, micros = self._client.time()
        now = seconds + micros / 1e6
        with self._lock:
            for key, after in self._after.items():
                if not after:
                    began = now - (time.monotonic() - self._began[key])
                    self._after[key] = f"{int((began - MARGIN) * 1000)}-0"
            return dict(self._after)

    def _take(self, key: str, entries: list[tuple[Any, Mapping[Any, Any]]]) -> None:
        with self._lock:
            told = self._told.get(key)
            if told is None:
                return
            self._after[key] = _text(entries[-1][0])
        for _, fields in entries:
            found = {_text(name): _text(value) for name, value in fields.items()}
            try:
                args = json.loads(found.get("args") or "{}")
            except ValueError:
                args = {}
            order = Order(found.get("id", ""), found.get("verb", ""), found.get("by", ""), _object(args))
            assert self._loop is not None
            self._loop.call_soon_threadsafe(told, order)


def _object(value: Any) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
