"""hang_up: say goodbye and let go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.model import FlowSet, PromptRef, StepModel
from ivr.flow.turn import Leave, Turn
from ivr.flow.verb import verb


@verb
class HangUp(StepModel):
    """Say goodbye, if a prompt is given, and end the contact."""

    verb: ClassVar[str] = "hang_up"
    hang_up: PromptRef | None = None
    outcome: str = Field("completed", description="what the contact's record says of it")

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return ()

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        if self.hang_up is not None:
            yield ("hang_up",), self.hang_up

    def enter(self, turn: Turn) -> Leave:
        if self.hang_up is not None:
            turn.say(self.hang_up)
        turn.end(self.outcome)
        return "done"
