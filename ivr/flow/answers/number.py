"""number: a whole number, such as a count or a meter reading."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, Shape, answer, tongue
from ivr.flow.understand.numbers import number
from ivr.flow.understand.spans import first, numeric
from ivr.prompts.parts import Kind

if TYPE_CHECKING:
    from ivr.flow.turn import Turn

MAX_DIGITS = 18
"""More can't be computed with (`ivr.flow.expr.MAX_NUMBER`)."""


@answer
class Number(AnswerType):
    name: ClassVar[str] = "number"
    kind: ClassVar[Kind] = "number"
    end_silence: ClassVar[float] = 0.6

    def keys(self, step: Shape) -> tuple[int, int]:
        return (step.length or step.at_least or 1, step.length or step.at_most or 9)

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        if not keys.isdecimal() or len(keys) > MAX_DIGITS:
            raise Invalid("not_understood")
        return int(keys)

    def readings(self, words: str, step: Shape, turn: Turn) -> Iterable[str]:
        value = number(words, tongue(turn))
        # Meter readings are said digit by digit.
        others = [keys for keys in super().readings(words, step, turn) if len(keys) <= self.keys(step)[1]]
        return dict.fromkeys([*([] if value is None else [str(value)]), *others])

    def find(self, words: str, step: Shape, turn: Turn) -> Any:
        lexicon = tongue(turn)

        def read(part: Sequence[str]) -> int | None:
            value = number(" ".join(part), lexicon)
            return value if value is not None and len(str(value)) <= self.keys(step)[1] else None

        return first(words, numeric(lexicon), read)
