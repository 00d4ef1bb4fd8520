"""phone: a telephone number, kept in E.164; numbers without a country are the company's country's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import phonenumbers

from ivr.flow.answer import AnswerType, Invalid, Shape, answer, tongue
from ivr.flow.understand.spans import first, numeric
from ivr.flow.understand.tokens import tokens
from ivr.prompts.parts import Kind

if TYPE_CHECKING:
    from ivr.flow.turn import Turn


@answer
class Phone(AnswerType):
    name: ClassVar[str] = "phone"
    kind: ClassVar[Kind] = "phone"
    reasons: ClassVar[tuple[str, ...]] = ("bad_number",)
    end_silence: ClassVar[float] = 1.2

    def keys(self, step: Shape) -> tuple[int, int]:
        return (step.at_least or 7, step.at_most or 15)

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        try:
            number = phonenumbers.parse(keys, turn.company.country)
        except phonenumbers.NumberParseException:
            raise Invalid("bad_number") from None
        if not phonenumbers.is_possible_number(number):
            raise Invalid("bad_number")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)

    def readings(self, words: str, step: Shape, turn: Turn) -> Iterable[str]:
        plus = "+" if tongue(turn).plus.union("+").intersection(tokens(words)) else ""
        said = [plus + keys for keys in super().readings(words, step, turn)]
        return dict.fromkeys((*said, words))  # as it is written: with an extension, or letters

    def find(self, words: str, step: Shape, turn: Turn) -> Any:
        lexicon = tongue(turn)

        def read(part: Sequence[str]) -> str | None:
            for keys in self.readings(" ".join(part), step, turn):
                if len(keys) >= 7:
                    try:
                        return str(self.from_keys(keys, step, turn))
                    except Invalid:
                        continue
            return None

        return first(words, numeric(lexicon, lexicon.plus, frozenset("+")), read)
