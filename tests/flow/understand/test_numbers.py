"""Numbers and strings of digits: what is said is understood, in every way of saying it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import num2words

from ivr.flow.understand.digits import digits
from ivr.flow.understand.lexicon import lexicon
from ivr.flow.understand.numbers import number
from ivr.prompts.languages import language

LANGUAGES = ("en", "es")
NAMES = {
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "es": ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"),
}
strings = st.text("0123456789", min_size=1, max_size=19)


@pytest.mark.parametrize("tongue", LANGUAGES)
@given(value=st.one_of(st.integers(0, 10_000), st.integers(0, 10**12 - 1)))
def test_numbers_in_words(tongue: str, value: int) -> None:
    assert number(num2words(value, lang=tongue), lexicon(tongue)) == value


@pytest.mark.parametrize("tongue", LANGUAGES)
@given(value=st.integers(0, 10**9))
def test_numbers_as_our_own_voice_says_them(tongue: str, value: int) -> None:
    assert number(language(tongue).integer(value), lexicon(tongue)) == value


@pytest.mark.parametrize("tongue", LANGUAGES)
@given(value=strings)
def test_digits_one_by_one(tongue: str, value: str) -> None:
    said = " ".join(NAMES[tongue][int(digit)] for digit in value)
    assert digits(said, lexicon(tongue)) == [value]


@pytest.mark.parametrize("tongue", LANGUAGES)
@given(value=strings, data=st.data())
def test_digits_in_groups(tongue: str, value: str, data: st.DataObject) -> None:
    """Groups of one to three digits, each said as a number where it has no leading zero; the length decides."""
    said, at = [], 0
    while at < len(value):
        size = data.draw(st.integers(1, 3))
        group = value[at : at + size]
        at += size
        spelt = group.startswith("0") and len(group) > 1
        said += [NAMES[tongue][int(digit)] for digit in group] if spelt else [num2words(int(group), lang=tongue)]
    readings = digits(" ".join(said), lexicon(tongue))
    # Groups may run into each other ("one hundred" "five" is 105 too), more often than readings are kept.
    assert value in readings or len(readings) == 12


@pytest.mark.parametrize("tongue", LANGUAGES)
@given(value=st.text("0123456789", min_size=1, max_size=12), data=st.data())
def test_figures_and_words_mixed(tongue: str, value: str, data: st.DataObject) -> None:
    said = [data.draw(st.sampled_from((digit, NAMES[tongue][int(digit)]))) for digit in value]
    assert digits(" ".join(said), lexicon(tongue)) == [value]


@given(text=st.text(max_size=200))
@pytest.mark.parametrize("tongue", LANGUAGES)
def test_anything_can_be_said(tongue: str, text: str) -> None:
    assert all(reading.isdecimal() and reading.isascii() for reading in digits(text, lexicon(tongue)))
    found = number(text, lexicon(tongue))
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("one oh two oh", ["1020"]),
        ("double four", ["44"]),
        ("triple seven", ["777"]),
        ("double oh seven", ["007"]),
        ("twenty three forty", ["2340", "20340"]),
        ("one zero two zero, three zero four zero", ["10203040"]),
        ("1020-3040", ["10203040"]),
        ("my account number is one 0 two 0, thanks", ["1020"]),
        ("four two for two", ["4242", "422"]),
        ("forty five hundred", ["4500", "40500"]),
        ("one hundred and five", ["105", "1005"]),
        ("٠١٢", ["012"]),
    ],
)
def test_english(said: str, meant: list[str]) -> None:
    assert digits(said, lexicon("en")) == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("doble cuatro", "44"),
        ("treinta y dos cuarenta", "3240"),
        ("treinta dos", "32"),
        ("veintitrés cero cinco", "2305"),
        ("mi número de cuenta es uno cero dos cero", "1020"),
    ],
)
def test_spanish(said: str, meant: str) -> None:
    assert digits(said, lexicon("es"))[0] == meant


@pytest.mark.parametrize(
    "said", ["", "I have two cats and a very old dog", "what is the weather", "to be or not to be", "for free"]
)
def test_no_digits(said: str) -> None:
    assert digits(said, lexicon("en")) == []


@pytest.mark.parametrize(
    ("said", "meant"),
    [("a hundred", 100), ("twelve hundred", 1200), ("two thousand and five", 2005), ("1,200", 1200), ("um, forty", 40)],
)
def test_numbers_as_people_say_them(said: str, meant: int) -> None:
    assert number(said, lexicon("en")) == meant


@pytest.mark.parametrize("said", ["", "forty people", "one two three", "twenty twenty", "one point five"])
def test_no_number(said: str) -> None:
    assert number(said, lexicon("en")) is None


def test_an_unknown_language_understands_figures() -> None:
    assert digits("10 20", lexicon("xx")) == ["1020"]
    assert number("42", lexicon("xx")) == 42
    assert digits("one", lexicon("xx")) == []
