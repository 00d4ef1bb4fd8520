"""Which numbers we call or text because somebody asked for it whom we don't know: a stranger who is called back on a
number that pays its owner earns by every minute of it (toll fraud, international revenue share fraud).

The ranges and their kinds are those of the `phonenumbers` library, which are Google's libphonenumber's.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumberType

COSTLY = frozenset(
    {
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PERSONAL_NUMBER,
        PhoneNumberType.PAGER,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
    }
)
"""Kinds of numbers that may cost more than a call to a subscriber."""
_SIP = re.compile(r"sips?:([^@;]+)[^@]*@", re.IGNORECASE)
_NUMBER = re.compile(r"\+?[0-9().-]+")
_INTERNAL = 6
"""Digits that an extension of a telephone system has at most."""


def may_dial(address: str, region: str, countries: Collection[str] = ()) -> bool:
    """Whether a stranger may have us call or text this number or SIP address: it is a subscriber's, of one of these
    countries. `region` is the country (ISO 3166-1) of a number that isn't international, and the one that counts where
    `countries` is empty. A SIP address counts as the number that is its user part, as a trunk takes it; a name or an
    extension costs nothing."""
    number = address
    if (found := _SIP.match(address)) is not None:
        number = unquote(found[1])
        if _NUMBER.fullmatch(number) is None or len(re.sub(r"\D", "", number)) <= _INTERNAL:
            return True
    return _may_dial(number, region.upper(), frozenset(countries or (region,)))


@lru_cache(4096)
def _may_dial(text: str, region: str, countries: frozenset[str]) -> bool:
    try:
        number = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException:
        return False
    if phonenumbers.number_type(number) in COSTLY:
        return False
    country = phonenumbers.region_code_for_number(number)
    if country is not None:
        return country in countries
    # In no range that is known: of one of the countries that share its code.
    return not countries.isdisjoint(phonenumbers.region_codes_for_country_code(number.country_code or 0))
