"""text: whatever the customer writes. Keys can't say it, so a telephone call takes the exit `unsupported`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, Meaning, Shape, answer

if TYPE_CHECKING:
    from ivr.flow.turn import Turn


@answer
class Text(AnswerType):
    name: ClassVar[str] = "text"
    open: ClassVar[bool] = True

    def keys(self, step: Shape) -> tuple[int, int]:
        return (1, 40)

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        raise Invalid("not_understood")

    def meanings(self, words: str, step: Shape, turn: Turn) -> list[Meaning]:
        return [Meaning(words.strip()[:4000])]
