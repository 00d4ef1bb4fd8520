"""phone: a telephone number, kept in E.164; numbers without a country are the company's country's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import phonenumbers

from ivr.flow.answer import AnswerType, Invalid, answer
from ivr.prompts.parts import Kind

if TYPE_CHECKING:
    from ivr.flow.turn import Turn
    from ivr.flow.verbs.ask import Ask


@answer
class Phone(AnswerType):
    name: ClassVar[str] = "phone"
    kind: ClassVar[Kind] = "phone"
    reasons: ClassVar[tuple[str, ...]] = ("bad_number",)

    def keys(self, step: Ask) -> tuple[int, int]:
        return (step.at_least or 7, step.at_most or 15)

    def from_keys(self, keys: str, step: Ask, turn: Turn) -> Any:
        try:
            number = phonenumbers.parse(keys, turn.company.country)
        except phonenumbers.NumberParseException:
            raise Invalid("bad_number") from None
        if not phonenumbers.is_possible_number(number):
            raise Invalid("bad_number")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def from_words(self, words: str, step: Ask, turn: Turn) -> Any:
        return self.from_keys(words, step, turn)
