"""What the desk makes of a call's facts is what the bridge's own machine knows of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from callcenter.desk.call_state import CallState, fold
from callcenter.events import Event
from ivr.bridge.machine import begin, step
from ivr.bridge.state import Answered, Charging, Gone, Note, Order, PaymentEnded, Started, State
from ivr.bridge.state import Event as Happening

AT = datetime(2026, 11, 22, tzinfo=UTC)
BEN: dict[str, Any] = {"to": {"agent": "ben"}}


def both(*happenings: Happening) -> tuple[State, CallState]:
    """The machine's state, and what the desk makes of the notes."""
    state = begin(queue="general", agent="ana", recorded=True, payments=True)
    events: list[Event] = []
    for happening in (Started(), *happenings):
        state, commands = step(state, happening)
        notes = [command for command in commands if isinstance(command, Note)]
        events += [Event(AT, "c", None, f"call.{note.kind}", note.data) for note in notes]
    return state, fold(events)


def order(verb: str, by: str = "ana", **args: object) -> Order:
    return Order("id", verb, by, args)


CONSULT = order("consult", **BEN)
UP = Answered("p1")


@pytest.mark.parametrize(
    "happenings",
    [
        (),
        (order("hold"),),
        (order("hold"), order("resume")),
        (order("hold"), CONSULT),
        (CONSULT, UP),
        (CONSULT, UP, order("merge")),
        (CONSULT, UP, order("merge"), order("hold")),
        (CONSULT, UP, order("return")),
        (CONSULT, Gone("p1", "busy")),
        (CONSULT, UP, order("complete")),
        (CONSULT, order("complete"), UP),
        (order("conference", **BEN), UP),
        (CONSULT, UP, order("conference")),
        (order("transfer", **BEN), UP),
        (order("record_pause"), order("secret_start")),
        (order("record_pause"), order("record_resume"), order("secret_start"), order("secret_end")),
        (order("listen", "sue"), Answered("p1"), CONSULT),
        (order("merge"), order("return"), order("explode")),
        (order("pay", account="1", amount=5),),
        (order("pay"), order("hold"), order("pay_stop")),
        (order("pay"), order("pay_stop"), PaymentEnded("stopped")),
        (order("pay"), Charging(), PaymentEnded("paid", {"confirmation": "1"})),
        (order("pay"), Gone("agent", "failed")),
        (order("join", "sue"), Answered("p1"), order("pay"), Gone("agent", "failed")),
    ],
)
def test_it_knows_what_the_machine_knows(happenings: tuple[Happening, ...]) -> None:
    state, call = both(*happenings)
    third = state.consulted
    known = (state.held, bool(third), state.private, state.paused, state.secret, bool(state.paying), state.over)
    told = (call.held, bool(call.third), call.private, call.paused, call.secret, call.paying, call.over)
    assert told == known
    if state.over:
        return
    assert call.serving == state.parties[state.agent].who
    if third:
        assert call.third == ("up" if state.parties[third].up else "rings")
        assert call.who == ("ben" if state.parties[third].up else "")


def test_a_transfer_that_is_under_way_and_one_that_failed() -> None:
    assert both(order("transfer", **BEN))[1].leaving
    assert both(CONSULT, order("complete"))[1].leaving
    state, call = both(order("transfer", **BEN), Gone("p1", "busy"))
    assert state.over
    assert (call.over, call.leaving) == (True, False)


def test_another_call_of_the_same_contact_begins_anew() -> None:
    held = [Event(AT, "c", None, kind, {"agent": "ana"}) for kind in ("call.connected", "call.hold", "call.connected")]
    assert fold(held) == CallState(serving="ana", over=False)
    assert fold([Event(AT, "c", None, "step", {})]) == CallState()
