"""Ringing an agent: the telephone, the whisper, the key; then the offer is accepted, or refused with a reason."""

from __future__ import annotations

import asyncio

import redis
import structlog

from ivr.bridge.facts import Facts
from ivr.bridge.parts import Accepted, Dialler, Manner, Offer, RefuseReason
from ivr.bridge.sounds import RINGING
from ivr.channels.leg import Answered, CallLeg, Digit, HungUp, LegOver, PlayEnded
from ivr.speech.pcm import silence

log = structlog.get_logger("callwright.bridge")

LONGEST_WHISPER = 15.0
"""Seconds, of the thirty from an agent's acceptance to the bridge (`callcenter.queues.base.CONNECT_SECONDS`)."""
BUSY, REJECTED, NO_ANSWER = ("486", "600"), ("403", "603", "606"), ("408", "480", "487", "no answer")


class _Refused(Exception):
    """The offer came to nothing."""

    def __init__(self, why: RefuseReason) -> None:
        super().__init__(why)
        self.why: RefuseReason = why


async def ring(offer: Offer, manner: Manner, dial: Dialler, facts: Facts) -> Accepted | None:
    """See the package's docstring. The agent's leg is hung up wherever this doesn't give it."""
    left = offer.lease_until - facts.clock()
    if left <= 0:
        return None  # told too late: the router has given it to somebody else, or will
    ends = asyncio.get_running_loop().time() + left
    leg: CallLeg | None = None
    given = False
    try:
        leg = await _dial(offer, dial, ends)
        async with asyncio.timeout_at(ends):
            await _answered(leg)
            if manner.accept_key:
                await _key(leg, manner)
        if not await _accept(offer, facts):
            return None
        if not manner.accept_key:
            await _whisper(leg, manner)
        given = True
        # a customer who is called back is dialled only now
        leg.play([silence(1.0), *RINGING], loop=True)
        return Accepted(offer, leg)
    except TimeoutError:
        await facts.say(facts.queues.refuse, offer.id, "no_answer")
    except _Refused as refused:
        await facts.say(facts.queues.refuse, offer.id, refused.why)
    finally:
        if leg is not None and not given:
            leg.hang_up()
    return None


async def _accept(offer: Offer, facts: Facts) -> bool:
    """False where another agent was first, or the offer has lapsed. It is asked once: an acceptance that Redis hears of
    when this agent has been let go would hold the caller back for half a minute."""
    try:
        return await facts.blocking(facts.queues.accept, offer.id)
    except redis.RedisError as error:
        log.error("an offer can't be accepted", offer=offer.id, kind=type(error).__name__)
        return False


async def _dial(offer: Offer, dial: Dialler, ends: float) -> CallLeg:
    seconds = ends - asyncio.get_running_loop().time()
    try:
        return await dial(address(offer.device), caller=offer.caller, timeout=seconds)
    except ValueError as error:
        log.error("an agent's device can't be dialled", agent=offer.agent_id, why=str(error))
        raise _Refused("failed") from None


def address(device: str) -> str:
    """What to dial for a device: `user:NAME` is a telephone that is registered with us."""
    kind, colon, name = device.partition(":")
    return f"sip:{name}@local" if kind == "user" and colon else device


async def _answered(leg: CallLeg) -> None:
    while not isinstance(event := await _next(leg), Answered):
        if isinstance(event, HungUp):
            raise _Refused(reason(event))


async def _key(leg: CallLeg, manner: Manner) -> None:
    """Say the whisper again and again until the key comes: what answers may be a machine."""
    leg.play([*manner.whisper, silence(1.0)], loop=True)
    while True:
        event = await _next(leg)
        if isinstance(event, HungUp):
            raise _Refused("rejected" if event.by == "peer" else "failed")
        if isinstance(event, Digit) and event.digit == manner.accept_key:
            leg.stop()
            return


async def _whisper(leg: CallLeg, manner: Manner) -> None:
    if not manner.whisper:
        return
    play = leg.play(manner.whisper)
    try:
        async with asyncio.timeout(LONGEST_WHISPER):
            while True:
                event = await _next(leg)
                if isinstance(event, HungUp):
                    raise _Refused("rejected" if event.by == "peer" else "failed")
                if isinstance(event, PlayEnded) and event.play == play:
                    return
    except TimeoutError:
        leg.stop()


async def _next(leg: CallLeg) -> object:
    try:
        return await leg.next_event()
    except LegOver:
        raise _Refused("failed") from None


def reason(event: HungUp) -> RefuseReason:
    """Why a call was not answered, from the SIP status that its end begins with (RFC 3261 section 21)."""
    if "not registered" in event.reason:
        return "failed"
    if event.reason.startswith(BUSY):
        return "busy"
    if event.reason.startswith(REJECTED):
        return "rejected"
    if event.reason.startswith(NO_ANSWER):
        return "no_answer"
    return "failed"
