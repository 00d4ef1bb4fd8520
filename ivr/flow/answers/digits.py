"""digits: a number that is keyed digit by digit, such as an account number. Kept as text, leading zeros included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, answer
from ivr.prompts.parts import Kind

if TYPE_CHECKING:
    from ivr.flow.turn import Turn
    from ivr.flow.verbs.ask import Ask


@answer
class Digits(AnswerType):
    name: ClassVar[str] = "digits"
    kind: ClassVar[Kind] = "digits"
    reasons: ClassVar[tuple[str, ...]] = ("too_short", "too_long")

    def keys(self, step: Ask) -> tuple[int, int]:
        return (step.length or step.at_least or 1, step.length or step.at_most or 20)

    def from_keys(self, keys: str, step: Ask, turn: Turn) -> Any:
        at_least, at_most = self.keys(step)
        if not keys.isdecimal():
            raise Invalid("not_understood")
        if len(keys) < at_least:
            raise Invalid("too_short")
        if len(keys) > at_most:
            raise Invalid("too_long")
        return keys


@answer
class Pin(Digits):
    """A secret number."""

    name: ClassVar[str] = "pin"
    secret: ClassVar[bool] = True

    def keys(self, step: Ask) -> tuple[int, int]:
        return (step.length or step.at_least or 4, step.length or step.at_most or 8)
