"""Every kind of value in both languages, spoken and written."""

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.prompts.languages import known
from ivr.prompts.parts import KINDS, Kind, Part, Prompt
from ivr.prompts.spoken import PAUSE, Piece, pieces, spoken
from ivr.prompts.values import digit_groups
from ivr.prompts.written import written

LANGUAGES = [*known(), "es-MX", "en_GB", "fr", "de", "pt-BR", "ja", "ar", "zz", "", "x-y_z"]

# kind, value, currency, English spoken, English written, Spanish spoken, Spanish written
TABLE = [
    ("digits", "427", "", "4 2 7", "427", "4 2 7", "427"),
    ("digits", 42719903, "", "4 2 7 1, 9 9 0 3", "42719903", "4 2 7 1, 9 9 0 3", "42719903"),
    ("digits", "007-1#", "", "0 0 7, 1 pound", "007-1#", "0 0 7, 1 numeral", "007-1#"),
    ("characters", "ab-12", "", "A B, 1 2", "ab-12", "A B, 1 2", "ab-12"),
    ("number", 0, "", "zero", "0", "cero", "0"),
    ("number", 21000, "", "twenty-one thousand", "21,000", "veintiún mil", "21,000"),
    ("number", 31_000_000, "", "thirty-one million", "31,000,000", "treinta y un millones", "31,000,000"),
    ("number", "-3.50", "", "minus three point five zero", "-3.5", "menos tres punto cinco cero", "-3.5"),
    ("ordinal", 3, "", "third", "3rd", "tercero", "3.º"),
    ("ordinal", 21, "", "twenty-first", "21st", "vigésimo primero", "21.º"),
    (
        "money",
        4250,
        "USD",
        "forty-two dollars and fifty cents",
        "$42.50",
        "cuarenta y dos dólares con cincuenta centavos",
        "$42.50",
    ),
    ("money", 100, "USD", "one dollar", "$1.00", "un dólar", "$1.00"),
    ("money", 101, "USD", "one dollar and one cent", "$1.01", "un dólar con un centavo", "$1.01"),
    (
        "money",
        2199,
        "USD",
        "twenty-one dollars and ninety-nine cents",
        "$21.99",
        "veintiún dólares con noventa y nueve centavos",
        "$21.99",
    ),
    ("money", 50, "USD", "fifty cents", "$0.50", "cincuenta centavos", "$0.50"),
    ("money", 0, "USD", "zero dollars", "$0.00", "cero dólares", "$0.00"),
    ("money", -4200, "EUR", "minus forty-two euros", "-€42.00", "menos cuarenta y dos euros", "-EUR42.00"),
    ("money", 100_000_000, "USD", "one million dollars", "$1,000,000.00", "un millón de dólares", "$1,000,000.00"),
    (
        "money",
        20001,
        "GBP",
        "two hundred pounds and one penny",
        "£200.01",
        "doscientas libras con un penique",
        "GBP200.01",
    ),
    (
        "money",
        20_000_100,
        "GBP",
        "two hundred thousand and one pounds",
        "£200,001.00",
        "doscientas mil una libras",
        "GBP200,001.00",
    ),
    (
        "money",
        4250,
        "JPY",
        "four thousand, two hundred and fifty yen",
        "¥4,250",
        "cuatro mil doscientos cincuenta yenes",
        "¥4,250",
    ),
    (
        "money",
        13150,
        "MXN",
        "one hundred and thirty-one pesos and fifty centavos",
        "MX$131.50",
        "ciento treinta y un pesos con cincuenta centavos",
        "MXN131.50",
    ),
    (
        "money",
        4250,
        "XXQ",
        "forty-two point five zero X X Q",
        "XXQ42.50",
        "cuarenta y dos punto cinco cero X X Q",
        "XXQ42.50",
    ),
    ("money", 200, "SEK", "two Swedish kronor", "SEK2.00", "dos coronas suecas", "SEK2.00"),
    (
        "date",
        "2026-11-23",
        "",
        "Monday, November the twenty-third, twenty twenty-six",
        "Monday, November 23, 2026",
        "lunes veintitrés de noviembre de dos mil veintiséis",
        "lunes, 23 de noviembre de 2026",
    ),
    (
        "date",
        "2027-01-01",
        "",
        "Friday, January the first, twenty twenty-seven",
        "Friday, January 1, 2027",
        "viernes primero de enero de dos mil veintisiete",
        "viernes, 1 de enero de 2027",
    ),
    ("day", "2026-11-25", "", "Wednesday", "Wednesday", "miércoles", "miércoles"),
    ("time", "14:05", "", "two oh five p.m.", "2:05 PM", "las dos y cinco de la tarde", "las 2:05 p.m."),
    ("time", "09:00", "", "nine a.m.", "9:00 AM", "las nueve de la mañana", "las 9:00 a.m."),
    ("time", "13:30", "", "one thirty p.m.", "1:30 PM", "la una y media de la tarde", "la 1:30 p.m."),
    ("time", "12:00", "", "noon", "12:00 PM", "las doce del mediodía", "las 12:00 p.m."),
    ("time", "24:00", "", "midnight", "12:00 AM", "las doce de la noche", "las 12:00 a.m."),
    ("time", "21:15", "", "nine fifteen p.m.", "9:15 PM", "las nueve y cuarto de la noche", "las 9:15 p.m."),
    (
        "time",
        "03:45",
        "",
        "three forty-five a.m.",
        "3:45 AM",
        "las tres y cuarenta y cinco de la madrugada",
        "las 3:45 a.m.",
    ),
    (
        "datetime",
        "2026-11-23T14:00",
        "",
        "Monday, November the twenty-third, twenty twenty-six, at two p.m.",
        "Monday, November 23, 2026, 2:00 PM",
        "lunes veintitrés de noviembre de dos mil veintiséis a las dos de la tarde",
        "lunes, 23 de noviembre de 2026 a las 2:00 p.m.",
    ),
    (
        "hours",
        "08:00-12:00,13:00-18:00",
        "",
        "from eight a.m. to noon and from one p.m. to six p.m.",
        "from 8:00 AM to 12:00 PM and from 1:00 PM to 6:00 PM",
        "de las ocho de la mañana a las doce del mediodía y de la una de la tarde a las seis de la tarde",
        "de las 8:00 a.m. a las 12:00 p.m. y de la 1:00 p.m. a las 6:00 p.m.",
    ),
    ("duration", 120, "", "two minutes", "2 minutes", "dos minutos", "2 minutos"),
    ("duration", 1, "", "one second", "1 second", "un segundo", "1 segundo"),
    (
        "duration",
        90,
        "",
        "one minute and thirty seconds",
        "1 minute and 30 seconds",
        "un minuto y treinta segundos",
        "1 minuto y 30 segundos",
    ),
    (
        "duration",
        75665,
        "",
        "twenty-one hours and one minute",
        "21 hours and 1 minute",
        "veintiuna horas y un minuto",
        "21 horas y 1 minuto",
    ),
    (
        "duration",
        90060,
        "",
        "one day, one hour and one minute",
        "1 day, 1 hour, and 1 minute",
        "un día, una hora y un minuto",
        "1 día, 1 hora y 1 minuto",
    ),
    (
        "phone",
        "+12125550123",
        "",
        "2 1 2, 5 5 5, 0 1 2 3",
        "+1 212-555-0123",
        "2 1 2, 5 5 5, 0 1 2 3",
        "+1 212-555-0123",
    ),
    (
        "phone",
        "+34612345678",
        "",
        "plus 3 4, 6 1 2, 3 4, 5 6, 7 8",
        "+34 612 34 56 78",
        "más 3 4, 6 1 2, 3 4, 5 6, 7 8",
        "+34 612 34 56 78",
    ),
]


