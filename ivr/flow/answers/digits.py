"""digits: a number that is keyed digit by digit, such as an account number. Kept as text, leading zeros included."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, Shape, answer, tongue
from ivr.flow.understand.digits import digits
from ivr.flow.understand.spans import first, numeric
from ivr.prompts.parts import Kind

if TYPE_CHECKING:
    from ivr.flow.turn import Turn

FEWEST = 3
"""Digits that free speech must hold to be taken for an account number and the like."""


@answer
class Digits(AnswerType):
    name: ClassVar[str] = "digits"
    kind: ClassVar[Kind] = "digits"
    reasons: ClassVar[tuple[str, ...]] = ("too_short", "too_long")
    end_silence: ClassVar[float] = 1.2

    def keys(self, step: Shape) -> tuple[int, int]:
        return (step.length or step.at_least or 1, step.length or step.at_most or 20)

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        at_least, at_most = self.keys(step)
        if not keys.isdecimal():
            raise Invalid("not_understood")
        if len(keys) < at_least:
            raise Invalid("too_short")
        if len(keys) > at_most:
            raise Invalid("too_long")
        return keys

    def find(self, words: str, step: Shape, turn: Turn) -> Any:
        lexicon = tongue(turn)
        at_least, at_most = self.keys(step)

        def read(part: Sequence[str]) -> str | None:
            said = digits(" ".join(part), lexicon)
            return next((text for text in said if max(FEWEST, at_least) <= len(text) <= at_most), None)

        return None if self.secret else first(words, numeric(lexicon), read)


@answer
class Pin(Digits):
    """A secret number."""

    name: ClassVar[str] = "pin"
    secret: ClassVar[bool] = True

    def keys(self, step: Shape) -> tuple[int, int]:
        return (step.length or step.at_least or 4, step.length or step.at_most or 8)
