"""Leaving the conversation."""

from __future__ import annotations

from ivr.bridge.orders import verb
from ivr.bridge.state import HangUp, Order
from ivr.bridge.turn import Turn


@verb
def hang_up(turn: Turn, order: Order) -> str:
    """Leave. An agent who does so ends the conversation for the customer as well, as putting down the receiver does."""
    mine = turn.named(order.by)
    if not mine:
        return "you are not on the line"
    turn.want(HangUp(mine))
    turn.gone(mine, True, "hung_up")
    return ""
