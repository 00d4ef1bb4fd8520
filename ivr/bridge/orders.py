"""What agents and supervisors may order in a conversation: one function a verb, registered under its own name.

A function gives "" when it is done, or in a few words why not. Who may order what is the desk's affair, which checks it
before an order is written; here it is only whether it makes sense now.
"""

from __future__ import annotations

from collections.abc import Callable

from ivr.bridge.machine import Turn
from ivr.bridge.state import (
    CUSTOMER,
    Answer,
    HangUp,
    Mode,
    Order,
    Refer,
    SendDigits,
    Target,
)

Verb = Callable[[Turn, Order], str]
VERBS: dict[str, Verb] = {}

NO_AGENT = "a transfer is under way"
PAYING = "a payment is being taken: wait for it, or stop it"
_KEYS = frozenset("0123456789*#ABCD")
MOST_DIGITS = 64


def verb(function: Verb) -> Verb:
    VERBS[function.__name__] = function
    return function


def obey(turn: Turn, order: Order) -> None:
    """Carry out an order, and answer it."""
    function = VERBS.get(order.verb)
    if function is None:
        why = f"there is no verb {order.verb[:40]!r}"
    elif not turn.state.started:
        why = "not connected yet"
    else:
        why = function(turn, order)
    if not why:
        turn.note(order.verb, by=order.by)
    turn.want(Answer(order.id, not why, why))


def busy(turn: Turn) -> str:
    """Why nothing can be begun now, or ""."""
    state = turn.state
    if state.announcing:
        return "the recording is being announced"
    return NO_AGENT if not state.agent or state.referring else ""


def payment_goes_on(turn: Turn) -> str:
    """Why nothing may come between the customer and a payment, or ""."""
    return PAYING if turn.state.paying else ""


def _target(order: Order) -> Target | None:
    """`to: {agent: ID}` or `to: {number: NUMBER}`; a supervisor's own order reaches himself."""
    to = order.args.get("to")
    if isinstance(to, dict):
        for kind in ("agent", "number"):
            value = to.get(kind)
            if isinstance(value, str) and value.strip():
                return Target(kind, value.strip())
    return None


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


@verb
def hang_up(turn: Turn, order: Order) -> str:
    """Leave. An agent who does so ends the conversation for the customer as well, as putting down the receiver does."""
    mine = turn.named(order.by)
    if not mine:
        return "you are not on the line"
    turn.want(HangUp(mine))
    turn.gone(mine, True, "hung_up")
    return ""


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


@verb
def record_pause(turn: Turn, order: Order) -> str:
    return _pause(turn, True)


@verb
def record_resume(turn: Turn, order: Order) -> str:
    return _pause(turn, False)


def _pause(turn: Turn, paused: bool) -> str:
    if not turn.state.recorded:
        return "this call is not recorded"
    turn.set(paused=paused)
    return ""


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


VERBS["return"] = VERBS.pop("return_")

from ivr.bridge import paying  # noqa: E402, F401 - registers its verbs
