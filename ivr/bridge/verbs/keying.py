"""Keys towards whom the agent talks to."""

from __future__ import annotations

from ivr.bridge.orders import payment_goes_on, verb
from ivr.bridge.state import CUSTOMER, Order, SendDigits
from ivr.bridge.turn import Turn

_KEYS = frozenset("0123456789*#ABCD")
MOST_DIGITS = 64


@verb
def digits(turn: Turn, order: Order) -> str:
    """Press keys towards whom the agent talks to."""
    keys = str(order.args.get("digits", "")).upper()
    if not keys or len(keys) > MOST_DIGITS or not set(keys) <= _KEYS:
        return f"up to {MOST_DIGITS} of the keys 0-9 * # A-D"
    third = turn.state.consulted
    if why := payment_goes_on(turn):
        return why
    turn.want(SendDigits(third if third and turn.party(third).up else CUSTOMER, keys))
    return ""
