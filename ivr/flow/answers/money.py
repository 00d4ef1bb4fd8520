"""money: an amount in the company's currency, kept in minor units (cents). `*` is the decimal point.

Keyed `84*50` or `84` (whole units). Text may write `$84.50` or `84,50`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from ivr.flow.answer import AnswerType, Invalid, answer
from ivr.prompts.parts import Kind
from ivr.prompts.values import precision

if TYPE_CHECKING:
    from ivr.flow.turn import Turn
    from ivr.flow.verbs.ask import Ask


@answer
class Money(AnswerType):
    name: ClassVar[str] = "money"
    kind: ClassVar[Kind] = "money"
    point: ClassVar[str] = "*"
    reasons: ClassVar[tuple[str, ...]] = ("bad_amount", "zero")

    def keys(self, step: Ask) -> tuple[int, int]:
        return (step.at_least or 1, step.at_most or 10)

    def from_keys(self, keys: str, step: Ask, turn: Turn) -> Any:
        return self.amount(keys.replace("*", "."), precision(turn.company.currency))

    def from_words(self, words: str, step: Ask, turn: Turn) -> Any:
        digits = precision(turn.company.currency)
        found = re.search(r"\d[\d.,' ]*", words)
        if not found:
            raise Invalid("not_understood")
        number = re.sub(r"[' ]", "", found[0]).rstrip(".,")
        last = max(number.rfind("."), number.rfind(","))
        if last >= 0 and len(number) - last - 1 <= digits:
            number = re.sub(r"[.,]", "", number[:last]) + "." + number[last + 1 :]
        else:
            number = re.sub(r"[.,]", "", number)
        return self.amount(number, digits)

    def amount(self, number: str, digits: int) -> int:
        if not re.fullmatch(rf"\d{{1,9}}(\.\d{{0,{digits}}})?", number):
            raise Invalid("bad_amount")
        minor = int(Decimal(number) * 10**digits)
        if minor == 0:
            raise Invalid("zero")
        return minor
