"""Numbers that a stranger may have us call."""

from __future__ import annotations

import pytest

from callcenter.tolls import may_dial


@pytest.mark.parametrize(
    "address",
    [
        "+12125550123",
        "212 555 0123",
        "+18005551212",
        "+15550100123",  # in no range that is given out
        "sip:+12125550123@trunk.example",
        "sip:alice@127.0.0.1:5070",
        "sip:1001@pbx.example",
        "sip:123456@pbx.example",
    ],
)
def test_subscribers_at_home_are_called(address: str) -> None:
    assert may_dial(address, "US")


@pytest.mark.parametrize(
    "address",
    [
        "+19002345678",  # premium rate
        "1 900 234 5678",
        "+18095551234",  # looks like home, is the Dominican Republic
        "+18764567890",
        "+882161234567",  # satellites
        "+8835100012345",
        "+491711234567",
        "+9601234567",
        "sip:+19002345678@trunk.example",
        "sip:19002345678@trunk.example;user=phone",
        "sip:%2B19002345678@trunk.example",
        "sip:+1-900-234-5678;phone-context=x@trunk.example",
        "sips:011882161234567@trunk.example",
        "SIP:+18095551234@trunk.example",
        "",
        "+",
        "nobody",
    ],
)
def test_numbers_that_pay_their_owner_are_not(address: str) -> None:
    assert not may_dial(address, "US")


def test_countries_are_the_companys_choice() -> None:
    assert may_dial("+491711234567", "US", ["US", "DE"])
    assert not may_dial("+491711234567", "DE", ["US"])
    assert may_dial("0171 1234567", "DE")
    assert not may_dial("+449091234567", "GB", ["GB"])  # premium rate stays so
    assert not may_dial("+447012345678", "GB", ["GB"])  # follow-me numbers, 070