@pytest.mark.parametrize(("kind", "value", "currency", "en", "en_text", "es", "es_text"), TABLE)
def test_said_and_written(
    kind: Kind, value: str | int | float, currency: str, en: str, en_text: str, es: str, es_text: str
) -> None:
    for language, said, text in (("en", en, en_text), ("es", es, es_text)):
        prompt = Prompt((Part(kind, value, currency),), language)
        assert spoken(prompt) == said
        assert written(prompt) == text


def test_the_table_has_every_kind() -> None:
    assert {row[0] for row in TABLE} | {"text"} == set(KINDS)


@pytest.mark.parametrize(
    ("language", "kind", "value", "said"),
    [
        ("es-MX", "time", "13:00", "la una de la tarde"),
        ("fr", "number", 21, "vingt et un"),
        ("fr", "date", "2026-11-23", "lundi 23 novembre 2026"),
        ("de", "number", "2.5", "2,5"),
    ],
)
def test_regions_and_languages_without_a_file(language: str, kind: Kind, value: str | int, said: str) -> None:
    assert spoken(Prompt((Part(kind, value),), language)) == said


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("time", "99:99"),
        ("date", "2026-02-30"),
        ("money", "a lot"),
        ("number", "nan"),
        ("duration", 1.5),
        ("hours", "always"),
        ("phone", "-"),
    ],
)
def test_what_a_kind_cannot_be_is_said_as_it_stands(kind: Kind, value: str | int | float) -> None:
    prompt = Prompt((Part(kind, value, "USD" if kind == "money" else ""),), "en")
    assert written(prompt) == str(value)
    if kind != "phone":
        assert spoken(prompt) == str(value)


