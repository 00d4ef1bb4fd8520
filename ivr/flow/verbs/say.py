"""say: speak a prompt (or send it as a message), then go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.model import PromptRef, StepModel
from ivr.flow.turn import Leave, Turn
from ivr.flow.verb import verb


@verb
class Say(StepModel):
    """Speak a prompt, then go on."""

    verb: ClassVar[str] = "say"
    say: PromptRef
    barge_in: bool | None = Field(None, description="whether a key cuts it short")

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("say",), self.say

    def enter(self, turn: Turn) -> Leave:
        turn.say(self.say, barge_in=self.barge_in)
        return "done"
