"""record: take a voice message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.effects import Record as RecordEffect
from ivr.flow.inputs import Input, Recorded
from ivr.flow.model import FlowSet, PromptRef, Seconds, SlotName, StepModel
from ivr.flow.turn import Leave, Turn
from ivr.flow.verb import verb


@verb
class Record(StepModel):
    """Record the caller after a tone, until #, silence or the maximum."""

    verb: ClassVar[str] = "record"
    waits: ClassVar[bool] = True
    record: PromptRef = Field(description="what to say before the tone")
    into: SlotName = Field("recording", description="the slot for the recording's reference")
    max: Seconds = Field(120, description="the longest message")
    silence: Seconds = Field(4, description="how much silence ends it")
    shortest: Seconds = Field(1, description="anything shorter takes the exit `empty`")

    def needs(self) -> frozenset[str]:
        return frozenset({"record"})

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        return ("done", "empty", "failed")

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("record",), self.record

    def fills(self, flows: FlowSet) -> Mapping[str, frozenset[str]]:
        return {self.into: frozenset({"done"})}

    def enter(self, turn: Turn) -> Leave:
        turn.say(self.record)
        turn.emit(RecordEffect(self.max, self.silence))
        return turn.wait("Recorded")

    def resume(self, turn: Turn, given: Input) -> Leave:
        assert isinstance(given, Recorded)
        if not given.reference:
            return "failed"
        if given.seconds < self.shortest:
            return "empty"
        turn.fill(self.into, given.reference)
        turn.event("recorded", reference=given.reference, seconds=given.seconds)
        return "done"
