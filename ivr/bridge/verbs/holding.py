"""Holding the customer, and muting whoever takes part."""

from __future__ import annotations

from ivr.bridge.orders import busy, payment_goes_on, verb
from ivr.bridge.state import CUSTOMER, Order
from ivr.bridge.turn import Turn


@verb
def hold(turn: Turn, order: Order) -> str:
    if why := busy(turn) or payment_goes_on(turn):
        return why
    if turn.state.private:
        return "the customer hears music already"
    turn.set(held=True)
    return ""


@verb
def resume(turn: Turn, order: Order) -> str:
    if turn.state.private:
        return "end the consultation first: merge, complete or return"
    if not turn.state.held:
        return "the customer is not held"
    turn.set(held=False)
    return ""


@verb
def mute(turn: Turn, order: Order) -> str:
    return _mute(turn, order, True)


@verb
def unmute(turn: Turn, order: Order) -> str:
    return _mute(turn, order, False)


def _mute(turn: Turn, order: Order, muted: bool) -> str:
    """Of who orders it, or of `args.party`: customer, consulted, or an agent's id."""
    named = order.args.get("party")
    party = CUSTOMER if named == "customer" else turn.state.consulted if named == "consulted" else ""
    party = party or turn.named(str(named or order.by))
    if party not in turn.state.parties:
        return "there is nobody of that name"
    turn.change(party, muted=muted)
    return ""
