"""date: a day, kept as YYYY-MM-DD. Keyed as eight digits in the order of the caller's language (MMDDYYYY, DDMMYYYY)."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, ClassVar

from babel import Locale

from ivr.flow.answer import AnswerType, Invalid, answer
from ivr.prompts.parts import Kind

if TYPE_CHECKING:
    from ivr.flow.turn import Turn
    from ivr.flow.verbs.ask import Ask


@answer
class Date(AnswerType):
    name: ClassVar[str] = "date"
    kind: ClassVar[Kind] = "date"
    reasons: ClassVar[tuple[str, ...]] = ("bad_date",)

    def keys(self, step: Ask) -> tuple[int, int]:
        return (8, 8)

    def from_keys(self, keys: str, step: Ask, turn: Turn) -> Any:
        if len(keys) != 8 or not keys.isdecimal():
            raise Invalid("bad_date")
        first, second, year = int(keys[:2]), int(keys[2:4]), int(keys[4:])
        month, day = (first, second) if month_first(turn.language, turn.company.country) else (second, first)
        return self.day(year, month, day)

    def from_words(self, words: str, step: Ask, turn: Turn) -> Any:
        iso = re.fullmatch(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*", words)
        if iso:
            return self.day(*(int(part) for part in iso.groups()))
        parts = re.fullmatch(r"\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4})\s*", words)
        if parts:
            return self.from_keys(f"{int(parts[1]):02}{int(parts[2]):02}{parts[3]}", step, turn)
        return super().from_words(words, step, turn)

    def day(self, year: int, month: int, day: int) -> str:
        try:
            return dt.date(year, month, day).isoformat()
        except ValueError:
            raise Invalid("bad_date") from None


def month_first(language: str, country: str) -> bool:
    """Whether dates are written month first, by the locale's own short pattern (CLDR, through Babel)."""
    try:
        locale = Locale.parse(f"{language.replace('-', '_').split('_')[0]}_{country}")
    except ValueError:
        locale = Locale.parse(language.split("-")[0])
    pattern = str(locale.date_formats["short"].pattern)
    return pattern.find("M") < pattern.find("d")
