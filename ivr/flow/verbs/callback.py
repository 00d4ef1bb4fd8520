"""callback: be called back, keeping the place in the queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.effects import RequestCallback
from ivr.flow.inputs import CallbackBooked, Input
from ivr.flow.model import Expression, FlowSet, SlotName, StepModel
from ivr.flow.turn import Leave, Turn
from ivr.flow.verb import verb
from ivr.flow.verbs.queue import BOOKED, booked, told_to_agents


@verb
class Callback(StepModel):
    """Book a callback. Whoever waits in a queue keeps the place there, and a callback that the caller waits for already
    is moved; the exit `done` means that it is booked. With `cancel`, that callback is given up instead."""

    verb: ClassVar[str] = "callback"
    waits: ClassVar[bool] = True
    parts: ClassVar[frozenset[str]] = BOOKED
    callback: str = Field(description="the queue of queues.yaml to wait in, if the contact waits in none yet")
    number: Expression = Field("caller", description="an expression that gives the number to call")
    at: Expression | None = Field(
        None, description="an expression for when: '2026-01-31T15:00'; by default as soon as the turn comes"
    )

    cancel: bool = Field(False, description="whether to give up the callback that the caller waits for")
    into: SlotName = Field("callback", description="the slot for when it is made, or may be")

    def needs(self) -> frozenset[str]:
        return frozenset({"queue"})

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return ("done", "none") if self.cancel else ("done", "bad_number", "closed", "too_far")

    def fills(self, flows: FlowSet) -> Mapping[str, frozenset[str]]:
        return {} if self.cancel else {self.into: frozenset({"done", "closed", "too_far"})}

    def target(self, exit: str) -> str | None:
        """`too_far` leads where `closed` does, unless the step says otherwise."""
        return super().target(exit) or (super().target("closed") if exit == "too_far" else None)

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        if not self.cancel:
            yield ("number",), str(self.number)
        if self.at is not None:
            yield ("at",), str(self.at)

    def enter(self, turn: Turn) -> Leave:
        if self.cancel:
            turn.event("callback_unwanted", queue=self.callback)
            turn.emit(RequestCallback(self.callback, "", cancel=True))
            return turn.wait("CallbackBooked")
        number = str(turn.evaluate(self.number) or "")
        at = "" if self.at is None else str(turn.evaluate(self.at) or "")
        if not number:
            return "bad_number"
        turn.event("callback_wanted", queue=self.callback, at=at)
        turn.emit(RequestCallback(self.callback, number, at, told_to_agents(turn)))
        return turn.wait("CallbackBooked", number=number)

    def resume(self, turn: Turn, given: Input) -> Leave:
        assert isinstance(given, CallbackBooked)
        why = "done" if given.booked else given.why
        if why in self.fills(turn.flows).get(self.into, ()):
            # Taken for `closed`, the last day of all is no next possible time.
            at = given.at if why != "too_far" or "too_far" in self.exits else ""
            turn.fill(self.into, booked(at, str(turn.state.get("number", ""))))
        return why if why in self.ways_out(turn.flows) else "failed"
