"""Answer types: what `ask` can ask for. One file each in `ivr/flow/answers/`, registered by `answer`."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, ClassVar

from ivr.prompts.parts import Kind

if TYPE_CHECKING:
    from ivr.flow.turn import Turn
    from ivr.flow.verbs.ask import Ask


class Invalid(Exception):
    """An answer that was understood but can't be right. `reason` is a short name: `too_short`, `check_digit`; the
    caller hears `system.retry.<type>.<reason>`, or the step's own words for it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AnswerType:
    """One kind of answer. `reasons` lists all that `Invalid` may say; `kind` is how a value is read back; `secret`
    values never land anywhere; `point` is the key for a decimal point; `open` answers need words, keys can't say them.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind] = "text"
    secret: ClassVar[bool] = False
    open: ClassVar[bool] = False
    point: ClassVar[str] = ""
    reasons: ClassVar[tuple[str, ...]] = ()
    exits: ClassVar[tuple[str, ...]] = ("done",)

    def keys(self, step: Ask) -> tuple[int, int]:
        """How many keys an answer has: at least, at most."""
        raise NotImplementedError

    def from_keys(self, keys: str, step: Ask, turn: Turn) -> Any:
        """The value (JSON) that these keys mean. Raises `Invalid`."""
        raise NotImplementedError

    def from_words(self, words: str, step: Ask, turn: Turn) -> Any:
        """The value that these words mean: by default, their digits. Raises `Invalid`."""
        digits = re.sub(r"[\s./-]", "", words)
        if not digits.isdecimal():
            raise Invalid("not_understood")
        return self.from_keys("".join(str(unicodedata.decimal(digit)) for digit in digits), step, turn)

    def exit(self, value: Any) -> str:
        """The exit that a value leaves by."""
        return "done"


ANSWERS: dict[str, AnswerType] = {}


def answer(kind: type[AnswerType]) -> type[AnswerType]:
    """Register an answer type under its `name`."""
    ANSWERS[kind.name] = kind()
    return kind
