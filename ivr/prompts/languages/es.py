"""Spanish, as said on an American telephone: a decimal point, twelve-hour times with their part of the day.

A time carries its article ("las dos de la tarde", "la una"), because the article follows the hour: a prompt says
"Abrimos a {opens|time}", not "a las {opens|time}". That holds for written times too.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import ClassVar

from ivr.prompts import values
from ivr.prompts.languages import register
from ivr.prompts.languages.base import Language

# Currency: (one, many) of the unit, its gender, (one, many) of its hundredth.
_MONEY = {
    **dict.fromkeys(("USD", "CAD", "AUD", "NZD"), (("dólar", "dólares"), "m", ("centavo", "centavos"))),
    **dict.fromkeys(
        ("MXN", "ARS", "CLP", "COP", "UYU", "DOP", "CUP"), (("peso", "pesos"), "m", ("centavo", "centavos"))
    ),
    "EUR": (("euro", "euros"), "m", ("céntimo", "céntimos")),
    "GBP": (("libra", "libras"), "f", ("penique", "peniques")),
    "PEN": (("sol", "soles"), "m", ("céntimo", "céntimos")),
    "CHF": (("franco", "francos"), "m", ("céntimo", "céntimos")),
    "JPY": (("yen", "yenes"), "m", ("", "")),
}
_MONTHS = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
    "diciembre",
)  # fmt: skip
_DAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
_UNITS = {
    "day": ("día", "días", "m"),
    "hour": ("hora", "horas", "f"),
    "minute": ("minuto", "minutos", "m"),
    "second": ("segundo", "segundos", "m"),
}
_LARGE = r"(?= (?:mil|millón|millones|mil millones|billón|billones)\b)"


@register
class Spanish(Language):
    code = "es"
    locale_name = "es_US"
    point = "punto"
    minus = "menos"
    plus = "más"
    between = "de {} a {}"
    keys: ClassVar[Mapping[str, str]] = {"*": "asterisco", "#": "numeral"}

    def integer(self, value: int) -> str:
        # "uno" loses its end before mil and millones: veintiún mil, treinta y un millones.
        words = re.sub(r"\bveintiuno" + _LARGE, "veintiún", super().integer(value))
        return re.sub(r"\buno" + _LARGE, "un", words)

    def count(self, value: int, one: str, many: str, gender: str) -> str:
        """A number before a noun, agreeing with it: un peso, veintiuna libras, un millón de dólares."""
        words = self.integer(value)
        if gender == "f":
            # Thousands and below agree (doscientas mil libras), millions don't (doscientos millones de libras).
            millions, million, rest = words.rpartition("illones" if "illones" in words else "illón")
            rest = re.sub(r"(cient|quinient)os\b", r"\1as", rest)
            words = millions + million + re.sub(r"uno\Z", "una", rest)
        else:
            words = re.sub(r"veintiuno\Z", "veintiún", words)
            words = re.sub(r"\buno\Z", "un", words)
        of = " de" if re.search(r"(illón|illones)\Z", words) else ""
        return f"{words}{of} {one if value == 1 else many}"

    def money(self, minor: values.Value, currency: str) -> str:
        if currency not in _MONEY:
            return super().money(minor, currency)
        sign, whole, rest = values.split_money(minor, currency)
        unit, gender, hundredth = _MONEY[currency]
        said = []
        if whole or not rest:
            said.append(self.count(whole, *unit, gender))
        if rest:
            said.append(self.count(rest, *hundredth, "m"))
        return ("menos " if sign < 0 else "") + " con ".join(said)

    def date(self, value: dt.date) -> str:
        day = "primero" if value.day == 1 else self.integer(value.day)
        return f"{self.day(value)} {day} de {_MONTHS[value.month - 1]} de {self.integer(value.year)}"

    def day(self, value: dt.date) -> str:
        return _DAYS[value.weekday()]

    def time(self, value: dt.time) -> str:
        hour = value.hour % 12 or 12
        said = "la una" if hour == 1 else f"las {self.integer(hour)}"
        if value.minute:
            said += " y " + {15: "cuarto", 30: "media"}.get(value.minute, self.integer(value.minute))
        return f"{said} {_part_of_day(value.hour)}"

    def datetime(self, value: dt.datetime) -> str:
        return f"{self.date(value.date())} a {self.time(value.time())}"

    def duration(self, seconds: values.Value) -> str:
        units = [self.count(n, *_UNITS[unit]) for unit, n in values.split_duration(seconds)]
        said = ", ".join(units[:-1]) + " y " + units[-1] if len(units) > 1 else units[0]
        return ("menos " if values.to_integer(seconds) < 0 else "") + said

    def written_time(self, value: dt.time) -> str:
        return f"{'la' if value.hour % 12 == 1 else 'las'} {super().written_time(value)}"

    def written_datetime(self, value: dt.datetime) -> str:
        return f"{self.written_date(value.date())} a {self.written_time(value.time())}"

    def written_ordinal(self, value: int) -> str:
        return f"{value}.º"


def _part_of_day(hour: int) -> str:
    if hour == 0 or hour >= 20:
        return "de la noche"
    if hour < 6:
        return "de la madrugada"
    if hour < 12:
        return "de la mañana"
    return "del mediodía" if hour == 12 else "de la tarde"
