"""Where telephone numbers are from."""

from __future__ import annotations

import phonenumbers
import pytest

from callcenter import regions


@pytest.mark.parametrize(
    ("number", "found"),
    [
        ("+14155550142", {"US-CA"}),  # a city's name is known
        ("+12145551234", {"US-TX"}),  # only the state's
        ("+12025550142", {"US-DC"}),
        ("+12065550142", {"US-WA"}),
        ("+12125550142", {"US-NY"}),
        ("+18005550100", {"US"}),  # toll-free: of no state
        ("+17875550100", {"PR"}),
        ("+14165550100", {"CA-ON"}),
        ("+16045550100", {"CA-BC"}),
        ("+442071234567", {"GB"}),
        ("+15550100", set()),
        ("anonymous", set()),
        ("sip:ana@pbx.example", set()),
        ("", set()),
    ],
)
def test_a_number_tells_its_region(number: str, found: set[str]) -> None:
    assert regions.regions_of(number) == found


def test_one_area_code_for_several_provinces() -> None:
    assert regions.regions_of("+19025550100") >= {"CA-NS"}
    assert regions.regions_of("+18675550100") >= {"CA-YT"}


@pytest.mark.parametrize(
    ("number", "wanted", "within"),
    [
        ("+14155550142", ["US-CA"], True),
        ("+14155550142", ["US-FL", "DE"], False),
        ("+14155550142", ["US"], True),  # the country means all of it
        ("+18005550100", ["US-CA"], True),  # may be from there
        ("+18005550100", ["DE"], False),
        ("+442071234567", ["US-CA", "DE"], False),
        ("+493012345678", ["US-CA", "DE"], True),
        ("anonymous", ["DE"], True),  # from anywhere
        ("", ["DE"], True),
    ],
)
def test_a_rule_holds_where_the_number_may_be_from(number: str, wanted: list[str], within: bool) -> None:
    assert regions.within(number, wanted) is within


def test_every_state_that_numbers_tell_has_a_code() -> None:
    """All area codes of the US and Canada lead to a state or province, or the library doesn't know them either."""
    for code in range(201, 990):
        number = f"+1{code}5550142"
        for region in regions.regions_of(number):
            assert regions.known(region), (number, region)
            place = regions.load().description_for_number(phonenumbers.parse(number, None), "en")
            assert "-" in region or region not in regions.STATES or place in ("", "United States", "Canada"), place


def test_what_can_be_named() -> None:
    assert all(regions.known(code) for code in ("DE", "US", "US-CA", "US-DC", "CA-QC"))
    assert not any(regions.known(code) for code in ("XX", "US-ZZ", "DE-BY", "us", "", "US-"))
