"""The desk's words: English stands in the code and the templates, and is the key of the others' in `words/*.yaml`.

States and channels (`one_time_code`, `sip`) are keys too, in English as well."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_precision

FOLDER = Path(__file__).parent / "words"
LANGUAGES = {"en": "English", "es": "Español"}


class Words:
    """One language, for one country and time zone."""

    def __init__(self, language: str, country: str, zone: tzinfo) -> None:
        self.language = language if language in LANGUAGES else "en"
        self.locale = _locale(self.language, country)
        self.zone = zone
        self._words = translations(self.language)

    def __call__(self, text: str, **values: Any) -> str:
        """`text` in this language, with `%(name)s` filled in."""
        found = self._words.get(text, text)
        return found % values if values else found

    def counted(self, count: int, one: str, many: str, **values: Any) -> str:
        """`one` or `many` in this language, with the number as `%(count)s`: English and Spanish know only these two."""
        return self(one if count == 1 else many, count=self.number(count), **values)

    def moment(self, at: datetime) -> str:
        return f"{self.day(at)}, {self.clock(at)}"

    def day(self, at: datetime) -> str:
        return format_date(at.astimezone(self.zone), "medium", locale=self.locale)

    def date(self, on: date) -> str:
        return format_date(on, "medium", locale=self.locale)

    def clock(self, at: datetime) -> str:
        return format_time(at, "short", tzinfo=self.zone, locale=self.locale)

    def short(self, at: datetime, now: datetime) -> str:
        """The time of today's, the day of what is older."""
        same = at.astimezone(self.zone).date() == now.astimezone(self.zone).date()
        return self.clock(at) if same else format_date(at.astimezone(self.zone), "short", locale=self.locale)

    def money(self, minor: int, currency: str) -> str:
        """An amount in minor units."""
        return format_currency(minor / 10 ** get_currency_precision(currency), currency, locale=self.locale)

    def number(self, value: float, digits: int = 0) -> str:
        """With so many digits behind the point, grouped: 1,234.5."""
        return format_decimal(value, _pattern(digits), locale=self.locale)

    def percent(self, share: float, digits: int = 0) -> str:
        """A share from 0 to 1 as the language writes it: 29.6%, 29,6 %."""
        pattern = self.locale.percent_formats[None].pattern.replace("#,##0", _pattern(digits))
        return format_percent(share, pattern, locale=self.locale)

    def language_name(self, code: str) -> str:
        """What people call a language; the code where there is no name."""
        try:
            return Locale.parse(code, sep="-").get_display_name(self.locale) or code
        except (UnknownLocaleError, ValueError):
            return code

    def seconds(self, seconds: float) -> str:
        """As a clock shows it: 1:05, or 1:02:03."""
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"

    def size(self, size: int) -> str:
        amount = float(size)
        for unit in ("B", "kB", "MB"):
            if amount < 1000:
                return f"{amount:.3g} {unit}"
            amount /= 1000
        return f"{amount:.3g} GB"


@cache
def translations(language: str) -> Mapping[str, str]:
    """What stands in the code to what people read; `en.yaml` has only what isn't words for people already."""
    path = FOLDER / f"{language}.yaml"
    if not path.exists():
        return {}
    return {str(key): str(value) for key, value in yaml.safe_load(path.read_text(encoding="utf-8")).items()}


def _pattern(digits: int) -> str:
    """A number's format (Unicode TR 35)."""
    return "#,##0" + ("." + "0" * digits if digits else "")


@cache
def _locale(language: str, country: str) -> Locale:
    try:
        return Locale.parse(f"{language}_{country.upper()}" if country else language)
    except (UnknownLocaleError, ValueError):
        return Locale.parse(language)
