"""Payment cards, as far as arithmetic goes: check digit, brand and expiry. Pure."""

from __future__ import annotations

from datetime import date

# Prefix ranges as the networks publish them (ISO/IEC 7812 issuer identification numbers); the first match counts.
_BRANDS: tuple[tuple[str, int, int, int], ...] = (
    ("amex", 2, 34, 34),
    ("amex", 2, 37, 37),
    ("diners", 3, 300, 305),
    ("diners", 2, 36, 36),
    ("diners", 2, 38, 39),
    ("discover", 4, 6011, 6011),
    ("discover", 3, 644, 649),
    ("discover", 2, 65, 65),
    ("jcb", 4, 3528, 3589),
    ("mastercard", 2, 51, 55),
    ("mastercard", 4, 2221, 2720),
    ("unionpay", 2, 62, 62),
    ("visa", 1, 4, 4),
)


def luhn(number: str) -> bool:
    """Whether a card number has 12 to 19 digits (ISO/IEC 7812-1) and the right check digit (its annex B)."""
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19):
        return False
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def brand(number: str) -> str:
    """The network by the number's prefix: visa, mastercard, amex, discover, diners, jcb, unionpay, or ""."""
    for name, digits, low, high in _BRANDS:
        prefix = number[:digits]
        if len(prefix) == digits and prefix.isdigit() and low <= int(prefix) <= high:
            return name
    return ""


SHORTEST = 14
"""Digits of the shortest card numbers that are usual."""
_LENGTHS = {"amex": 15, "diners": 14}


def whole(number: str) -> bool:
    """Whether a number has a check digit that is right and the digits that its brand's cards usually have: 16 but for
    two. Some have up to 19: then this may be true of their beginning, of one in ten."""
    return luhn(number) and len(number) == _LENGTHS.get(brand(number), 16)


def expired(mmyy: str, today: date) -> bool:
    """Whether a card marked `mmyy` is past: it is good to the end of its month. The year is the one of this century.

    Raises ValueError where `mmyy` isn't a month and a year of four digits.
    """
    if not (len(mmyy) == 4 and mmyy.isascii() and mmyy.isdigit() and 1 <= int(mmyy[:2]) <= 12):
        raise ValueError("an expiry date is four digits, month and year, such as 0429")
    return (2000 + int(mmyy[2:]), int(mmyy[:2])) < (today.year, today.month)
