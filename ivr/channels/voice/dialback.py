"""Callbacks on the line: an agent is reserved, rung and waits; then the customer is called and the two are connected.

So no customer ever picks up to silence, and there are never more calls out than agents who wait for them.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import redis
import structlog

from callcenter.campaigns.feeding import of_entry
from callcenter.queues.callbacks import NotInQueue
from callcenter.queues.journal import Fact
from callcenter.queues.store import Queues
from ivr.bridge.parts import Accepted, Dialler, Manner, Offer
from ivr.channels.leg import CallLeg, HungUp, LegOver, PlayEnded
from ivr.channels.voice.greeting import answered
from ivr.channels.voice.line import Gone, Line
from ivr.channels.voice.manners import Manners
from ivr.channels.voice.preview import agreed
from ivr.channels.voice.waiting import Lobby
from ivr.flow.effects import Enqueue
from ivr.flow.inputs import Served
from ivr.flow.session import Session

if TYPE_CHECKING:
    from ivr.bridge.conversation import Bridge

log = structlog.get_logger("callwright.voice")
T = TypeVar("T")

SPARE_SECONDS = 5.0
"""For last words to begin and end."""
PATIENCE = 10.0
"""Seconds in which a callback that the store has lost is put back, or was none any more."""


@dataclass(eq=False)
class _Dial:
    """From the claim to the conversation. `accepted`: the agent is on the line. `unknown`: since when the store hasn't
    known the callback, on its clock."""

    fact: Fact
    accepted: bool = False
    unknown: float | None = None


class Dialback:
    """As `ivr.channels.voice.keeper.Dialling` says. Of all processes one dials: who wins `claim_callback`. `elsewhere`
    says whether a contact of that channel, for an agent on that device, is left to others. `hindered` says why a
    contact of a campaign may not be called at this moment, "" if it may; it blocks."""

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
        hindered: Callable[[str], str] = lambda contact: "",
    ) -> None:
        self._elsewhere, self._hindered = elsewhere, hindered
        self._queues, self._bridge, self._manners, self._lobby = queues, bridge, manners, lobby
        self._executor, self._address, self._dial, self._holder = executor, address, dial, holder
        self._running: dict[str, asyncio.Task[None]] = {}
        """By contact."""
        self._dialling: dict[str, asyncio.Task[None]] = {}
        """By offer, until the conversation begins."""
        self._dials: dict[str, _Dial] = {}
        """By contact, those that this process has claimed."""
        self._saying: set[asyncio.Task[None]] = set()
        """What is said to customers whom nobody waits for any more."""

    @property
    def dials(self) -> Mapping[str, str]:
        return {contact: dial.fact.offer for contact, dial in self._dials.items()}

    async def forgotten(self, contact_id: str) -> None:
        """It goes on if it may, else it ends: never are two agents rung for one customer."""
        dial = self._dials.get(contact_id)
        if dial is None:
            return
        fact = dial.fact
        restore = functools.partial(
            self._queues.restore_dial, fact.offer, contact_id, fact.agent, device=_device(fact), holder=self._holder,
            accepted=dial.accepted,
        )  # fmt: skip
        goes_on, now = await self._blocking(restore), self._queues.clock()
        if goes_on:
            log.warning("a callback is put back", contact=contact_id, offer=fact.offer)
        if goes_on is not None:
            dial.unknown = None
        elif dial.unknown is None:
            dial.unknown = now
        if goes_on is False or (dial.unknown is not None and now - dial.unknown > PATIENCE):
            self._take_back(fact.offer, contact_id, "forgotten")

    def follow(self, fact: Fact) -> None:
        if fact.kind != "callback.due":
            # The customer is on another line, or wants no call now; or the agent's time is over.
            self._take_back(fact.offer, fact.contact, fact.kind)
        elif fact.contact not in self._running:
            task = self._running[fact.contact] = self._dialling[fact.offer] = asyncio.ensure_future(self._guarded(fact))
            task.add_done_callback(lambda done: self._over(fact, done))

    def _take_back(self, offer: str, contact: str, how: str) -> None:
        task = self._dialling.pop(offer, None)
        if task is not None:
            log.info("a callback is taken back", contact=contact, offer=offer, how=how)
            task.cancel()

    def _over(self, fact: Fact, task: asyncio.Task[None]) -> None:
        self._dialling.pop(fact.offer, None)
        if self._running.get(fact.contact) is task:
            del self._running[fact.contact]

    async def close(self) -> None:
        tasks = [*self._running.values(), *self._saying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _guarded(self, fact: Fact) -> None:
        try:
            entry = await self._blocking(self._queues.entry, fact.contact)
            if self._elsewhere(entry.get("channel", ""), _device(fact)):
                return
            if await self._blocking(self._queues.claim_callback, fact.offer, self._holder):
                dial = self._dials[fact.contact] = _Dial(fact)
                try:
                    await self._call_back(dial)
                finally:
                    self._dials.pop(fact.contact, None)
        except (redis.RedisError, NotInQueue, ValueError) as error:
            log.error("a callback failed", contact=fact.contact, offer=fact.offer, error=f"{type(error).__name__}")

    async def _call_back(self, dial: _Dial) -> None:
        fact = dial.fact
        entry = await self._blocking(self._queues.entry, fact.contact)
        session, campaign = _session(fact.contact, entry), of_entry(entry)
        if campaign and not await self._may(fact):
            return
        target = await self._blocking(self._address, fact.agent, _device(fact))
        if not target:
            await self._blocking(self._queues.refuse, fact.offer, "failed")
            return
        lease = float(fact.data.get("lease_until", fact.at + 20))
        if campaign.get("preview"):
            if not await agreed(self._queues, fact.offer, float(campaign["preview_seconds"]), self._executor):
                return
            lease = self._queues.clock() + self._queues.queue(fact.queue).offer_seconds
        offer = Offer(fact.offer, fact.contact, fact.queue, fact.agent, target, lease, session.caller)
        manner = await self._manners.of(fact.queue, target, session)
        accepted = await self._bridge.ring(offer, manner)
        if accepted is None:
            return
        dial.accepted = True
        try:
            leg = await self._reach(fact, entry["number"], session, accepted, manner, campaign)
        except BaseException:
            await self._bridge.drop(accepted)
            raise
        if leg is None:
            await self._bridge.drop(accepted)
            return
        # From now on the queue decides: an offer that was taken back connects nobody.
        self._dialling.pop(fact.offer, None)
        self._dials.pop(fact.contact, None)
        effect = Enqueue(fact.queue, told=True)
        ending = await self._lobby.connect(leg, session, effect, float(entry["joined_at"]), accepted)
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

    async def _may(self, fact: Fact) -> bool:
        """Whether a campaign's customer may be called at this moment. If not, the agent is let go and the person goes
        back to the list."""
        why = await self._blocking(self._hindered, fact.contact)
        if why:
            self._dialling.pop(fact.offer, None)
            await self._blocking(self._queues.cancel_callback, fact.contact, why)
            log.info("not called", contact=fact.contact, why=why)
        return not why

    async def _reach(
        self,
        fact: Fact,
        number: str,
        session: Session,
        accepted: Accepted,
        manner: Manner,
        campaign: Mapping[str, Any],
    ) -> CallLeg | None:
        """The customer on the line, having pressed the key; the agent hears music meanwhile."""
        rule = self._queues.queue(fact.queue).callback
        accepted.leg.play(manner.music, loop=True)
        if campaign and not await self._may(fact):  # it took the agent a while to answer
            return None
        words = str(campaign.get("greeting") or "system.callback_greeting")
        greeting = await self._manners.said(words, session.language)  # nobody picks up while it is being rendered
        rings = float(campaign.get("ring_seconds") or rule.ring_seconds)
        try:
            leg = await self._dial(number, caller=str(campaign.get("caller_id") or ""), timeout=rings)
        except ValueError as error:  # nowhere to dial it at
            log.error("a number can't be dialled", contact=fact.contact, why=str(error))
            await self._blocking(self._queues.callback_tried, fact.offer, "failed")
            return None
        try:
            result = await answered(leg, accepted.leg, greeting, rings, campaign)
        except BaseException:
            leg.hang_up()
            raise
        if result == "answered":
            return leg
        if result == "declined":
            self._dialling.pop(fact.offer, None)
            await self._blocking(self._queues.cancel_callback, fact.contact, "declined")
            log.info("wants no calls", contact=fact.contact)
            self._last_words(leg, "system.campaign_declined", session)
        elif result == "agent_gone":
            leg.hang_up()
            await self._blocking(self._queues.refuse, fact.offer, "failed")
        else:
            self._dialling.pop(fact.offer, None)
            outcome = await self._blocking(self._queues.callback_tried, fact.offer, result)
            log.info("callback tried", contact=fact.contact, result=result, then=outcome)
            self._last_words(leg, str(campaign.get("machine") or "") if result == "machine" else "", session)
        return None

    def _last_words(self, leg: CallLeg, words: str, session: Session) -> None:
        """Say this to the end, if anything, and hang up; the agent doesn't wait for it."""
        task = asyncio.ensure_future(self._say(leg, words, session))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)

    async def _say(self, leg: CallLeg, words: str, session: Session) -> None:
        try:
            clips = await self._manners.said(words, session.language) if words else []
            if clips:
                playing = leg.play(clips)
                async with asyncio.timeout(sum(clip.seconds for clip in clips) + SPARE_SECONDS):
                    event = await leg.next_event()
                    while not (isinstance(event, HungUp) or (isinstance(event, PlayEnded) and event.play == playing)):
                        event = await leg.next_event()
        except (TimeoutError, LegOver):
            pass
        finally:
            leg.hang_up()

    async def _blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, functools.partial(work, *arguments))


def _device(fact: Fact) -> str:
    return str(fact.data.get("device") or "desk")


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
