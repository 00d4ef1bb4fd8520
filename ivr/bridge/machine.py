"""PURE: the conversation as a state machine, `step(state, event) -> (state, commands)`.

    ring ──accepted──> [announcing] ──> talking <──> held
                                          │  ↑
                     consult ──> private (rings, then talks) ──merge──> conference
                                          │                               │
                          complete, or the agent hangs up: the third party serves the customer
                     transfer ──> rings, without an agent ──> talking with the new one, or back into the queue

Two rules, whatever happens in whatever order: everybody who is on the line hears somebody or a sound, and no leg stays
up with nobody there; and a customer is never hung up on because something failed on the agent's side. He goes back
into the queue, with the time at which he joined it first.
"""

from __future__ import annotations

from ivr.bridge.orders import obey
from ivr.bridge.state import (
    CUSTOMER,
    Answer,
    Answered,
    Charging,
    Command,
    Event,
    Gone,
    HangUp,
    OfferLost,
    Order,
    Party,
    PaymentEnded,
    Played,
    ReferEnded,
    Started,
    State,
)
from ivr.bridge.turn import Turn

AGENT = "agent"
"""The id of the agent who took the offer; later parties are `p1`, `p2`, ..."""


def begin(*, queue: str, agent: str, recorded: bool = False, consent: bool = False, payments: bool = False) -> State:
    """Customer and agent on the line, not connected yet. `agent` is an agent's id; `consent`: a recording is announced
    first; `payments`: `TakePayment` can be carried out."""
    parties = {CUSTOMER: Party("customer", up=True), AGENT: Party("agent", agent, up=True)}
    return State(queue, parties, AGENT, announcing=recorded and consent, recorded=recorded, payments=payments)


def step(state: State, event: Event) -> tuple[State, tuple[Command, ...]]:
    """What becomes of a conversation by an event, and what is to be done then, in order. Never raises."""
    if state.over:
        return state, _late(event)
    turn = Turn(state)
    match event:
        case Started():
            turn.start()
        case Answered(party):
            turn.answered(party)
        case Gone(party, why):
            turn.gone(party, why == "hung_up", why)
        case Played(party):
            turn.announced(party)
        case ReferEnded(ok):
            turn.refer_ended(ok)
        case OfferLost():
            turn.offer_lost()
        case Charging(on):
            if state.paying in ("asking", "charging"):
                turn.set(paying="charging" if on else "asking")
        case PaymentEnded(result, data):
            turn.payment_ended(result, data)
        case Order():
            obey(turn, event)
    return turn.state, turn.commands(state)


def _late(event: Event) -> tuple[Command, ...]:
    match event:
        case Answered(party):
            return (HangUp(party),)
        case Order(id):
            return (Answer(id, False, "the call is over"),)
    return ()


__all__ = ["AGENT", "begin", "step"]
