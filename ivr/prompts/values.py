"""What a prompt's values are, read strictly once, so that every language starts from proper types.

All raise `ValueError` on what the kind can't be; `spoken` and `written` then fall back to the plain value.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation

import phonenumbers
from babel.numbers import get_currency_precision, list_currencies

Value = str | int | float

_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})(:[0-9]{2}(\.[0-9]+)?)?\Z")
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
MAX_DIGITS = 30


def to_number(value: Value) -> Decimal:
    """A finite number with its written decimals kept: "3.50" stays 3.50."""
    if isinstance(value, bool):
        raise ValueError("a yes/no is not a number")
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError("not a number that can be said")
    return number


def to_integer(value: Value) -> int:
    number = to_number(value)
    if number != number.to_integral_value():
        raise ValueError("not a whole number")
    return int(number)


def to_date(value: Value) -> date:
    """From YYYY-MM-DD; the date of a YYYY-MM-DDTHH:MM is taken too."""
    return date.fromisoformat(str(value).strip()[:10])


def to_time(value: Value) -> time:
    """From HH:MM. 24:00, which opening hours use for the end of a day, is midnight; seconds are dropped."""
    match = _TIME.match(str(value).strip())
    if not match:
        raise ValueError("not a time")
    hour, minute = int(match[1]), int(match[2])
    return time(0 if (hour, minute) == (24, 0) else hour, minute)


def to_ranges(value: Value) -> list[tuple[time, time]]:
    """From HH:MM-HH:MM, several with commas between."""
    ranges = []
    for part in str(value).split(","):
        start, dash, end = part.partition("-")
        if not dash:
            raise ValueError("not a range of times")
        ranges.append((to_time(start), to_time(end)))
    return ranges


def to_datetime(value: Value) -> datetime:
    """From YYYY-MM-DDTHH:MM (a space for the T will do); an offset is dropped: times are said as they stand."""
    return datetime.fromisoformat(str(value).strip()).replace(tzinfo=None)


def currency_known(currency: str) -> bool:
    return currency in list_currencies()


def split_money(value: Value, currency: str) -> tuple[int, int, int]:
    """Minor units to (sign, whole units, minor units): -4250 USD is (-1, 42, 50) and 4250 JPY is (1, 4250, 0)."""
    minor = to_integer(value)
    whole, rest = divmod(abs(minor), 10 ** precision(currency))
    return (-1 if minor < 0 else 1), whole, rest


def precision(currency: str) -> int:
    """How many decimals a currency has (CLDR); 2 for an unknown code. Raises on what is no ISO 4217 code."""
    if not _CURRENCY.match(currency or "XXX"):
        raise ValueError("not a currency code")
    return get_currency_precision(currency) if currency else 2


def money_decimal(value: Value, currency: str) -> Decimal:
    return Decimal(to_integer(value)).scaleb(-precision(currency))


def split_duration(value: Value) -> list[tuple[str, int]]:
    """Whole seconds to the units worth saying, largest first; from an hour on, seconds are left out."""
    seconds = abs(to_integer(value))
    parts = []
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count = seconds // size
        if count and not (unit == "second" and abs(to_integer(value)) >= 3600):
            parts.append((unit, count))
        seconds %= size
    return parts or [("second", 0)]


def phone_groups(value: Value) -> tuple[str, list[str]]:
    """An E.164 number to its country code ("" where there is none to say) and groups of digits as people there say
    them. Numbers of the North American plan go without their 1."""
    text = str(value).strip()
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        digits = re.sub(r"\D", "", text)
        if not digits:
            raise ValueError("not a phone number") from None
        return "", digit_groups(digits)
    international = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    code, *groups = re.findall(r"[0-9]+", international)
    groups = [piece for group in groups for piece in ([group] if len(group) <= 4 else digit_groups(group))]
    return ("" if code == "1" else code), groups


def digit_groups(digits: str) -> list[str]:
    """Groups of three and four, as people read numbers out: 8 is 4+4, 10 is 3+3+4, 16 is 4+4+4+4."""
    n = len(digits)
    if n <= 4:
        sizes = [n] if n else []
    elif n % 4 == 0:
        sizes = [4] * (n // 4)
    elif n == 5:
        sizes = [3, 2]
    else:
        fours = n % 3  # 3s make up the rest
        sizes = [3] * ((n - 4 * fours) // 3) + [4] * fours
    groups, start = [], 0
    for size in sizes:
        groups.append(digits[start : start + size])
        start += size
    return groups
