"""time: a time of day, kept as HH:MM. Keyed as four digits of the 24-hour clock.

Said or written without saying which half of the day, it is the likelier one, or the other if the step's `check` wants
that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, Meaning, Shape, answer, tongue
from ivr.flow.understand.times import times
from ivr.prompts.parts import Kind

if TYPE_CHECKING:
    from ivr.flow.turn import Turn


@answer
class Time(AnswerType):
    name: ClassVar[str] = "time"
    kind: ClassVar[Kind] = "time"
    reasons: ClassVar[tuple[str, ...]] = ("bad_time",)
    end_silence: ClassVar[float] = 0.6

    def keys(self, step: Shape) -> tuple[int, int]:
        return (4, 4)

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        if len(keys) != 4 or not keys.isdecimal() or int(keys[:2]) > 23 or int(keys[2:]) > 59:
            raise Invalid("bad_time")
        return f"{keys[:2]}:{keys[2:]}"

    def meanings(self, words: str, step: Shape, turn: Turn) -> list[Meaning]:
        found = times(words, tongue(turn))
        return [Meaning(value) for value in found] if found else super().meanings(words, step, turn)
