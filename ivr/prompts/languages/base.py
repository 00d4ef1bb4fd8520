"""How a language says values. The general rules here work for whatever CLDR and num2words know; a language's own
file overrides what natives say otherwise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_day_names
from babel.lists import format_list
from babel.numbers import format_currency, format_decimal, get_currency_name
from babel.units import format_unit
from num2words import CONVERTER_CLASSES, num2words

from ivr.prompts import values


class Language:
    """Words for values in one language. Methods take proper types (see `ivr.prompts.values`) and may raise
    `ValueError` for what can't be said."""

    code = ""
    """The language's ISO 639 code, which `register` files it under."""
    locale_name = ""
    """The Babel locale of a tag without a region, where the language alone would be the wrong choice."""
    point = ""
    """The word between a number's whole part and its decimals."""
    minus = "-"
    plus = "+"
    between = "{} – {}"
    """How opening hours from one time to another are said."""
    keys: ClassVar[Mapping[str, str]] = {}
    """How the keys * and # are called."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        base = tag.replace("_", "-").split("-")[0].lower()
        self.num2words_code = base if base in CONVERTER_CLASSES else ""
        for name in (tag.replace("-", "_"), base) if tag != self.code else (self.locale_name, base):
            try:
                self.locale = Locale.parse(name)
                break
            except (ValueError, TypeError, UnknownLocaleError):
                continue
        else:
            self.locale = Locale.parse("en_US")

    # Spoken: words for a voice.

    def integer(self, value: int) -> str:
        """A whole number in words; far beyond what anyone says, its digits."""
        if self.num2words_code and abs(value) < 10**15:
            try:
                return str(num2words(value, lang=self.num2words_code)).strip()
            except (NotImplementedError, OverflowError, ValueError, KeyError, IndexError):
                pass
        return str(value)

    def number(self, value: Decimal) -> str:
        whole, _, decimals = f"{abs(value):f}".partition(".")
        if decimals and not self.point:
            # Figures, as the locale writes them: every voice reads them out by its own rules.
            return format_decimal(value, format="0." + "0" * len(decimals), locale=self.locale)
        words = self.integer(int(whole))
        if decimals:
            words = f"{words} {self.point} " + " ".join(self.integer(int(digit)) for digit in decimals)
        return f"{self.minus} {words}" if value < 0 else words

    def ordinal(self, value: int) -> str:
        if self.num2words_code and 0 < value < 10**6:
            try:
                return str(num2words(value, lang=self.num2words_code, to="ordinal")).strip()
            except (NotImplementedError, OverflowError, ValueError, KeyError, IndexError, TypeError):
                pass
        return self.number(Decimal(value))

    def money(self, minor: values.Value, currency: str) -> str:
        """An amount with its currency's name; an unknown currency is spelt."""
        amount = values.money_decimal(minor, currency)
        if amount == amount.to_integral_value():
            amount = amount.to_integral_value()
        if not currency:
            name = ""
        elif values.currency_known(currency):
            name = get_currency_name(currency, count=abs(amount), locale=self.locale)
        else:
            name = " ".join(currency)
        return f"{self.number(amount)} {name}".strip()

    def date(self, value: dt.date) -> str:
        return format_date(value, "full", locale=self.locale)

    def time(self, value: dt.time) -> str:
        return format_time(value, "short", locale=self.locale)

    def datetime(self, value: dt.datetime) -> str:
        return f"{self.date(value.date())}, {self.time(value.time())}"

    def day(self, value: dt.date) -> str:
        return str(get_day_names("wide", locale=self.locale)[value.weekday()])

    def hours(self, ranges: list[tuple[dt.time, dt.time]]) -> str:
        said = [self.between.format(self.time(start), self.time(end)) for start, end in ranges]
        return str(format_list(said, locale=self.locale))

    def duration(self, seconds: values.Value) -> str:
        return self.written_duration(seconds)

    def groups(self, text: str) -> list[list[str]]:
        """A string of keys, as groups of single sayable symbols: "42#" is [["4", "2", "pound"]]."""
        symbols = [self.keys.get(char, char.upper()) for char in text if char.isalnum() or char in self.keys]
        sizes = values.digit_groups("0" * len(symbols))
        taken = iter(symbols)
        return [[next(taken) for _ in size] for size in sizes]

    def phone(self, value: values.Value) -> list[list[str]]:
        """A phone number as groups of single sayable symbols."""
        code, groups = values.phone_groups(value)
        said = [list(group) for group in groups]
        return [[self.plus, *code], *said] if code else said

    # Written: for text channels.

    def written_ordinal(self, value: int) -> str:
        return f"{value}."

    def written_number(self, value: Decimal) -> str:
        return str(format_decimal(value, locale=self.locale, decimal_quantization=False))

    def written_money(self, minor: values.Value, currency: str) -> str:
        amount = values.money_decimal(minor, currency)
        if not currency:
            return f"{format_decimal(amount, format='#,##0.00', locale=self.locale)}"
        return format_currency(amount, currency, locale=self.locale)

    def written_date(self, value: dt.date) -> str:
        return format_date(value, "full", locale=self.locale)

    def written_time(self, value: dt.time) -> str:
        return format_time(value, "short", locale=self.locale)

    def written_datetime(self, value: dt.datetime) -> str:
        return f"{self.written_date(value.date())}, {self.written_time(value.time())}"

    def written_hours(self, ranges: list[tuple[dt.time, dt.time]]) -> str:
        written = [self.between.format(self.written_time(start), self.written_time(end)) for start, end in ranges]
        return str(format_list(written, locale=self.locale))

    def written_duration(self, seconds: values.Value) -> str:
        units = [
            format_unit(count, f"duration-{unit}", length="long", locale=self.locale)
            for unit, count in values.split_duration(seconds)
        ]
        text = format_list(units, locale=self.locale)
        return f"-{text}" if values.to_integer(seconds) < 0 else text
