"""A leg that we have dialled: waiting until somebody picks up."""

from __future__ import annotations

from typing import Final

from ivr.channels.leg import Answered, CallLeg, HungUp

BUSY: Final = ("486", "600")


async def picked_up(leg: CallLeg) -> str:
    """ "" once the leg is answered, else why it isn't: no_answer, busy, failed."""
    event = await leg.next_event()
    while not isinstance(event, Answered | HungUp):
        event = await leg.next_event()
    if isinstance(event, Answered):
        return ""
    if event.by == "us":
        return "no_answer"
    return "busy" if event.reason.startswith(BUSY) else "no_answer" if event.by == "peer" else "failed"
