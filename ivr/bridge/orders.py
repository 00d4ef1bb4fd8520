"""What agents and supervisors may order in a conversation: one function a verb, registered under its own name.

A function gives "" when it is done, or in a few words why not. Who may order what is the desk's affair, which checks it
before an order is written; here it is only whether it makes sense now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from ivr.bridge.state import Answer, Order
from ivr.bridge.turn import Turn
from ivr.flow.registry import import_all

Verb = Callable[[Turn, Order], str]
_registered: dict[str, Verb] = {}

NO_AGENT = "a transfer is under way"
PAYING = "a payment is being taken: wait for it, or stop it"


def verb(function: Verb) -> Verb:
    """Register a verb under its name; what is a word of Python's has an underscore behind it."""
    _registered[function.__name__.rstrip("_")] = function
    return function


@cache
def verbs() -> Mapping[str, Verb]:
    """Every verb by its name, from the modules in `ivr/bridge/verbs/`."""
    import_all("ivr.bridge.verbs")
    return _registered


def obey(turn: Turn, order: Order) -> None:
    """Carry out an order, and answer it."""
    function = verbs().get(order.verb)
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
