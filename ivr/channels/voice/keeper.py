"""Callers who wait, and the store: what the journal says of them, what is announced to them, and their places, which
are kept alive, and put back with their original joining time when the store has lost them. Dials are kept as well."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol, TypeVar

import redis
import structlog

from callcenter.queues.journal import Fact, Tail
from ivr.channels.voice.waiter import Waiter
from ivr.emergency import due
from ivr.queueing import Queueing

log = structlog.get_logger("callwright.voice")
T = TypeVar("T")

KEEP_SECONDS = 5.0
LOOK_SECONDS = 1.0
"""How often it is asked whether something is announced to those who wait."""
PATIENCE = 2.0
"""Seconds until Redis is tried again."""
WITHDRAWN = ("offer.withdrawn", "offer.expired", "offer.refused")


class Dialling(Protocol):
    """Who calls people back: see `ivr.channels.voice.dialback`."""

    def follow(self, fact: Fact) -> None:
        """A `callback.due`, or the end of an offer that led to nothing."""

    @property
    def dials(self) -> Mapping[str, str]:
        """The contacts that this process is dialling, and by which offers."""

    async def forgotten(self, contact_id: str) -> None:
        """The store knows nothing of that dial."""


class Keeper:
    """Of `waiters`, by contact, which somebody else adds to and takes from in the event loop."""

    def __init__(self, queueing: Queueing, executor: Executor, waiters: Mapping[str, Waiter]) -> None:
        self._queueing = queueing
        self._queues = queueing.queues
        self._executor = executor
        self._waiters = waiters
        self._dialling: Dialling | None = None
        self._stopping = threading.Event()
        self._following: threading.Thread | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, dialling: Dialling) -> None:
        """As `Lobby.start` says."""
        self._dialling = dialling
        loop = asyncio.get_running_loop()
        self._following = threading.Thread(target=self._follow, args=(loop,), name="journal", daemon=True)
        self._following.start()
        self._tasks = [loop.create_task(self._keep()), loop.create_task(self._look())]

    async def close(self) -> None:
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._following is not None:
            await asyncio.to_thread(self._following.join)

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread of its own: the journal, from now on."""
        tail: Tail | None = None
        while not self._stopping.is_set():
            try:
                if tail is None:
                    tail = Tail(self._queues.client)
                facts = tail.read(block=0.5)
            except redis.RedisError as error:
                log.warning("the journal can't be read", error=type(error).__name__)
                self._stopping.wait(PATIENCE)
                continue
            if facts:
                loop.call_soon_threadsafe(self._told, facts)

    def _told(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if self._dialling is not None and (fact.kind == "callback.due" or fact.kind in WITHDRAWN):
                self._dialling.follow(fact)
            waiter = self._waiters.get(fact.contact)
            if waiter is not None:
                if "joined_at" in fact.data:  # it may have taken the place of a callback
                    waiter.joined_at = float(fact.data["joined_at"])
                waiter.facts.append(fact)
                waiter.wake.set()

    async def _look(self) -> None:
        """Announcements to those who wait, and do nothing else."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            known = await self._blocking(self._queueing.announcements.lately)
            for waiter in self._waiters.values():
                if not waiter.out and waiter.talking is None:
                    waiter.announced = due(known, waiter.session, waiter.effect.queue)
                    if waiter.announced is not None:
                        waiter.wake.set()

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            try:
                await self._keep_once()
            except Exception as error:  # Redis is away: the entries are put back when it is here again
                log.warning("places can't be kept", error=type(error).__name__)

    async def _keep_once(self) -> None:
        assert self._dialling is not None
        dials = self._dialling.dials
        talking = {id: waiter.talking[0].id for id, waiter in self._waiters.items() if waiter.talking is not None}
        ids = {*dials, *(id for id, waiter in self._waiters.items() if waiter.joined)}
        for contact_id in await self._blocking(self._queues.keep, self._queueing.holder, ids, {**dials, **talking}):
            waiter = self._waiters.get(contact_id)
            if waiter is None:
                if contact_id in dials:
                    await self._dialling.forgotten(contact_id)
                continue
            if waiter.called and not await self._blocking(self._queues.entry, contact_id):
                continue  # what became of the callback may be known to the log: that is put back first
            session = waiter.session
            if waiter.talking is None:
                log.warning("a place is put back", contact=contact_id)
                await self._blocking(
                    functools.partial(self._queueing.enter, session, waiter.effect, joined_at=waiter.joined_at)
                )
                continue
            offer, since = waiter.talking
            await self._blocking(
                functools.partial(
                    self._queueing.reconnect, session, offer.id, offer.agent_id, offer.queue,
                    connected_at=since, joined_at=waiter.joined_at,
                )
            )  # fmt: skip

    async def _blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, functools.partial(work, *arguments))