def test_a_sentence_ends_once() -> None:
    prompt = Prompt((Part("text", "We open at "), Part("time", "09:00"), Part("text", ". Bye.")), "en")
    assert spoken(prompt) == "We open at nine a.m. Bye."
    assert written(prompt) == "We open at 9:00 AM. Bye."


def test_pieces_are_whole_texts_single_digits_and_values() -> None:
    parts = (
        Part("text", "Your balance is "),
        Part("money", 4250, "USD"),
        Part("text", ". Account "),
        Part("digits", "42719903"),
        Part("text", "."),
    )
    expected = "Your balance is,|forty-two dollars and fifty cents|,|Account,|4|2|7|1|,|9|9|0|3"
    said = [PAUSE if text == "," else Piece(text) for text in expected.split("|")]
    assert pieces(Prompt(parts, "en")) == said
    assert pieces(Prompt((Part("text", "Welcome. Press 1."),), "en")) == [Piece("Welcome. Press 1.")]
    assert pieces(Prompt((Part("text", " ... "),), "en")) == []


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (4, [4]), (5, [3, 2]), (7, [3, 4]), (8, [4, 4]), (10, [3, 3, 4]), (11, [3, 4, 4])]
)
def test_digit_groups(count: int, sizes: list[int]) -> None:
    assert [len(group) for group in digit_groups("7" * count)] == sizes


words = st.text(max_size=30)
currencies = st.one_of(
    st.sampled_from(["USD", "EUR", "GBP", "JPY", "MXN", "KWD", "XXX", ""]), st.from_regex(r"\A[A-Z]{3}\Z")
)
integers = st.integers(-(10**30), 10**30)
valid_parts = st.one_of(
    st.builds(Part, st.just("text"), words),
    st.builds(Part, st.just("digits"), st.text(alphabet="0123456789*#ABCD", max_size=40)),
    st.builds(Part, st.just("number"), st.one_of(integers, st.floats(allow_nan=False, allow_infinity=False))),
    st.builds(Part, st.just("ordinal"), integers),
    st.builds(Part, st.just("money"), integers, currencies),
    st.builds(Part, st.just("date"), st.dates().map(dt.date.isoformat)),
    st.builds(Part, st.just("day"), st.dates().map(dt.date.isoformat)),
    st.builds(Part, st.just("time"), st.times().map(lambda time: f"{time:%H:%M}")),
    st.builds(Part, st.just("datetime"), st.datetimes().map(lambda moment: moment.isoformat(timespec="minutes"))),
    st.builds(Part, st.just("duration"), st.integers(-(10**9), 10**9)),
    st.builds(Part, st.just("phone"), st.from_regex(r"\A\+[1-9][0-9]{3,14}\Z")),
)
any_parts = st.builds(Part, st.sampled_from(KINDS), st.one_of(words, st.integers(), st.floats()), st.text(max_size=4))


@given(st.lists(st.one_of(valid_parts, any_parts), max_size=4), st.sampled_from(LANGUAGES))
def test_anything_can_be_said_and_written(parts: list[Part], language: str) -> None:
    prompt = Prompt(tuple(parts), language)
    assert isinstance(spoken(prompt), str)
    assert isinstance(written(prompt), str)
    found = pieces(prompt)
    texts = [piece.text for piece in found if not piece.seconds]
    assert all(len(text) == 1 or any(char.isalnum() for char in text) for text in texts)
    assert PAUSE not in found[:1] + found[-1:]
    assert Prompt.from_json(json.loads(json.dumps(prompt.to_json()))).language == language


@given(valid_parts.filter(lambda part: part.kind not in ("text", "digits")), st.sampled_from(["en", "es"]))
def test_values_are_said_in_words(part: Part, language: str) -> None:
    """No figures are left over in what a voice says, but for what nobody says in words (15 figures and more)."""
    said = spoken(Prompt((part,), language))
    assert said
    if part.kind not in ("phone",) and abs(len(str(part.value))) < 12 and "e" not in str(part.value):
        assert not any(char.isdigit() for char in said)
