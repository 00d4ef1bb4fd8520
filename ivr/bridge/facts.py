"""What the bridge tells the world: the queues, the journal, the recordings. All of it blocks, and runs in threads.

What must be said is said again until Redis has heard it: every call of `Queues` is idempotent.
"""

from __future__ import annotations

import asyncio
import functools
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import redis
import structlog

from callcenter.queues.store import Queues
from ivr.bridge.parts import Offer

log = structlog.get_logger("callwright.bridge")
T = TypeVar("T")

STREAM = "cw:journal"
TRIES = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0)
"""Pauses in seconds between attempts to reach Redis."""
AT_ONCE = 2.0
"""Seconds that a conversation waits for the queue's answer before it goes on without."""
TRANSFER_PRIORITY = 10


class Facts:
    """`keep` registers a finished recording: (path, seconds, contact id, caller) -> its id."""

    def __init__(
        self,
        queues: Queues,
        client: redis.Redis,
        executor: Executor,
        keep: Callable[[Path, float, str, str], str] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.queues, self.clock = queues, clock
        self._client, self._executor, self._keep = client, executor, keep
        self._pending: set[asyncio.Task[Any]] = set()
        self._journal_lock = asyncio.Lock()

    async def blocking(self, work: Callable[..., T], *arguments: Any, **options: Any) -> T:
        call = functools.partial(work, *arguments, **options)
        return await asyncio.get_running_loop().run_in_executor(self._executor, call)

    async def say(self, work: Callable[..., T], *arguments: Any, **options: Any) -> T | None:
        """Say something to the queues until they have heard it; None where it takes longer than `AT_ONCE`: it is said
        on in the background then."""
        task = self.tell(work, *arguments, **options)
        done, _ = await asyncio.wait({task}, timeout=AT_ONCE)
        return task.result() if done else None

    def tell(self, work: Callable[..., T], *arguments: Any, **options: Any) -> asyncio.Task[T | None]:
        """As `say`, without waiting."""
        task = asyncio.ensure_future(self._insist(work, *arguments, **options))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
        return task

    def watch(self, task: asyncio.Task[Any]) -> None:
        """`settled` waits for this as well."""
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _insist(self, work: Callable[..., T], *arguments: Any, **options: Any) -> T | None:
        for pause in (*TRIES, None):
            try:
                return await self.blocking(work, *arguments, **options)
            except redis.RedisError as error:
                log.warning("the queues can't be told", what=_name(work), kind=type(error).__name__)
                if pause is not None:
                    await asyncio.sleep(pause)
            except Exception:
                log.exception("the queues refuse", what=_name(work))
                return None
        return None

    @asynccontextmanager
    async def consulting(self, contact_id: str, agent_id: str) -> AsyncIterator[None]:
        """Meanwhile the agent is busy with this contact, which is another agent's. Nobody waits for that to be told."""
        told = self.tell(self.queues.consult, contact_id, agent_id)
        try:
            yield
        finally:
            self.watch(asyncio.ensure_future(self._consulted(contact_id, agent_id, told)))

    async def _consulted(self, contact_id: str, agent_id: str, told: asyncio.Task[bool | None]) -> None:
        await asyncio.wait({told})  # the end is not told before the beginning
        await self.say(self.queues.consult_over, contact_id, agent_id)

    def journal(self, kind: str, offer: Offer, data: Mapping[str, object]) -> None:
        """An entry of the journal, after those before it."""
        at = f"{self.clock():.6f}"
        fields = {
            "kind": kind, "at": at, "contact": offer.contact_id, "queue": offer.queue, "agent": offer.agent_id,
            "offer": offer.id, "data": json.dumps(data),
        }  # fmt: skip
        task = asyncio.ensure_future(self._append(fields))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _append(self, fields: Mapping[str, str]) -> None:
        async with self._journal_lock:
            await self._insist(self._client.xadd, STREAM, fields)

    async def keep(self, path: Path, seconds: float, offer: Offer) -> str:
        """Register a recording; "" where that failed."""
        if self._keep is None:
            return ""
        try:
            return await self.blocking(self._keep, path, seconds, offer.contact_id, offer.caller)
        except Exception:
            log.exception("a recording could not be registered", path=str(path))
            return ""

    async def rejoin(self, offer: Offer, queue: str) -> None:
        """Put a contact whose offer is over back into a queue, as it was when it joined first."""
        await self.say(rejoin, self.queues, offer.contact_id, queue, caller=offer.caller)

    async def settled(self, seconds: float = 5.0) -> None:
        """Wait until all has been said, at most so long."""
        if self._pending:
            await asyncio.wait(set(self._pending), timeout=seconds)


def rejoin(queues: Queues, contact_id: str, queue: str, *, caller: str = "") -> None:
    """The same; blocks, and may raise `redis.RedisError`."""
    entry = queues.entry(contact_id)
    queues.join(
        contact_id,
        queue,
        channel=entry.get("channel", "sip"),
        caller=entry.get("caller", caller),
        customer_id=entry.get("customer_id", ""),
        language=entry.get("language", ""),
        skills=_json(entry.get("skills", "")),
        priority=max(TRANSFER_PRIORITY, int(float(entry.get("priority") or 0))),
        joined_at=float(entry.get("joined_at") or queues.clock()),
        last_agent=entry.get("last_agent", ""),
        holder=entry.get("holder", ""),
        data=_json(entry.get("data", "")),
        known_as=entry.get("known_as", "").split(),
    )


def _json(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else dict(found) if isinstance(found, list) else None


def _name(work: Callable[..., object]) -> str:
    return getattr(work, "__name__", repr(work))
