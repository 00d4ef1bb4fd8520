"""Where registered telephones are: bindings of a user to addresses (RFC 3261 section 10), in memory and in Redis.

Redis has `cw:registered:<user>`: a hash, from a binding's key to its JSON, that expires with its last binding. Memory
decides: a Redis that is away costs nothing but that other processes, and this one after a restart, don't know of the
telephones until they register anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import redis
import structlog

log = structlog.get_logger("callwright.sip")

PREFIX = "cw:registered:"


@dataclass(frozen=True, slots=True)
class Binding:
    """One telephone of a user.

    `contact` is the URI that it wants in the Request-URI; `source` is the address its REGISTER came from over
    `protocol`, which is where requests go: behind a NAT nothing else reaches it. `expires_at` is Unix time.
    """

    key: str
    contact: str
    protocol: str
    source: tuple[str, int]
    expires_at: float
    call_id: str
    cseq: int
    agent: str = ""
    """Its User-Agent."""
    at: float = 0.0
    """When it registered last, Unix time."""


class Bindings:
    """All bindings that this process knows. Methods return at once; Redis is written by the way."""

    def __init__(self, client: redis.Redis | None = None, clock: Callable[[], float] = time.time) -> None:
        self._redis, self._clock = client, clock
        self._users: dict[str, dict[str, Binding]] = {}
        self._dirty: set[str] = set()
        self._writer: asyncio.Task[None] | None = None

    def now(self) -> float:
        return self._clock()

    def of(self, user: str) -> list[Binding]:
        """Those that have not expired, the one registered last first."""
        now = self._clock()
        known = self._users.get(user, {})
        for key in [key for key, binding in known.items() if binding.expires_at <= now]:
            del known[key]
        if not known:
            self._users.pop(user, None)
        return sorted(known.values(), key=lambda binding: -binding.at)

    def any_from(self, address: str) -> bool:
        """Whether a telephone is registered from this IP address."""
        now = self._clock()
        known = (binding for bindings in self._users.values() for binding in bindings.values())
        return any(binding.source[0] == address and binding.expires_at > now for binding in known)

    def put(self, user: str, binding: Binding) -> None:
        self._users.setdefault(user, {})[binding.key] = binding
        self._write(user)

    def remove(self, user: str, key: str) -> None:
        self._users.get(user, {}).pop(key, None)
        self._write(user)

    async def find(self, user: str) -> list[Binding]:
        """As `of`; where this process knows of none, what Redis has."""
        if (known := self.of(user)) or self._redis is None:
            return known
        try:
            stored = await asyncio.to_thread(self._redis.hgetall, PREFIX + user)
        except redis.RedisError as error:
            log.warning("registrations can't be read", kind=type(error).__name__)
            return []
        for text in stored.values():
            with contextlib.suppress(ValueError, TypeError, KeyError):
                fields = json.loads(text)
                binding = Binding(**{**fields, "source": (str(fields["source"][0]), int(fields["source"][1]))})
                self._users.setdefault(user, {}).setdefault(binding.key, binding)
        return self.of(user)

    def _write(self, user: str) -> None:
        if self._redis is None:
            return
        self._dirty.add(user)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.get_running_loop().create_task(self._write_all())

    async def _write_all(self) -> None:
        while self._dirty:
            user = self._dirty.pop()
            try:
                await asyncio.to_thread(self._store, user, self.of(user))
            except redis.RedisError as error:
                log.warning("registrations can't be stored", kind=type(error).__name__)

    def _store(self, user: str, bindings: list[Binding]) -> None:
        assert self._redis is not None
        key = PREFIX + user
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.delete(key)
            if bindings:
                pipe.hset(key, mapping={binding.key: json.dumps(asdict(binding)) for binding in bindings})
                pipe.expire(key, int(max(binding.expires_at for binding in bindings) - self._clock()) + 1)
            pipe.execute()

    async def close(self) -> None:
        """Wait until Redis has what was told."""
        if self._writer is not None:
            await asyncio.gather(self._writer, return_exceptions=True)
