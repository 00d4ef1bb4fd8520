"""Calls of campaigns that run a flow: leased in the database, dialled, and handed to the flow once somebody answers.

Every process with telephone lines does this. No agent is reserved; how many calls there are, and how fast, is the
campaign's (`callcenter.campaigns.placing`).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

import redis
import structlog
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter.campaigns import calls, placing
from callcenter.campaigns.deciding import Lists
from callcenter.campaigns.placing import Call
from ivr.bridge.parts import Dialler
from ivr.channels.leg import CallLeg
from ivr.channels.voice.placed import picked_up

log = structlog.get_logger("callwright.voice")
T = TypeVar("T")

EVERY: Final = 1.0
"""Seconds from one look to the next."""
KEEP_EVERY: Final = 10.0
"""Seconds after which it is noted that calls last: well within `placing.KEPT`."""


@dataclass(frozen=True, slots=True)
class Means:
    """What an `Outbound` needs. `lists` gives the campaigns as they are published now, `now` the time, `room` how many
    calls this process can take besides, `open` whether that queue's hours allow calls now, `callbacks` the callbacks
    that somebody waits for; all but `room` block. `serve` runs the flow of an answered call."""

    engine: Engine
    lists: Callable[[], Lists]
    now: Callable[[], datetime]
    room: Callable[[], int]
    open: Callable[[str, datetime], bool]
    callbacks: calls.Waiting
    dial: Dialler
    serve: Callable[[CallLeg, Call], Awaitable[None]]


class Outbound:
    """From `start` to `close`. Calls that last at `close` are cut off with their lines."""

    def __init__(self, means: Means, executor: Executor) -> None:
        self._means, self._executor = means, executor
        self._calls: dict[str, asyncio.Task[None]] = {}
        """By contact."""
        self._looking: asyncio.Task[None] | None = None
        self._kept_at = 0.0

    def start(self) -> None:
        self._looking = asyncio.ensure_future(self._look())

    async def close(self) -> None:
        tasks = [*self._calls.values(), *([self._looking] if self._looking is not None else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            try:
                await self.once()
            except (redis.RedisError, SQLAlchemyError) as error:
                log.warning("campaigns wait", error=type(error).__name__)
            except Exception:
                log.exception("campaigns can't call")
            await asyncio.sleep(EVERY)

    async def once(self) -> int:
        """One look; gives how many calls were begun."""
        means, now, clock = self._means, self._means.now(), asyncio.get_running_loop().time()
        lists = await self._blocking(means.lists)
        if clock - self._kept_at >= KEEP_EVERY:
            self._kept_at = clock
            if self._calls:
                await self._blocking(placing.keep, means.engine, list(self._calls), now)
            if any(campaign.flow is not None for campaign in lists.campaigns.values()):
                dead = await self._blocking(placing.bury, means.engine, lists, now)
                if dead:
                    log.warning("calls of a process that has died", calls=dead)
        begun = 0
        for name in await self._blocking(placing.due, means.engine, lists, now):
            room = means.room()
            if room < 1 or not await self._blocking(means.open, lists.campaigns[name].queue, now):
                continue
            for call in await self._blocking(placing.begin, means.engine, lists, name, now, means.callbacks, room):
                task = self._calls[call.contact_id] = asyncio.ensure_future(self._call(call))
                task.add_done_callback(functools.partial(self._over, call.contact_id))
                begun += 1
        return begun

    def _over(self, contact_id: str, task: asyncio.Task[None]) -> None:
        self._calls.pop(contact_id, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("a campaign's call failed", contact=contact_id, error=repr(task.exception()))

    async def _call(self, call: Call) -> None:
        """One attempt, up to its end. What isn't noted then was a failed one (`placing.bury` does that for us where we
        can't)."""
        outcome = "failed"
        try:
            outcome = await self._made(call)
        finally:
            with contextlib.suppress(SQLAlchemyError):
                await self._blocking(placing.missed, self._means.engine, call, outcome, self._means.now())

    async def _made(self, call: Call) -> str:
        """Why nobody was there; once the flow has run it has told what came of it, and this is for when it couldn't."""
        try:
            rings = float(call.settings["ring_seconds"])
            leg = await self._means.dial(call.number, caller=str(call.settings["caller_id"]), timeout=rings)
        except ValueError as error:  # nowhere to dial it at
            log.error("a number can't be dialled", contact=call.contact_id, why=str(error))
            return "failed"
        try:
            why = await picked_up(leg)
            log.info("called", contact=call.contact_id, why=why or "answered")
            if not why:
                await self._means.serve(leg, call)
            return why or "failed"
        finally:
            leg.hang_up()

    async def _blocking(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, functools.partial(work, *arguments))
