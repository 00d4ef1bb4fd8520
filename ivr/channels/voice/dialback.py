"""Callbacks on the line: an agent is reserved, rung and waits; then the customer is called and the two are connected.

So no customer ever picks up to silence, and there are never more calls out than agents who wait for them.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, TypeVar

import redis
import structlog

from callcenter.queues.callbacks import NotInQueue
from callcenter.queues.journal import Fact
from callcenter.queues.store import Queues
from ivr.bridge.parts import Accepted, Dialler, Manner, Offer
from ivr.channels.leg import Answered, CallLeg, Digit, HungUp, LegOver
from ivr.channels.voice.line import Gone, Line
from ivr.channels.voice.manners import Manners
from ivr.channels.voice.waiting import Lobby
from ivr.flow.effects import Enqueue
from ivr.flow.inputs import Served
from ivr.flow.session import Session

if TYPE_CHECKING:
    from ivr.bridge.conversation import Bridge

log = structlog.get_logger("callwright.voice")
T = TypeVar("T")

KEY = "1"
KEY_SECONDS = 12.0
"""How long the customer has to press the key, from the greeting's beginning; an answering machine never does."""
BUSY = ("486", "600")


class Dialback:
    """`follow` takes the journal's `callback.due`, and offers that are taken back. Of all processes one dials: who wins
    `claim_callback`. `elsewhere` says whether a contact of that channel, for an agent on that device, is left to
    others."""

    def __init__(
        self,
        queues: Queues,
        bridge: Bridge,
        manners: Manners,
        executor: Executor,
        address: Callable[[str, str], str],
        dial: Dialler,
        holder: str,
        lobby: Lobby,
        elsewhere: Callable[[str, str], bool] = lambda channel, device: False,
    ) -> None:
        self._elsewhere = elsewhere
        self._queues, self._bridge, self._manners, self._lobby = queues, bridge, manners, lobby
        self._executor, self._address, self._dial, self._holder = executor, address, dial, holder
        self._running: dict[str, asyncio.Task[None]] = {}
        """By contact."""
        self._dialling: dict[str, asyncio.Task[None]] = {}
        """By offer, until the conversation begins."""

    @property
    def contacts(self) -> list[str]:
        """The contacts that are being called back by this process, to be kept."""
        return list(self._running)

    def follow(self, fact: Fact) -> None:
        if fact.kind != "callback.due":
            # The customer is on another line, or wants no call now; or the agent's time is over.
            task = self._dialling.pop(fact.offer, None)
            if task is not None:
                log.info("a callback is taken back", contact=fact.contact, offer=fact.offer, how=fact.kind)
                task.cancel()
        elif fact.contact not in self._running:
            task = self._running[fact.contact] = self._dialling[fact.offer] = asyncio.ensure_future(self._guarded(fact))
            task.add_done_callback(lambda done: self._over(fact, done))

    def _over(self, fact: Fact, task: asyncio.Task[None]) -> None:
        self._dialling.pop(fact.offer, None)
        if self._running.get(fact.contact) is task:
            del self._running[fact.contact]

    async def close(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _guarded(self, fact: Fact) -> None:
        try:
            entry = await self._blocking(self._queues.entry, fact.contact)
            if self._elsewhere(entry.get("channel", ""), str(fact.data.get("device", ""))):
                return
            if await self._blocking(self._queues.claim_callback, fact.offer, self._holder):
                await self._call_back(fact)
        except (redis.RedisError, NotInQueue, ValueError) as error:
            log.error("a callback failed", contact=fact.contact, offer=fact.offer, error=f"{type(error).__name__}")

    async def _call_back(self, fact: Fact) -> None:
        entry = await self._blocking(self._queues.entry, fact.contact)
        session = _session(fact.contact, entry)
        target = await self._blocking(self._address, fact.agent, str(fact.data.get("device", "desk")))
        if not target:
            await self._blocking(self._queues.refuse, fact.offer, "failed")
            return
        lease = float(fact.data.get("lease_until", fact.at + 20))
        offer = Offer(fact.offer, fact.contact, fact.queue, fact.agent, target, lease, session.caller)
        manner = await self._manners.of(fact.queue, target, session)
        accepted = await self._bridge.ring(offer, manner)
        if accepted is None:
            return
        try:
            leg = await self._reach(fact, entry["number"], session, accepted, manner)
        except BaseException:
            await self._bridge.drop(accepted)
            raise
        if leg is None:
            await self._bridge.drop(accepted)
            return
        # From now on the queue decides: an offer that was taken back connects nobody.
        self._dialling.pop(fact.offer, None)
        ending = await self._bridge.talk(leg, accepted, manner)
        log.info("called back", contact=fact.contact, agent=fact.agent, how=ending.how)
        if ending.how == "requeue":
            await self._wait_again(leg, session, Enqueue(ending.queue or fact.queue, told=True))
        leg.hang_up()

    async def _wait_again(self, leg: CallLeg, session: Session, effect: Enqueue) -> None:
        """The agent was lost or transferred the customer, or the offer had lapsed: the line is held, with music, for
        the next one. Not for somebody who is being served elsewhere by now."""
        take = functools.partial(self._queues.take_callback, channel=session.channel, holder=self._holder)
        place = await self._blocking(take, session.contact_id, session.contact_id)
        if place is None:
            log.info("nobody is to be called back any more", contact=session.contact_id)
            return
        self._lobby.adopt(session, effect, place.joined_at)
        try:
            while not isinstance(await self._lobby.wait(Line(leg), session, effect), Served):
                pass
        except (Gone, LegOver):
            await self._lobby.left(session.contact_id, "abandoned")

    async def _reach(
        self, fact: Fact, number: str, session: Session, accepted: Accepted, manner: Manner
    ) -> CallLeg | None:
        """The customer on the line, having pressed the key; the agent hears music meanwhile."""
        rule = self._queues.queue(fact.queue).callback
        accepted.leg.play(manner.music, loop=True)
        leg = await self._dial(number, timeout=rule.ring_seconds)
        try:
            result = await self._answered(leg, accepted, session, rule.ring_seconds)
        except BaseException:
            leg.hang_up()
            raise
        if result == "answered":
            return leg
        leg.hang_up()
        if result == "agent_gone":
            await self._blocking(self._queues.refuse, fact.offer, "failed")
        else:
            outcome = await self._blocking(self._queues.callback_tried, fact.offer, result)
            log.info("callback tried", contact=fact.contact, result=result, then=outcome)
        return None

    async def _answered(self, leg: CallLeg, accepted: Accepted, session: Session, ring_seconds: float) -> str:
        """`answered`, or why not: no_answer, busy, machine, failed, agent_gone."""
        gone = asyncio.ensure_future(_until_gone(accepted.leg))
        try:
            async with asyncio.timeout(ring_seconds + KEY_SECONDS + 2):
                customer = asyncio.ensure_future(self._greet(leg, session))
                try:
                    await asyncio.wait({customer, gone}, return_when=asyncio.FIRST_COMPLETED)
                    return customer.result() if customer.done() else "agent_gone"
                finally:
                    customer.cancel()
        except TimeoutError:
            return "no_answer"
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)

    async def _greet(self, leg: CallLeg, session: Session) -> str:
        event = await leg.next_event()
        while not isinstance(event, Answered | HungUp):
            event = await leg.next_event()
        if isinstance(event, HungUp):
            if event.by == "us":
                return "no_answer"
            return "busy" if event.reason.startswith(BUSY) else "no_answer" if event.by == "peer" else "failed"
        leg.play(await self._manners.said("system.callback_greeting", session.language), loop=True)
        try:
            async with asyncio.timeout(KEY_SECONDS):
                while True:
                    event = await leg.next_event()
                    if isinstance(event, HungUp):
                        return "machine"  # it hung up on us, or a person did: asked again later either way
                    if isinstance(event, Digit) and event.digit == KEY:
                        leg.stop()
                        return "answered"
        except TimeoutError:
            return "machine"

    async def _blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, functools.partial(work, *arguments))


async def _until_gone(leg: CallLeg) -> None:
    try:
        while not isinstance(await leg.next_event(), HungUp):
            pass
    except LegOver:
        return


def _session(contact_id: str, entry: dict[str, str]) -> Session:
    """As much of a session as prompts and agents' telephones need."""
    return Session(
        id="",
        contact_id=contact_id,
        channel="sip",
        capabilities=frozenset(),
        flow_hash="",
        language=entry.get("language") or "en",
        caller=entry.get("number", ""),
    )
