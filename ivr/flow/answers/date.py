"""date: a day, kept as YYYY-MM-DD. Keyed as eight digits in the order of the caller's language (MMDDYYYY, DDMMYYYY).

Said or written in words, a day without a year is the next such day, or the last one if the step's `check` wants that.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from babel import Locale

from ivr.flow.answer import AnswerType, Invalid, Meaning, Shape, answer, tongue
from ivr.flow.understand.dates import dates
from ivr.flow.understand.spans import first, numeric
from ivr.prompts.parts import Kind

if TYPE_CHECKING:
    from ivr.flow.turn import Turn


@answer
class Date(AnswerType):
    name: ClassVar[str] = "date"
    kind: ClassVar[Kind] = "date"
    reasons: ClassVar[tuple[str, ...]] = ("bad_date",)
    end_silence: ClassVar[float] = 0.6

    def keys(self, step: Shape) -> tuple[int, int]:
        return (8, 8)

    def from_keys(self, keys: str, step: Shape, turn: Turn) -> Any:
        if len(keys) != 8 or not keys.isdecimal():
            raise Invalid("bad_date")
        one, two, year = int(keys[:2]), int(keys[2:4]), int(keys[4:])
        month, day = (one, two) if month_first(turn.language, turn.company.country) else (two, one)
        return self.day(year, month, day)

    def meanings(self, words: str, step: Shape, turn: Turn) -> list[Meaning]:
        iso = re.fullmatch(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})\s*", words)
        if iso:
            return [Meaning(self.day(*(int(part) for part in iso.groups())))]
        parts = re.fullmatch(r"\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4})\s*", words)
        if parts:
            keys = f"{int(parts[1]):02}{int(parts[2]):02}{parts[3]}"
            return [Meaning(self.from_keys(keys, step, turn))]
        found = self.spoken(words, turn)
        return [Meaning(day) for day in found] if found else super().meanings(words, step, turn)

    def spoken(self, words: str, turn: Turn) -> list[str]:
        first_month = month_first(turn.language, turn.company.country)
        return [day.isoformat() for day in dates(words, turn.now.date(), first_month, tongue(turn))]

    def find(self, words: str, step: Shape, turn: Turn) -> Any:
        lexicon = tongue(turn)
        tables = (lexicon.relative_days, lexicon.next, lexicon.last, lexicon.ordinals)
        parts = frozenset(part for table in tables for phrase in table for part in phrase.split())
        anchors = frozenset(lexicon.months) | frozenset(lexicon.weekdays) | frozenset(lexicon.periods) | {
            part for phrase in lexicon.relative_days for part in phrase.split() if part not in lexicon.noise
        }  # fmt: skip
        small = frozenset(("the", "of", "de", "del", "el", "que")) | lexicon.ahead | lexicon.articles

        def read(part: Sequence[str]) -> str | None:
            found = self.spoken(" ".join(part), turn) if anchors.intersection(part) else []
            return found[0] if found else None

        return first(words, numeric(lexicon, parts, anchors, small), read)

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
