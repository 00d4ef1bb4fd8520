"""Pausing the recording."""

from __future__ import annotations

from ivr.bridge.orders import verb
from ivr.bridge.state import Order
from ivr.bridge.turn import Turn


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
