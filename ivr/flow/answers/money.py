"""money: an amount in the company's currency, kept in minor units (cents). `*` is the decimal point.

Keyed `84*50` or `84` (whole units). Said or written: `$84.50`, `84,50`, `eighty-four fifty`, `twenty bucks`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, Meaning, Shape, answer, tongue
from ivr.flow.understand.money import cents, money, units
from ivr.flow.understand.spans import first, numeric
from ivr.prompts.parts import Kind
from ivr.prompts.values import precision

if TYPE_CHECKING:
    from ivr.flow.turn import Turn


@answer
class Money(AnswerType):
    name: ClassVar[str] = "money"
    kind: ClassVar[Kind] = "money"
    point: ClassVar[str] = "*"
    reasons: ClassVar[tuple[str, ...]] = ("bad_amount", "zero")
    end_silence: ClassVar[float] = 0.6

    def keys(self, step: Shape) -> tuple[int, int]:
        return (step.at_least or 1, step.at_most or 10)

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        return self.amount(keys.replace("*", "."), precision(turn.company.currency))

    def meanings(self, words: str, step: Shape, turn: Turn) -> list[Meaning]:
        currency = turn.company.currency
        found = money(words, currency, precision(currency), tongue(turn))
        named = None if found else self.find(words, step, turn)
        amounts = [*found, *([] if named is None else [named])]
        if not amounts:
            raise Invalid("not_understood")
        if not any(amounts):
            raise Invalid("zero")
        return [Meaning(amount) for amount in amounts if amount]

    def find(self, words: str, step: Shape, turn: Turn) -> Any:
        """An amount with its currency, or a figure with decimals: other numbers may be anything."""
        lexicon, currency = tongue(turn), turn.company.currency
        names = units(currency, lexicon) | cents(currency, lexicon)
        decimals = precision(currency)
        figure = re.compile(rf"\d+[.,]\d{{{decimals}}}\Z")

        def read(part: Sequence[str]) -> int | None:
            named = names.intersection(part) or (decimals and any(figure.match(word) for word in part))
            found = money(" ".join(part), currency, decimals, lexicon) if named else []
            return found[0] if found else None

        return first(words, numeric(lexicon, names, lexicon.articles, lexicon.point), read)

    def amount(self, number: str, digits: int) -> int:
        if not re.fullmatch(rf"\d{{1,9}}(\.\d{{0,{digits}}})?", number):
            raise Invalid("bad_amount")
        minor = int(Decimal(number) * 10**digits)
        if minor == 0:
            raise Invalid("zero")
        return minor
