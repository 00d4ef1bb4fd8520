"""Every word that the desk says is there in every language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import callcenter.desk
from callcenter.consent import CHANNELS
from callcenter.desk.core import SPOKEN_BY_SCRIPTS
from callcenter.desk.pages.welcome import WEAK
from callcenter.desk.permissions import ROLES
from callcenter.desk.routing import all_links
from callcenter.desk.users import PREFERENCES
from callcenter.desk.words import LANGUAGES, Words, translations
from callcenter.identifiers import KINDS, PROOFS

ROOT = Path(callcenter.desk.__file__).parent
CODES = {*ROLES, *CHANNELS, *KINDS, *PROOFS, *PREFERENCES["theme"], *PREFERENCES["shortcuts"], "open", "pending",
         "resolved", "reopened"}  # fmt: skip


def said() -> Iterator[str]:
    """All that templates, code and scripts ask to be translated."""
    for path in ROOT.rglob("*.html"):
        for double, single in re.findall(r"""\b_\((?:"([^"]+)"|'([^']+)')""", path.read_text()):
            yield double or single
        for one, many in re.findall(r"""\bcounted\([^"]+"([^"]+)", "([^"]+)\"""", path.read_text()):
            yield from (one, many)
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            words = {"t": node.args[:1], "InvalidUser": node.args[:1], "counted": node.args[1:3]}.get(name, [])
            yield from (one.value for one in words if isinstance(one, ast.Constant) and isinstance(one.value, str))
    for path in (ROOT / "static").glob("*.js"):
        for text in re.findall(r'\bt\("([^"]+)"\)', path.read_text()):
            assert text in SPOKEN_BY_SCRIPTS, f"{path.name}: the page doesn't bring the words {text!r} along"
    yield from (*SPOKEN_BY_SCRIPTS, *WEAK.values(), *CODES, *(link.label for link in all_links()))


@pytest.mark.parametrize("language", sorted(LANGUAGES.keys() - {"en"}))
def test_nothing_is_missing(language: str) -> None:
    known = translations(language)
    found = set(said())
    assert len(found) > 250
    assert sorted(found - known.keys()) == []


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_values_keep_their_names(language: str) -> None:
    for text, translated in translations(language).items():
        assert set(re.findall(r"%\((\w+)\)s", text)) == set(re.findall(r"%\((\w+)\)s", translated)), text


def test_moments_amounts_and_lengths() -> None:
    words = Words("es", "ES", ZoneInfo("Europe/Madrid"))
    at = datetime(2026, 11, 22, 22, 30, tzinfo=UTC)
    assert words.moment(at) == "22 nov 2026, 23:30"
    assert words.money(123456, "EUR") == "1.234,56\xa0€"
    assert words.money(500, "JPY") == "500\xa0JPY"
    assert (words.seconds(65), words.seconds(3723)) == ("1:05", "1:02:03")
    assert (words.number(12345.67, 1), words.number(1234567)) == ("12.345,7", "1.234.567")
    assert (words.percent(0.2961, 1), words.percent(0.5)) == ("29,6\xa0%", "50\xa0%")
    assert Words("en", "US", ZoneInfo("UTC")).percent(0.2961, 1) == "29.6%"
    assert (words.language_name("en"), words.language_name("?")) == ("inglés", "?")
    assert (words.size(12), words.size(1_234_000)) == ("12 B", "1.23 MB")


def test_one_is_no_plural() -> None:
    words = Words("es", "ES", ZoneInfo("Europe/Madrid"))
    told = [words.counted(count, "One step", "%(count)s steps") for count in (0, 1, 2, 12345)]
    assert told == ["0 pasos", "Un paso", "2 pasos", "12.345 pasos"]
    assert {"One step", "%(count)s steps", "The files have one mistake."} <= set(said())


def test_a_country_that_the_language_has_not_falls_back() -> None:
    assert Words("es", "ZZ", ZoneInfo("UTC")).locale.language == "es"
    assert Words("xx", "", ZoneInfo("UTC")).language == "en"
