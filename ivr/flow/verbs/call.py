"""call: run another flow and come back."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.model import FlowSet, StepModel
from ivr.flow.turn import CallFlow, Leave, Turn
from ivr.flow.verb import verb


@verb
class Call(StepModel):
    """Run another flow; its `return NAME` is the exit NAME here, its `return` the exit `done`."""

    verb: ClassVar[str] = "call"
    call: str = Field(description="the flow's name: its file without .yaml")

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        called = flows.flows.get(self.call)
        return returns(called.steps.values()) if called else ("done",)

    def enter(self, turn: Turn) -> Leave:
        return CallFlow(self.call)


def returns(steps: Any) -> tuple[str, ...]:
    """The exits that a flow's steps return by."""
    names = set()
    for step in steps:
        for _, _, target in step.targets():
            if target.split()[0] == "return":
                names.add([*target.split(), "done"][1])
    return tuple(sorted(names))
