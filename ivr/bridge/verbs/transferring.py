"""Somebody else for the customer: transfers, consultations and conferences."""

from __future__ import annotations

from ivr.bridge.orders import busy, payment_goes_on, verb
from ivr.bridge.state import Order, Refer, Target
from ivr.bridge.turn import Turn


def _target(order: Order) -> Target | None:
    """`to: {agent: ID}` or `to: {number: NUMBER}`."""
    to = order.args.get("to")
    if isinstance(to, dict):
        for kind in ("agent", "number"):
            value = to.get(kind)
            if isinstance(value, str) and value.strip():
                return Target(kind, value.strip())
    return None


@verb
def transfer(turn: Turn, order: Order) -> str:
    """At once: to a queue; to an agent or number, who rings while the customer hears that; or, with `refer`, by the
    customer's own side."""
    if why := busy(turn) or payment_goes_on(turn):
        return why
    to = order.args.get("to")
    queue = to.get("queue") if isinstance(to, dict) else None
    if isinstance(queue, str) and queue:
        turn.requeue(queue, "transferred")
        return ""
    target = _target(order)
    if target is None:
        return "say to whom: a queue, an agent or a number"
    if turn.state.consulted:
        return "there is a third party: complete, or return"
    if target.kind == "agent" and turn.named(target.value):
        return "that agent is on the line already"
    if order.args.get("refer"):
        if target.kind != "number":
            return "the customer's side can only call a number"
        turn.set(referring=True, held=False)
        turn.want(Refer(target.value))
        return ""
    turn.leave_for(turn.dial("consulted", target))
    return ""


@verb
def consult(turn: Turn, order: Order) -> str:
    """Ask somebody else, while the customer hears music."""
    return _third(turn, order, private=True)


@verb
def conference(turn: Turn, order: Order) -> str:
    """All three together: with whom is being consulted, or with somebody who is called now and joins by answering."""
    return merge(turn, order) if turn.state.consulted else _third(turn, order, private=False)


def _third(turn: Turn, order: Order, *, private: bool) -> str:
    if why := busy(turn) or payment_goes_on(turn):
        return why
    if turn.state.consulted:
        return "there is a third party already"
    target = _target(order)
    if target is None:
        return "say whom: an agent or a number"
    if target.kind == "agent" and turn.named(target.value):
        return "that agent is on the line already"
    turn.dial("consulted", target)
    turn.set(private=private, held=turn.state.held and not private)
    return ""


@verb
def merge(turn: Turn, order: Order) -> str:
    third = turn.state.consulted
    if not third or not turn.party(third).up:
        return "nobody is being consulted"
    turn.set(private=False, held=False)
    return ""


@verb
def complete(turn: Turn, order: Order) -> str:
    """The consulted party goes on with the customer, and the agent leaves; also while it still rings."""
    third = turn.state.consulted
    if not third or not turn.state.agent:
        return "nobody is being consulted"
    if turn.party(third).up:
        turn.hand_over(third, "transferred")
    else:
        turn.leave_for(third)
    return ""


@verb
def return_(turn: Turn, order: Order) -> str:
    """Back to the customer; the consulted party goes."""
    third = turn.state.consulted
    if not third:
        return "nobody is being consulted"
    turn.hang_up(third)
    turn.set(private=False, held=False)
    return ""
