"""Texts counted and cut as carriers do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.messages import shape_of
from callcenter.messages.segments import Segments, count, plain
from callcenter.messages.splitting import split


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("gsm7", 0, 1)),
        ("a" * 160, ("gsm7", 160, 1)),
        ("a" * 161, ("gsm7", 161, 2)),
        ("a" * 306, ("gsm7", 306, 2)),
        ("a" * 307, ("gsm7", 307, 3)),
        ("€" * 80, ("gsm7", 160, 1)),
        ("€" * 81, ("gsm7", 162, 2)),
        ("a" * 152 + "{" + "a" * 152, ("gsm7", 306, 3)),  # the brace doesn't fit the first, so three
        ("ñandú à Ö", ("ucs2", 9, 1)),  # ú is not in the alphabet
        ("ñ à Ö ¿?", ("gsm7", 8, 1)),
        ("я" * 70, ("ucs2", 70, 1)),
        ("я" * 71, ("ucs2", 71, 2)),
        ("я" * 134, ("ucs2", 134, 2)),
        ("я" * 135, ("ucs2", 135, 3)),
        ("😀" * 35, ("ucs2", 70, 1)),
        ("😀" * 36, ("ucs2", 72, 2)),
        ("я" * 66 + "😀" + "я" * 10, ("ucs2", 78, 2)),
        ("я" * 66 + "😀" + "я" * 66, ("ucs2", 134, 3)),  # an emoji isn't cut in two
    ],
)  # fmt: skip
def test_segments(text: str, expected: tuple[str, int, int]) -> None:
    assert count(text) == Segments(*expected)  # type: ignore[arg-type]


def test_typographic_signs_cost_nothing() -> None:
    text = "“Don’t worry” – it’s 5\u00a0€…"
    assert count(text).encoding == "ucs2"
    assert plain(text) == "\"Don't worry\" - it's 5 €..."
    assert count(plain(text)).encoding == "gsm7"
    assert shape_of("sms").pieces("it’s") == ["it's"]
    assert shape_of("whatsapp").pieces("it’s") == ["it’s"]


def short(size: int):  # type: ignore[no-untyped-def]
    return lambda piece: len(piece) <= size


@pytest.mark.parametrize(
    ("text", "size", "pieces"),
    [
        ("", 10, []),
        ("  short  ", 10, ["short"]),
        ("One line.\nAnother line.", 16, ["One line.", "Another line."]),
        ("A sentence. Another one, longer.", 24, ["A sentence.", "Another one, longer."]),
        ("words without an end here", 12, ["words", "without an", "end here"]),
        ("x" * 25, 10, ["x" * 10, "x" * 10, "x" * 5]),
        ("cafe\u0301" * 3, 9, ["cafe\u0301caf", "e\u0301cafe\u0301"]),
    ],
)
def test_where_messages_are_cut(text: str, size: int, pieces: list[str]) -> None:
    assert split(text, short(size)) == pieces


@given(st.text(max_size=400), st.integers(1, 40))
def test_nothing_is_lost_and_all_fits(text: str, size: int) -> None:
    pieces = split(text, short(size))
    assert all(0 < len(piece) <= size and piece == piece.strip() for piece in pieces if piece)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_a_long_text_is_ten_segments_at_most() -> None:
    pieces = shape_of("sms").pieces("The river rises, and so it goes on. " * 120)
    assert len(pieces) > 1
    assert all(count(piece).count <= 10 for piece in pieces)
    assert all(piece.endswith(".") for piece in pieces)
