"""A secret that the customer says or keys: nobody hears it and nothing records it."""

from __future__ import annotations

from ivr.bridge.orders import busy, payment_goes_on, verb
from ivr.bridge.state import Order
from ivr.bridge.turn import Turn


@verb
def secret_start(turn: Turn, order: Order) -> str:
    """The customer keys or says a secret: nobody hears him, his keys go nowhere, and silence is recorded."""
    if why := busy(turn) or payment_goes_on(turn):
        return why
    turn.set(secret=True)
    return ""


@verb
def secret_end(turn: Turn, order: Order) -> str:
    if not turn.state.secret:
        return "no secret is being entered"
    turn.set(secret=False)
    return ""
