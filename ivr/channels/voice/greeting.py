"""Whether a person answers whom we call for an agent: a greeting is said again and again until they press the key."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from ivr.channels.leg import CallLeg, Clip, Digit, HungUp
from ivr.channels.voice.placed import picked_up, until_gone

KEY = "1"
KEY_SECONDS = 12.0
"""How long the customer has to press the key, from the greeting's beginning; an answering machine never does."""
DECLINE_KEY = "9"
"""By which whom a campaign calls asks for no more calls."""


async def answered(
    leg: CallLeg,
    agent: CallLeg,
    greeting: Sequence[Clip],
    ring_seconds: float,
    campaign: Mapping[str, Any],
) -> str:
    """`answered`, or why not: no_answer, busy, machine, failed, declined, agent_gone. `agent` is the leg of whoever
    waits for it; of a campaign there may be a key to decline."""
    gone = asyncio.ensure_future(until_gone(agent))
    try:
        async with asyncio.timeout(ring_seconds + KEY_SECONDS + 2):
            customer = asyncio.ensure_future(_greet(leg, greeting, campaign))
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


async def _greet(leg: CallLeg, greeting: Sequence[Clip], campaign: Mapping[str, Any]) -> str:
    """What whoever is called does: see `answered`."""
    missed = await picked_up(leg)
    if missed:
        return missed
    if campaign.get("answered") == "at_once":
        return "answered"
    leg.play(greeting, loop=True)
    try:
        async with asyncio.timeout(KEY_SECONDS):
            while True:
                event = await leg.next_event()
                if isinstance(event, HungUp):
                    return "machine"  # it hung up on us, or a person did: asked again later either way
                if isinstance(event, Digit) and event.digit == KEY:
                    leg.stop()
                    return "answered"
                if isinstance(event, Digit) and event.digit == DECLINE_KEY and campaign:
                    return "declined"
    except TimeoutError:
        return "machine"
