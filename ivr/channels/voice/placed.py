"""A leg that we have dialled: waiting until somebody picks up, or hangs up."""

from __future__ import annotations

from typing import Final

from ivr.channels.leg import Answered, CallLeg, HungUp, LegOver

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


async def until_gone(leg: CallLeg) -> None:
    """Until it is over; what else it tells is nobody's."""
    try:
        while not isinstance(await leg.next_event(), HungUp):
            pass
    except LegOver:
        return
