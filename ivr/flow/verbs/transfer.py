"""transfer: connect the caller to a number or a SIP address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.effects import Transfer as TransferEffect
from ivr.flow.inputs import Input, TransferEnded
from ivr.flow.model import Expression, FlowSet, PromptRef, Seconds, StepModel
from ivr.flow.turn import Leave, Turn
from ivr.flow.verb import verb


@verb
class Transfer(StepModel):
    """Connect the caller to somebody else. When that call ends well, so does this one (the exit `done`)."""

    verb: ClassVar[str] = "transfer"
    waits: ClassVar[bool] = True
    transfer: Expression = Field(description="an expression that gives a number or SIP address: \"'+15550100'\"")
    say: PromptRef | None = Field(None, description="what to say before")
    timeout: Seconds = Field(25, description="how long to let it ring")

    def needs(self) -> frozenset[str]:
        return frozenset({"transfer"})

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return ("done", "busy", "no_answer", "failed")

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        if self.say is not None:
            yield ("say",), self.say

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("transfer",), str(self.transfer)

    def enter(self, turn: Turn) -> Leave:
        target = turn.evaluate(self.transfer)
        if not target:
            turn.event("fault", what="the transfer has no target")
            return "failed"
        if self.say is not None:
            turn.say(self.say)
        turn.event("transfer", target=str(target))
        turn.emit(TransferEffect(str(target), self.timeout))
        return turn.wait("TransferEnded")

    def resume(self, turn: Turn, given: Input) -> Leave:
        assert isinstance(given, TransferEnded)
        return "done" if given.result == "answered" else given.result
