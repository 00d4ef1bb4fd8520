"""set: fill slots with computed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.model import Expression, FlowSet, SlotName, StepModel
from ivr.flow.turn import Leave, Turn
from ivr.flow.verb import verb


@verb
class Set(StepModel):
    """Fill slots, in the order written."""

    verb: ClassVar[str] = "set"
    set: dict[SlotName, Expression] = Field(min_length=1)

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        for slot, source in self.set.items():
            if isinstance(source, str):
                yield ("set", slot), source

    def fills(self, flows: FlowSet) -> Mapping[str, frozenset[str]]:
        return {slot: frozenset({"done"}) for slot in self.set}

    def enter(self, turn: Turn) -> Leave:
        for slot, source in self.set.items():
            turn.fill(slot, turn.evaluate(source))
        return "done"
