"""Amounts, days, expiry dates, yes and no, and names: what our own voice says and what people say."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.understand.dates import dates, expiries
from ivr.flow.understand.lexicon import lexicon
from ivr.flow.understand.money import money
from ivr.flow.understand.names import Names
from ivr.flow.understand.yes_no import yes_no
from ivr.prompts.languages import language

LANGUAGES = ("en", "es")
SUNDAY = dt.date(2026, 11, 22)
EN, ES = lexicon("en"), lexicon("es")


@pytest.mark.parametrize("tongue", LANGUAGES)
@given(amount=st.integers(1, 10**9), currency=st.sampled_from(("USD", "EUR", "MXN", "GBP", "JPY")))
def test_amounts_as_our_own_voice_says_them(tongue: str, amount: int, currency: str) -> None:
    decimals = 0 if currency == "JPY" else 2
    said = language(tongue).money(amount, currency)
    assert money(said, currency, decimals, lexicon(tongue))[0] == amount, said


@pytest.mark.parametrize("tongue", LANGUAGES)
@given(amount=st.integers(1, 10**9))
def test_amounts_as_they_are_written(tongue: str, amount: int) -> None:
    assert money(language(tongue).written_money(amount, "USD"), "USD", 2, lexicon(tongue))[0] == amount


@given(whole=st.integers(1, 999), cents=st.integers(10, 99))
def test_units_and_cents_without_their_names(whole: int, cents: int) -> None:
    said = f"{language('en').integer(whole)} {language('en').integer(cents)}"
    readings = money(said, "USD", 2, EN)
    # "a hundred" "twelve" is first of all 112.
    assert whole * 100 + cents in readings


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ("eighty-four fifty", 8450),
        ("a hundred and twenty dollars and five cents", 12005),
        ("twenty bucks", 2000),
        ("I'd like to pay twenty bucks please", 2000),
        ("a dollar fifty", 150),
        ("fifty cents", 50),
        ("eighty four oh five", 8405),
        ("eighty four point five", 8450),
        ("twenty dollars and a half", 2050),
        ("$1,020.50", 102050),
        ("84,50", 8450),
    ],
)
def test_english_amounts(said: str, amount: int) -> None:
    assert money(said, "USD", 2, EN)[0] == amount


@pytest.mark.parametrize(
    ("said", "amount"),
    [
        ("ochenta y cuatro con cincuenta", 8450),
        ("mil doscientos dólares", 120000),
        ("veinte dólares y medio", 2050),
        ("un dólar", 100),
    ],
)
def test_spanish_amounts(said: str, amount: int) -> None:
    assert money(said, "USD", 2, ES)[0] == amount


def test_an_amount_may_be_meant_in_two_ways() -> None:
    assert money("one fifty", "USD", 2, EN) == [150, 15000]


@pytest.mark.parametrize("said", ["", "everything", "the weather", "eighty euros", "dollars", "twenty pigs"])
def test_no_amounts(said: str) -> None:
    assert money(said, "USD", 2, EN) == []


@pytest.mark.parametrize("tongue", LANGUAGES)
@given(day=st.dates(dt.date(1930, 1, 1), dt.date(2099, 12, 31)))
def test_days_as_our_own_voice_says_them(tongue: str, day: dt.date) -> None:
    said = language(tongue).date(day)
    assert dates(said, SUNDAY, True, lexicon(tongue))[0] == day, said


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("December fourth", "2026-12-04"),
        ("the third of march twenty twenty-seven", "2027-03-03"),
        ("december 4", "2026-12-04"),
        ("the 4th of July 1984", "1984-07-04"),
        ("may the first", "2027-05-01"),
        ("today", "2026-11-22"),
        ("tomorrow please", "2026-11-23"),
        ("the day after tomorrow", "2026-11-24"),
        ("friday", "2026-11-27"),
        ("next friday", "2026-11-27"),
        ("last monday", "2026-11-16"),
        ("in three days", "2026-11-25"),
        ("in a week", "2026-11-29"),
        ("february 29th", "2028-02-29"),
        ("twelve four twenty twenty six", "2026-12-04"),
    ],
)
def test_english_days(said: str, day: str) -> None:
    assert dates(said, SUNDAY, True, EN)[0].isoformat() == day


def test_next_friday_on_a_weekday_is_next_weeks_then_this_weeks() -> None:
    monday = dt.date(2026, 11, 23)
    assert dates("next friday", monday, True, EN) == [dt.date(2026, 12, 4), dt.date(2026, 11, 27)]


def test_a_day_without_a_year_is_the_next_one_then_the_last() -> None:
    assert dates("november tenth", SUNDAY, True, EN) == [dt.date(2027, 11, 10), dt.date(2026, 11, 10)]


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("cuatro de diciembre", "2026-12-04"),
        ("el tres de marzo de dos mil veintisiete", "2027-03-03"),
        ("el viernes que viene", "2026-11-27"),
        ("pasado mañana", "2026-11-24"),
        ("dentro de tres días", "2026-11-25"),
        ("cuatro doce dos mil veintiséis", "2026-12-04"),
    ],
)
def test_spanish_days(said: str, day: str) -> None:
    assert dates(said, SUNDAY, False, ES)[0].isoformat() == day


@pytest.mark.parametrize("said", ["", "march", "february thirtieth", "sometime soon", "I march to work", "next"])
def test_no_days(said: str) -> None:
    assert dates(said, SUNDAY, True, EN) == []


def test_the_end_of_time_is_no_fault() -> None:
    assert dates("in nine thousand weeks", dt.date(9999, 12, 1), True, EN) == []


@given(month=st.integers(1, 12), year=st.integers(2026, 2045))
def test_expiry_dates(month: int, year: int) -> None:
    wanted = f"{month:02}{year % 100:02}"
    name = language("en").date(dt.date(year, month, 1)).split(", ")[1].split()[0]
    english = language("en")
    for said in (
        f"{name} {year}",
        f"{month:02}/{year}",
        f"{month}/{year % 100}",
        f"{english.integer(month)} {english.integer(year % 100)}",
        f"{'oh ' if month < 10 else ''}{english.integer(month)} twenty {english.integer(year % 100)}",
    ):
        assert wanted in expiries(said, SUNDAY, EN), said


def test_spanish_expiry() -> None:
    assert expiries("diciembre del dos mil veintinueve", SUNDAY, ES)[0] == "1229"
    assert expiries("doce veintinueve", SUNDAY, ES)[0] == "1229"


@pytest.mark.parametrize(
    "said",
    ["yes", "yeah sure", "yes please", "that's right", "sure, why not", "uh huh", "okay", "of course", "no problem",
     "yes that is correct", "correct", "yes, I want to pay my bill"],
)  # fmt: skip
def test_yes(said: str) -> None:
    assert yes_no(said, EN) is True


@pytest.mark.parametrize(
    "said",
    ["no", "nope", "no that's wrong", "no thank you", "that's not right", "not really", "it isn't", "I don't think so",
     "no, I need to talk about my bill", "that's all", "no that is not correct"],
)  # fmt: skip
def test_no(said: str) -> None:
    assert yes_no(said, EN) is False


@pytest.mark.parametrize(
    "said",
    ["", "yeah no", "no that's right", "I'm not sure", "maybe", "the right number", "what's the weather",
     "one hundred"],
)  # fmt: skip
def test_neither_yes_nor_no(said: str) -> None:
    assert yes_no(said, EN) is None


@pytest.mark.parametrize(
    ("said", "meant"),
    [("sí", True), ("sí, claro", True), ("así es", True), ("es correcto", True), ("no", False), ("no, gracias", False),
     ("no es correcto", False), ("no, está mal", False), ("claro que no", False), ("no sé", None), ("el agua", None)],
)  # fmt: skip
def test_spanish_yes_and_no(said: str, meant: bool | None) -> None:
    assert yes_no(said, ES) is meant


def test_the_admins_own_words_for_yes() -> None:
    assert yes_no("roger that", EN) is None
    assert yes_no("roger that", EN, yes=("Roger that!",)) is True


TOWNS = Names({"Springfield": (), "Shelbyville": (), "North Haverbrook": (), "Capital City": ("the capital",),
               "Brockway": (), "Smith": (), "Kathryn Jones": ()}, EN)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "meant", "surely"),
    [
        ("springfield", "Springfield", True),
        ("springfeild", "Springfield", True),
        ("I live in Shelbyville", "Shelbyville", True),
        ("shelby ville", "Shelbyville", True),
        ("the capital please", "Capital City", True),
        ("Smyth", "Smith", True),
        ("catherine jones", "Kathryn Jones", True),
        ("north haven brook", "North Haverbrook", True),
        ("spring", "Springfield", False),
    ],
)
def test_names(said: str, meant: str, surely: bool) -> None:
    found = TOWNS.find(said)
    assert [name.value for name in found[:1]] == ([meant] if surely or found else [])
    assert (bool(found) and found[0].sure >= 0.75) is surely


@pytest.mark.parametrize("said", ["", "pizza", "I want to pay my bill", "what is the weather", "yes"])
def test_no_names(said: str) -> None:
    assert TOWNS.find(said) == []


def test_two_names_that_are_alike_are_never_sure() -> None:
    found = Names({"Marion": (), "Marian": ()}, EN).find("mariun")
    assert {name.value for name in found} == {"Marion", "Marian"}
    assert all(name.sure < 0.75 for name in found)


def test_names_among_hundreds() -> None:
    streets = {f"{name} {kind}": () for name in ("Oak", "Elm", "Maple", "Cedar", "Walnut", "Chestnut", "Washington")
               for kind in ("Street", "Avenue", "Road", "Lane", "Court", "Drive")}  # fmt: skip
    found = Names({**streets, **{f"Route {place}": () for place in range(300)}}, EN).find("it's chesnut avenue")
    assert found[0].value == "Chestnut Avenue"
    assert found[0].sure >= 0.75


@given(text=st.text(max_size=300))
def test_anything_can_be_said(text: str) -> None:
    for tongue in (EN, ES):
        assert all(amount >= 0 for amount in money(text, "USD", 2, tongue))
        assert all(isinstance(day, dt.date) for day in dates(text, SUNDAY, True, tongue))
        assert all(len(mmyy) == 4 for mmyy in expiries(text, SUNDAY, tongue))
        assert yes_no(text, tongue) in (True, False, None)
        assert all(0 <= name.sure <= 1 for name in TOWNS.find(text))
