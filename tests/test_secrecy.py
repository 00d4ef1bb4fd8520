"""The search itself must find what it is for."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.secrecy import assert_lands_nowhere

CARD = "4242424242424242"


@pytest.mark.parametrize(
    "text",
    [
        f"card={CARD}&x=1",
        f'{{"digits": "{CARD}"}}',
        "4242 4242 4242 4242",
        '["4","2","4","2","4","2","4","2","4","2","4","2","4","2","4","2"]',
        CARD[::-1],
        base64.b64encode(CARD.encode()).decode(),
        CARD.encode().hex(),
    ],
)
def test_a_card_number_is_found_in_any_dress(text: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_text(text)
    with pytest.raises(AssertionError, match="16 digits"):
        assert_lands_nowhere([tmp_path], [CARD])


def test_utf_16_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CARD.encode("utf-16-le"))
    with pytest.raises(AssertionError):
        assert_lands_nowhere([tmp_path], [CARD])


def test_a_short_secret_is_found_where_it_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text('{"cvc": "917"}')
    with pytest.raises(AssertionError):
        assert_lands_nowhere([tmp_path], ["917"])
    (tmp_path / "file").write_text("id 19171, until 1795373425.719, 917.25 ms")
    assert_lands_nowhere([tmp_path], ["917", CARD])


def test_nothing_to_search_is_no_proof(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="nothing to search"):
        assert_lands_nowhere([tmp_path], [CARD])
