"""What supervisors do: listen, whisper to the agent, join in, take the call over."""

from __future__ import annotations

from ivr.bridge.orders import busy, payment_goes_on, verb
from ivr.bridge.state import Mode, Order, Target
from ivr.bridge.turn import Turn


@verb
def listen(turn: Turn, order: Order) -> str:
    return _supervise(turn, order, "listen")


@verb
def whisper(turn: Turn, order: Order) -> str:
    """Only the agent hears it."""
    return _supervise(turn, order, "whisper")


@verb
def join(turn: Turn, order: Order) -> str:
    return _supervise(turn, order, "join")


def _supervise(turn: Turn, order: Order, mode: Mode) -> str:
    if why := busy(turn):
        return why
    mine = turn.named(order.by)
    if not order.by:
        return "who is it?"
    if not mine:
        turn.dial("supervisor", Target("agent", order.by), mode=mode)
    elif turn.party(mine).role == "supervisor":
        turn.change(mine, mode=mode)
    else:
        return "you take part in the call"
    return ""


@verb
def take_over(turn: Turn, order: Order) -> str:
    why = payment_goes_on(turn) or _supervise(turn, order, "take_over")
    mine = turn.named(order.by)
    if not why and turn.party(mine).up:
        turn.take_over(mine)
    return why
