"""callback: be called back, keeping the place in the queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.effects import RequestCallback
from ivr.flow.inputs import CallbackBooked, Input
from ivr.flow.model import Expression, FlowSet, StepModel
from ivr.flow.turn import Leave, Turn
from ivr.flow.verb import verb
from ivr.flow.verbs.queue import told_to_agents


@verb
class Callback(StepModel):
    """Book a callback. Whoever waits in a queue keeps the place there; the exit `done` means that it is booked."""

    verb: ClassVar[str] = "callback"
    waits: ClassVar[bool] = True
    callback: str = Field(description="the queue of queues.yaml to wait in, if the contact waits in none yet")
    number: Expression = Field("caller", description="an expression that gives the number to call")
    at: Expression | None = Field(
        None, description="an expression for when: '2026-01-31T15:00'; by default as soon as the turn comes"
    )

    def needs(self) -> frozenset[str]:
        return frozenset({"queue"})

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return ("done", "bad_number", "closed")

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("number",), str(self.number)
        if self.at is not None:
            yield ("at",), str(self.at)

    def enter(self, turn: Turn) -> Leave:
        number = str(turn.evaluate(self.number) or "")
        at = "" if self.at is None else str(turn.evaluate(self.at) or "")
        if not number:
            return "bad_number"
        turn.event("callback_wanted", queue=self.callback, at=at)
        turn.emit(RequestCallback(self.callback, number, at, told_to_agents(turn)))
        return turn.wait("CallbackBooked")

    def resume(self, turn: Turn, given: Input) -> Leave:
        assert isinstance(given, CallbackBooked)
        if given.booked:
            return "done"
        return given.why if given.why in ("bad_number", "closed") else "failed"
