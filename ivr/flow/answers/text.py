"""text: whatever the customer writes. Keys can't say it, so a telephone call takes the exit `unsupported`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, answer

if TYPE_CHECKING:
    from ivr.flow.turn import Turn
    from ivr.flow.verbs.ask import Ask


@answer
class Text(AnswerType):
    name: ClassVar[str] = "text"
    open: ClassVar[bool] = True

    def keys(self, step: Ask) -> tuple[int, int]:
        return (1, 40)

    def from_keys(self, keys: str, step: Ask, turn: Turn) -> Any:
        raise Invalid("not_understood")

    def from_words(self, words: str, step: Ask, turn: Turn) -> Any:
        return words.strip()[:4000]
