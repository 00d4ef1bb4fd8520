"""English, as said on a North American telephone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import ClassVar

from num2words import num2words

from ivr.prompts import values
from ivr.prompts.languages import register
from ivr.prompts.languages.base import Language

# Currency: (one, many) of the unit, (one, many) of its hundredth.
_MONEY = {
    **dict.fromkeys(("USD", "CAD", "AUD", "NZD", "SGD", "HKD"), (("dollar", "dollars"), ("cent", "cents"))),
    "EUR": (("euro", "euros"), ("cent", "cents")),
    "GBP": (("pound", "pounds"), ("penny", "pence")),
    "MXN": (("peso", "pesos"), ("centavo", "centavos")),
    "INR": (("rupee", "rupees"), ("paisa", "paise")),
    "ZAR": (("rand", "rand"), ("cent", "cents")),
    "CHF": (("franc", "francs"), ("centime", "centimes")),
    "JPY": (("yen", "yen"), ("", "")),
}
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@register
class English(Language):
    code = "en"
    locale_name = "en_US"
    point = "point"
    minus = "minus"
    plus = "plus"
    between = "from {} to {}"
    keys: ClassVar[Mapping[str, str]] = {"*": "star", "#": "pound"}

    def money(self, minor: values.Value, currency: str) -> str:
        if currency not in _MONEY:
            return super().money(minor, currency)
        sign, whole, rest = values.split_money(minor, currency)
        unit, hundredth = _MONEY[currency]
        said = []
        if whole or not rest:
            said.append(f"{self.integer(whole)} {unit[whole != 1]}")
        if rest:
            said.append(f"{self.integer(rest)} {hundredth[rest != 1]}")
        return ("minus " if sign < 0 else "") + " and ".join(said)

    def date(self, value: dt.date) -> str:
        year = num2words(value.year, lang="en", to="year")
        return f"{self.day(value)}, {_MONTHS[value.month - 1]} the {self.ordinal(value.day)}, {year}"

    def day(self, value: dt.date) -> str:
        return _DAYS[value.weekday()]

    def time(self, value: dt.time) -> str:
        if value.minute == 0 and value.hour in (0, 12):
            return "noon" if value.hour else "midnight"
        hour = self.integer(value.hour % 12 or 12)
        half = "a.m." if value.hour < 12 else "p.m."
        if value.minute == 0:
            return f"{hour} {half}"
        oh = "oh " if value.minute < 10 else ""
        return f"{hour} {oh}{self.integer(value.minute)} {half}"

    def datetime(self, value: dt.datetime) -> str:
        return f"{self.date(value.date())}, at {self.time(value.time())}"

    def duration(self, seconds: values.Value) -> str:
        units = [f"{self.integer(n)} {unit}{'' if n == 1 else 's'}" for unit, n in values.split_duration(seconds)]
        said = ", ".join(units[:-1]) + " and " + units[-1] if len(units) > 1 else units[0]
        return ("minus " if values.to_integer(seconds) < 0 else "") + said

    def written_ordinal(self, value: int) -> str:
        return str(num2words(value, lang="en", to="ordinal_num")) if value > 0 else str(value)
