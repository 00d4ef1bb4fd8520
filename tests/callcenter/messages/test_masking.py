"""Card numbers go out of what customers write; other numbers stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.messages.masking import luhn, masked, masked_html

CARD = "4242424242424242"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"my card is {CARD}.", "my card is ••••••••••••••••."),
        ("4242 4242 4242 4242", "•••• •••• •••• ••••"),
        ("4242-4242-4242-4242 12/27 917", "••••-••••-••••-•••• 12/27 917"),
        (f"{CARD} 1227", "•••••••••••••••• 1227"),
        ("378282246310005", "•••••••••••••••"),
        ("４２４２４２４２４２４２４２４２", "••••••••••••••••"),
        ("4242\n4242 4242\u00a04242", "••••\n•••• ••••\u00a0••••"),
        (f"{CARD}, {CARD}", "••••••••••••••••, ••••••••••••••••"),
    ],
)
def test_card_numbers_are_masked(text: str, left: str) -> None:
    assert masked(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424241",  # its check digit is wrong
        "+12025550143",
        "account 10203040",
        "42424242424242424242",  # 20 digits
        "2026-11-22 10:00",
        "",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    ("html", "left"),
    [
        ("<p>4242 <b>4242</b>&nbsp;4242 4242</p>", "<p>•••• <b>••••</b>&nbsp;•••• ••••</p>"),
        (f'<a href="tel:{CARD}" title="1">x</a>', '<a href="tel:••••••••••••••••" title="1">x</a>'),
        ('<td class="c1">4242</td><td class="c2">4242</td><td>42424242</td>',
         '<td class="c1">••••</td><td class="c2">••••</td><td>••••••••</td>'),
        ("<p>account 10203040</p>", "<p>account 10203040</p>"),
    ],
)  # fmt: skip
def test_card_numbers_in_html(html: str, left: str) -> None:
    assert masked_html(html) == left


@given(st.text("0123456789 -\n", min_size=10, max_size=40), st.integers(1, 5))
def test_any_card_number_disappears(before: str, size: int) -> None:
    """However it is cut into groups, and whatever stands before it."""
    groups = " ".join(CARD[at : at + size] for at in range(0, 16, size))
    assert groups not in masked(f"{before}: {groups} .")


def test_many_numbers_take_no_time() -> None:
    assert len(masked("1 2 " * 50_000)) == 200_000
    assert masked("7" * 100_000) == "7" * 100_000


@pytest.mark.parametrize(("digits", "right"), [("79927398713", True), ("79927398710", False)])
def test_the_check_digit(digits: str, right: bool) -> None:
    assert luhn(digits) is right
