"""Calls that a carrier makes to an agent's own telephone: ours calls the telephone, and joins the two.

What the agent hears and says is the carrier's then, where the conversation with the customer is held. So the carrier's
call is answered only when the telephone is, and each end takes the other along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Protocol, cast

import redis
import structlog

from ivr.bridge.parts import Dialler
from ivr.bridge.ring import address as dialled
from ivr.bridge.ring import reason
from ivr.channels.leg import Answered, BridgeLeg, HungUp, LegOver
from ivr.channels.voice.extensions import Extensions

log = structlog.get_logger("callwright.voice")

RING_SECONDS = 60.0
"""Who called gives up before."""
STATUS = {"busy": 486, "rejected": 603, "no_answer": 480, "expired": 480, "failed": 480}
"""What the carrier is told of a telephone that was not answered (RFC 3261 section 21)."""


class Incoming(BridgeLeg, Protocol):
    """A call that is not answered yet."""

    def ring(self) -> None: ...


class Passing:
    """`address` gives what to dial for an agent's device, "" where it isn't there; blocks."""

    def __init__(
        self, extensions: Extensions, dial: Dialler, address: Callable[[str, str], str], executor: Executor
    ) -> None:
        self._extensions, self._dial, self._address, self._executor = extensions, dial, address, executor

    async def serve(self, leg: Incoming) -> None:
        """See a call through to its end. Never raises but `CancelledError`."""
        try:
            found = await self._where(leg.called)
            if found is None:
                log.warning("a call to an agent's telephone that nobody announced", call=leg.id, caller=leg.caller)
                await leg.reject(404)
                return
            target, caller = found
            if not target:
                await leg.reject(480)
                return
            telephone = cast(BridgeLeg, await self._dial(dialled(target), caller=caller, timeout=RING_SECONDS))
        except (redis.RedisError, ValueError) as error:
            log.error("an agent's telephone can't be called", call=leg.id, why=str(error))
            await leg.reject(503)
            return
        try:
            await self._join(leg, telephone)
        finally:
            telephone.hang_up()
            leg.hang_up()

    async def _where(self, called: str) -> tuple[str, str] | None:
        def look() -> tuple[str, str] | None:
            extension = self._extensions.take(called)
            if extension is None:
                return None
            return self._address(extension.agent, extension.device), extension.caller

        return await asyncio.get_running_loop().run_in_executor(self._executor, look)

    async def _join(self, leg: Incoming, telephone: BridgeLeg) -> None:
        leg.ring()
        gone = asyncio.ensure_future(_end(leg))
        try:
            answered = asyncio.ensure_future(_answered(telephone))
            await asyncio.wait({gone, answered}, return_when=asyncio.FIRST_COMPLETED)
            if not answered.done():
                answered.cancel()
                return
            if (why := answered.result()) is not None:
                await leg.reject(STATUS[why])
                return
            await leg.answer()
            leg.hear((telephone,))
            telephone.hear((leg,))
            hung_up = asyncio.ensure_future(_end(telephone))
            await asyncio.wait({gone, hung_up}, return_when=asyncio.FIRST_COMPLETED)
            hung_up.cancel()
        finally:
            gone.cancel()


async def _answered(telephone: BridgeLeg) -> str | None:
    """`None` when it is answered, or why not: see `STATUS`."""
    try:
        while not isinstance(event := await telephone.next_event(), Answered):
            if isinstance(event, HungUp):
                return reason(event)
    except LegOver:
        return "failed"
    return None


async def _end(leg: BridgeLeg) -> None:
    try:
        while not isinstance(await leg.next_event(), HungUp):
            pass
    except LegOver:
        return
