"""Callers who wait for an agent: music, announcements, choices by key or voice, and the ringing of agents meanwhile.

One `Lobby` for each process with legs. Its `Keeper` follows the journal of queues and keeps its contacts' places.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, TypeVar

import redis
import structlog

from callcenter.queues.journal import Fact
from ivr.bridge.parts import Accepted, Ending, Offer
from ivr.channels.leg import CallLeg, Clip, Digit, PlayEnded
from ivr.channels.voice.ear import Ear
from ivr.channels.voice.hold import Said
from ivr.channels.voice.keeper import PATIENCE, WITHDRAWN, Dialling, Keeper
from ivr.channels.voice.line import Line
from ivr.channels.voice.manners import Manners
from ivr.channels.voice.overheard import Overheard
from ivr.channels.voice.transcript import Tell
from ivr.channels.voice.waiter import Waiter, choice, taken
from ivr.flow.effects import Enqueue, RequestCallback
from ivr.flow.inputs import CallbackBooked, Input, Queued, Refused, Served
from ivr.flow.session import Session
from ivr.queueing import Queueing

if TYPE_CHECKING:
    from ivr.bridge.conversation import Bridge

log = structlog.get_logger("callwright.voice")
T = TypeVar("T")


class Lobby:
    """`address` finds what to dial for an agent's device; it blocks, and gives "" where the device isn't there."""

    def __init__(
        self,
        queueing: Queueing,
        bridge: Bridge,
        manners: Manners,
        executor: Executor,
        address: Callable[[str, str], str],
        tell: Tell | None = None,
    ) -> None:
        self.tell = tell
        """Tells pages that follow a contact, as `callcenter.live.Live.publish` does."""
        self._queueing = queueing
        self._queues = queueing.queues
        self._bridge = bridge
        self._manners = manners
        self._executor = executor
        self._address = address
        self._waiters: dict[str, Waiter] = {}
        self._keeper = Keeper(queueing, executor, self._waiters)

    def start(self, dialling: Dialling) -> None:
        """Follow and keep, from now on, also what is `dialling`."""
        self._keeper.start(dialling)

    async def close(self) -> None:
        await self._keeper.close()

    # What a call does

    async def enter(self, session: Session, effect: Enqueue) -> Queued | Refused:
        """Take a place, or the one that the contact has."""
        waiter = self._waiters.get(session.contact_id)
        if waiter is None:
            # Before it joins: an offer may be made at once.
            waiter = self._waiters[session.contact_id] = Waiter(session, effect, self._queues.clock(), joined=False)
        waiter.session, waiter.effect, waiter.out = session, effect, False
        told = await self._blocking(self._queueing.enter, session, effect)
        if isinstance(told, Refused):
            self._waiters.pop(session.contact_id, None)
        else:
            waiter.joined = True
        return told

    def adopt(self, session: Session, effect: Enqueue, joined_at: float) -> None:
        """A contact that is in its queue already, and whose leg this process has now."""
        self._waiters[session.contact_id] = Waiter(session, effect, joined_at)

    async def connect(
        self, leg: CallLeg, session: Session, effect: Enqueue, joined_at: float, accepted: Accepted
    ) -> Ending:
        """A conversation with somebody whom we called. `requeue`: they have no agent (any more); `adopt` them then."""
        waiter = self._waiters[session.contact_id] = Waiter(session, effect, joined_at, called=True)
        try:
            return await self._converse(leg, waiter, accepted)
        finally:
            self._waiters.pop(session.contact_id, None)

    async def wait(
        self, line: Line, session: Session, effect: Enqueue, intro: Awaitable[Sequence[Clip]] | None = None,
        ear: Ear | None = None,
    ) -> Input:  # fmt: skip
        """Wait until there is something for the flow: a choice, news, an agent's part done. Agents are rung from the
        first moment on, also while `intro` is rendered and said. `ear` is the call's, where callers may speak. Raises
        `Gone`, and SpeechError for an intro that can't be said."""
        waiter = self._waiters.get(session.contact_id)
        if waiter is None:
            return await self.enter(session, effect)
        waiter.session, waiter.effect = session, effect
        overheard = Overheard(line, ear, effect.listen, waiter.wake)
        said = Said(line, await self._manners.music(effect, session.language), intro, overheard, waiter.wake)
        rings: dict[str, asyncio.Task[Accepted | None]] = {}
        try:
            return await self._wait(line, waiter, rings, said, overheard)
        finally:
            said.close()
            for ring in rings.values():
                ring.cancel()
            await asyncio.gather(*rings.values(), return_exceptions=True)

    async def book(self, session: Session, request: RequestCallback) -> CallbackBooked:
        """Give the line back and keep the place; or what else is to become of the person's callback."""
        booked = await self._blocking(self._queueing.book, session, request)
        if booked.booked and not request.cancel:
            self._waiters.pop(session.contact_id, None)
        return booked

    async def step_out(self, contact_id: str) -> None:
        """The caller does something else; the place is kept."""
        waiter = self._waiters.get(contact_id)
        if waiter is not None and not waiter.out:
            waiter.out = True
            await self._blocking(self._queueing.step_out, contact_id)

    async def left(self, contact_id: str, reason: str) -> None:
        """The call is over."""
        if self._waiters.pop(contact_id, None) is not None:
            await self._blocking(self._queueing.leave, contact_id, reason)

    # Waiting

    async def _wait(
        self, line: Line, waiter: Waiter, rings: dict[str, asyncio.Task[Accepted | None]], said: Said,
        overheard: Overheard,
    ) -> Input:  # fmt: skip
        chosen = choice(line, waiter.effect)
        if chosen is not None:
            return chosen
        news_at = line.now() + self._queues.queue(waiter.effect.queue).announce.every
        while True:
            waiter.wake.clear()
            said.go_on()
            spoken = overheard.take(said.music)
            if spoken is not None:
                line.leg.stop()
                return spoken
            for fact in taken(waiter):
                self._happened(fact, waiter, rings)
            accepted = await self._accepted(rings)
            if accepted is not None:
                overheard.close()
                served = await self._talk(line.leg, waiter, accepted, rings)
                if served is not None:
                    return served
                said.music()
            if waiter.announced is not None and not rings:
                announced, waiter.announced = waiter.announced, None
                line.leg.stop()
                return announced
            if waiter.facts or waiter.wake.is_set():
                continue
            woken = asyncio.ensure_future(waiter.wake.wait())
            try:
                event = await line.event(_first(None if rings else news_at, overheard), until=woken)
            finally:
                woken.cancel()
            if isinstance(event, PlayEnded):
                said.ended(event)
            elif isinstance(event, Digit):
                line.press(event)
                chosen = choice(line, waiter.effect)
                if chosen is not None:
                    line.leg.stop()
                    return chosen
            elif event is None and line.now() >= news_at and not rings and not overheard.speaking:
                told = await self._blocking(self._queueing.news, waiter.session.contact_id, waiter.effect.queue)
                if told is not None:
                    line.leg.stop()
                    return told
                news_at = line.now() + PATIENCE
            overheard.over()

    def _happened(self, fact: Fact, waiter: Waiter, rings: dict[str, asyncio.Task[Accepted | None]]) -> None:
        if fact.kind == "offer.made" and fact.offer not in rings:
            ring = rings[fact.offer] = asyncio.ensure_future(self._ring(fact, waiter))
            ring.add_done_callback(lambda _: waiter.wake.set())
        elif fact.kind in WITHDRAWN and (gone := rings.get(fact.offer)) is not None and not gone.done():
            gone.cancel()

    async def _ring(self, fact: Fact, waiter: Waiter) -> Accepted | None:
        """Ring the agent's device; `None` where the offer came to nothing."""
        try:
            device = str(fact.data.get("device", "desk"))
            target = await self._blocking(self._address, fact.agent, device)
            if not target:
                await self._blocking(self._queues.refuse, fact.offer, "failed")
                return None
            offer = Offer(
                id=fact.offer,
                contact_id=fact.contact,
                queue=fact.queue,
                agent_id=fact.agent,
                device=target,
                lease_until=float(fact.data.get("lease_until", fact.at + 20)),
                caller=waiter.session.caller,
            )
            return await self._bridge.ring(offer, await self._manners.of(fact.queue, target, waiter.session))
        except redis.RedisError as error:
            log.error("an agent can't be rung", offer=fact.offer, error=type(error).__name__)
            return None

    async def _accepted(self, rings: dict[str, asyncio.Task[Accepted | None]]) -> Accepted | None:
        """An agent who took an offer, if one did; rings that are over are forgotten, and a second agent let go."""
        first: Accepted | None = None
        for offer, ring in list(rings.items()):
            if not ring.done():
                continue
            del rings[offer]
            if ring.cancelled():
                continue
            if ring.exception() is not None:
                log.error("ringing failed", offer=offer, error=repr(ring.exception()))
                continue
            accepted = ring.result()
            if accepted is not None and first is None:
                first = accepted
            elif accepted is not None:
                await self._bridge.drop(accepted)
        return first

    async def _talk(
        self, leg: CallLeg, waiter: Waiter, accepted: Accepted, rings: dict[str, asyncio.Task[Accepted | None]]
    ) -> Served | None:
        """The conversation; `None` when the caller waits again."""
        for ring in rings.values():
            ring.cancel()
        await asyncio.gather(*rings.values(), return_exceptions=True)
        rings.clear()
        ending = await self._converse(leg, waiter, accepted)
        if ending.how == "requeue":
            return None
        self._waiters.pop(waiter.session.contact_id, None)
        return Served(accepted.offer.agent_id)

    async def _converse(self, leg: CallLeg, waiter: Waiter, accepted: Accepted) -> Ending:
        manner = await self._manners.of(accepted.offer.queue, accepted.offer.device, waiter.session)
        waiter.talking = (accepted.offer, self._queues.clock())
        try:
            ending = await self._bridge.talk(leg, accepted, manner)
        finally:
            waiter.talking = None
        log.info("talked", contact=waiter.session.contact_id, agent=accepted.offer.agent_id, how=ending.how)
        return ending

    async def _blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, functools.partial(work, *arguments))


def _first(news_at: float | None, overheard: Overheard) -> float | None:
    """When to look again if nothing happens. Who speaks isn't interrupted by news, nor is an agent's telephone."""
    times = [] if overheard.speaking else [time for time in (news_at, overheard.until) if time is not None]
    return min(times, default=None)
