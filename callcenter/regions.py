"""Where a telephone number is from: a country (ISO 3166-1: DE), or a state or province of the US or Canada (ISO 3166-2:
US-CA), as far as a number tells.

The countries and area codes are those of the `phonenumbers` library, which are Google's libphonenumber's. A mobile
number keeps its area code wherever its owner lives, and toll-free numbers have none of a state.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import phonenumbers

_US = (
    "AL Alabama,AK Alaska,AZ Arizona,AR Arkansas,CA California,CO Colorado,CT Connecticut,DE Delaware,"
    "DC Washington D.C.,FL Florida,GA Georgia,HI Hawaii,ID Idaho,IL Illinois,IN Indiana,IA Iowa,KS Kansas,KY Kentucky,"
    "LA Louisiana,ME Maine,MD Maryland,MA Massachusetts,MI Michigan,MN Minnesota,MS Mississippi,MO Missouri,MT Montana,"
    "NE Nebraska,NV Nevada,NH New Hampshire,NJ New Jersey,NM New Mexico,NY New York,NC North Carolina,ND North Dakota,"
    "OH Ohio,OK Oklahoma,OR Oregon,PA Pennsylvania,RI Rhode Island,SC South Carolina,SD South Dakota,TN Tennessee,"
    "TX Texas,UT Utah,VT Vermont,VA Virginia,WA Washington State,WV West Virginia,WI Wisconsin,WY Wyoming"
)
_CA = (
    "AB Alberta,BC British Columbia,MB Manitoba,NB New Brunswick,NL Newfoundland and Labrador,NS Nova Scotia,"
    "NT Northwest Territories,NU Nunavut,ON Ontario,PE Prince Edward Island,QC Quebec,SK Saskatchewan,YT Yukon"
)
_MISSPELT = {"British Colombia": "British Columbia"}
"""As the library has it for an area code."""
STATES: dict[str, dict[str, str]] = {
    country: {name: code for code, _, name in (entry.partition(" ") for entry in listed.split(","))}
    for country, listed in (("US", _US), ("CA", _CA))
}
"""By country: the code of each state or province by the name that the library gives it."""


def known(region: str) -> bool:
    """Whether it is a region that numbers can be from: DE, US, US-CA."""
    country, dash, state = region.partition("-")
    if dash:
        return state in STATES.get(country, {}).values()
    return country in phonenumbers.SUPPORTED_REGIONS


def load() -> Any:
    """Load the tables of area codes, which takes seconds: they hold the names of all places of the world."""
    return importlib.import_module("phonenumbers.geocoder")


@lru_cache(4096)
def regions_of(number: str) -> frozenset[str]:
    """The regions that a number in E.164 may be from; none where that can't be told. The country alone stands for "a
    state that the number doesn't tell". The first number of the US or Canada loads the tables."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return frozenset()
    country = phonenumbers.region_code_for_number(parsed)
    if country is None or country == "001":  # no number of anybody's; of no country (satellites)
        return frozenset()
    states = STATES.get(country)
    if states is None:
        return frozenset({country})
    place = str(load().description_for_number(parsed, "en")).rpartition(", ")[2]
    codes = {states.get(_MISSPELT.get(name, name), name) for name in place.split("/")} & set(states.values())
    return frozenset(f"{country}-{code}" for code in codes) or frozenset({country})


def announced(consent: str, regions: Iterable[str], number: str) -> bool:
    """Whether a customer with this number is told of a recording, by the queue's rule (`callcenter.acd.config.Record`).
    Blocks for seconds with the first number of the US or Canada."""
    wanted = list(regions)
    return consent != "never" if consent != "by_region" or not wanted else within(number, wanted)


def within(number: str, regions: Iterable[str]) -> bool:
    """Whether a number is, or may be, from one of these regions. One that isn't known may be from anywhere."""
    wanted = set(regions)
    found = regions_of(number)
    if not found:
        return True
    countries_in_part = {region.partition("-")[0] for region in wanted if "-" in region}
    return any(one in wanted or one.partition("-")[0] in wanted or one in countries_in_part for one in found)
