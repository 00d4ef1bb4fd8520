"""Card arithmetic, with the numbers that the networks publish for tests."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.cards import brand, expired, luhn, whole


@pytest.mark.parametrize(
    ("number", "name"),
    [
        ("4242424242424242", "visa"),
        ("5555555555554444", "mastercard"),
        ("2223003122003222", "mastercard"),
        ("378282246310005", "amex"),
        ("6011111111111117", "discover"),
        ("3056930009020004", "diners"),
        ("3566002020360505", "jcb"),
        ("6200000000000005", "unionpay"),
    ],
)
def test_published_numbers(number: str, name: str) -> None:
    assert luhn(number)
    assert brand(number) == name


@pytest.mark.parametrize(
    "number", ["", "0", "4242424242424241", "42424242", "4" * 20, "4242 4242 4242 4242", "４" * 16]
)
def test_what_is_no_card_number(number: str) -> None:
    assert not luhn(number)


def test_a_whole_number_has_its_brands_digits_and_a_right_check_digit() -> None:
    for number in ("4242424242424242", "378282246310005", "30569309025904", "6200000000000005"):
        assert whole(number)
        assert not whole(number[:-1])
    assert not whole("4242424242424241")
    assert not whole("4222222222222")  # 13 digits: few cards have them, most that say so are not finished


def test_no_brand() -> None:
    assert [brand(number) for number in ("", "9", "22", "1234567890123")] == [""] * 4


@given(st.text("0123456789", min_size=11, max_size=18), st.integers(0, 18), st.integers(1, 9))
def test_one_wrong_digit_is_noticed(body: str, place: int, change: int) -> None:
    number = next(body + check for check in "0123456789" if luhn(body + check))
    place %= len(number)
    wrong = number[:place] + str((int(number[place]) + change) % 10) + number[place + 1 :]
    assert not luhn(wrong)


def test_a_card_is_good_to_the_end_of_its_month() -> None:
    assert not expired("1126", date(2026, 11, 30))
    assert expired("1126", date(2026, 12, 1))
    assert expired("1225", date(2026, 1, 1))
    assert not expired("0127", date(2026, 12, 31))


@pytest.mark.parametrize("text", ["", "1", "1326", "0026", "11/6", "112026", "１１２６"])
def test_what_is_no_month_and_year(text: str) -> None:
    with pytest.raises(ValueError, match="four digits"):
        expired(text, date(2026, 11, 22))
