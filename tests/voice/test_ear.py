"""What a question tells the recogniser, and when its answer needs nothing more."""

from __future__ import annotations

import pytest

from ivr.channels.voice.ear import want, whole
from ivr.flow.effects import Choice, Collect
from ivr.prompts.parts import Prompt
from ivr.speech.recognise import Alternative, Heard

NOTHING = Prompt((), "en")
MENU = Collect(
    (),
    "menu",
    choices=(
        Choice("1", NOTHING, ("pay a bill", "bill")),
        Choice("2", NOTHING, ("opening hours",)),
        Choice("3", NOTHING, ("another amount", "another")),
        Choice("4", NOTHING, ("pay rent",)),
    ),
    phrases=("pay a bill", "bill", "opening hours", "another amount", "another", "pay rent", "agent"),
)


def judged(ask: Collect, *readings: tuple[str, float], matched: bool = True) -> float:
    found = tuple(Alternative(text, confidence) for text, confidence in readings)
    return whole(ask, want(ask)).judge(Heard(readings[0][0], readings[0][1], found, matched=matched))


def test_phrases_of_one_choice_have_one_meaning() -> None:
    assert want(MENU).meanings == (0, 0, 1, 2, 2, 3, 4)
    assert want(Collect((), "digits")).meanings == ()


def test_words_that_can_only_mean_one_choice_are_whole() -> None:
    assert judged(MENU, ("opening hours", 0.95)) == 0.95
    assert judged(MENU, ("agent", 0.95)) == 0.95
    assert judged(MENU, ("another", 0.5), ("another amount", 0.45)) == pytest.approx(0.95)
    assert judged(MENU, ("opening hours", 0.95), matched=False) == 0.0


def test_words_that_begin_like_another_choice_may_go_on() -> None:
    assert judged(MENU, ("pay a bill", 0.99)) == 0.0
    assert judged(MENU, ("bill", 0.99)) == 0.99


def test_where_anything_may_be_said_more_may_follow() -> None:
    ask = Collect((), "yes_no", choices=(Choice("2", NOTHING, ("no",)),), phrases=("no",), open=True)
    assert judged(ask, ("no", 0.99)) == 0.0


def test_numbers_are_whole_with_all_their_digits() -> None:
    account = Collect((), "digits", at_least=4, at_most=8)
    assert judged(account, ("1234567", 0.99)) == 0.0
    assert judged(account, ("12345678", 0.7)) == 0.7
    assert whole(account, want(account)).digits == 8
    unsure = Heard("Five five", 0.2, (Alternative("12345678", 0.2),), matched=False)
    assert whole(account, want(account)).judge(unsure) == 0.2  # all may be there, though hardly understood
    card = Collect((), "card", at_least=12, at_most=19, secret=True)
    assert judged(card, ("4242424242424242", 0.9)) == 0.9
    assert judged(card, ("4242424242424241", 0.9)) == 0.0
    assert judged(card, ("42424242", 0.9)) == 0.0


@pytest.mark.parametrize("kind", ["digits", "card"])
def test_words_in_a_numbers_stead_are_whole_and_other_words_are_none(kind: str) -> None:
    ask = Collect((), kind, at_least=8, at_most=8, phrases=("an agent",))
    assert judged(ask, ("an agent", 0.95)) == 0.95
    assert judged(ask, ("an agent", 0.3), matched=False) == 0.0
    assert judged(ask, ("Five, five, seven", 0.3), matched=False) == 0.0
