"""number: a whole number, such as a count or a meter reading."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, answer
from ivr.prompts.parts import Kind

if TYPE_CHECKING:
    from ivr.flow.turn import Turn
    from ivr.flow.verbs.ask import Ask

MAX_DIGITS = 18
"""More can't be computed with (`ivr.flow.expr.MAX_NUMBER`)."""


@answer
class Number(AnswerType):
    name: ClassVar[str] = "number"
    kind: ClassVar[Kind] = "number"

    def keys(self, step: Ask) -> tuple[int, int]:
        return (step.length or step.at_least or 1, step.length or step.at_most or 9)

    def from_keys(self, keys: str, step: Ask, turn: Turn) -> Any:
        if not keys.isdecimal() or len(keys) > MAX_DIGITS:
            raise Invalid("not_understood")
        return int(keys)
