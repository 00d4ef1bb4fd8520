"""What may be said, searched with a model that is sure of one string of tokens, and judged."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ivr.speech.recognise import Alternative, Heard, Want, best_valid
from ivr.speech.recognise.beam import Reading, compile_, search
from ivr.speech.recognise.grammar import grammar, spoken
from ivr.speech.recognise.judge import Opinion, judge, sure, together
from ivr.speech.recognise.models import Floats, Free


class Letters:
    """A model whose tokens are characters, and which hears the text that it is given to encode: each further token as
    it goes on is likely, every other one unlikely."""

    name = "letters"
    end = 0

    def __init__(self, doubt: float = 0.02) -> None:
        self._doubt = doubt

    def tokens(self, text: str) -> tuple[int, ...]:
        return tuple(ord(character) for character in text)

    def encode(self, audio: Any, kind: str) -> Any:
        return audio

    def begin(self, encoded: str, kind: str, interest: NDArray[np.int64]) -> tuple[Floats, Any]:
        return self._row(encoded, "", interest), (encoded, interest, [""])

    def step(self, state: Any, parents: list[int], tokens: list[int]) -> tuple[Floats, Any]:
        encoded, interest, before = state
        written = [before[parent] + chr(token) for parent, token in zip(parents, tokens, strict=True)]
        rows = np.concatenate([self._row(encoded, text, interest) for text in written])
        return rows, (encoded, interest, written)

    def free(self, encoded: str, limit: int, hints: str = "") -> Free:
        return Free(encoded, -0.1)

    def _row(self, said: str, written: str, interest: NDArray[np.int64]) -> Floats:
        expected = ord((said + "\0")[len(written)]) if said.startswith(written) else -1
        likely = [0.9 if token == expected else self._doubt / 100 for token in interest]
        return np.log(np.array([likely], dtype=np.float32))


def found(want: Want, said: str) -> list[Reading]:
    rules = grammar(want)
    assert rules is not None
    model = Letters()
    return search(model, said, compile_(rules, model))


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (" four two seven", "427"),
        (" Four, two, seven.", "427"),
        (" four oh zero", "400"),
        (" double four one", "441"),
        (" triple zero nine nine", "00099"),
        (" it's nine one", "91"),
    ],
)
def test_digits_as_people_say_them(said: str, means: str) -> None:
    assert found(Want(kind="digits", at_most=8), said)[0].means == means


def test_digits_are_no_more_than_asked_for() -> None:
    assert all(len(reading.means) <= 2 for reading in found(Want(kind="digits", at_most=2), " one two three"))
    # a single digit: the search must not go on for ever either
    assert {reading.means for reading in found(Want(kind="digits", at_most=1), " seven")} >= {"7"}


def test_a_phrase_instead_of_digits() -> None:
    want = Want(kind="digits", at_least=8, at_most=8, phrases=("an agent",))
    assert found(want, " An agent.")[0].means == "an agent"
    assert found(want, " one two three")[0].means == "123"


@pytest.mark.parametrize(
    "said", [" pay a bill", " Pay a bill.", " i'd like to pay a bill please", " um, pay a bill", " pay a bill, thanks"]
)
def test_phrases_with_the_small_words_around_them(said: str) -> None:
    want = Want(kind="menu", phrases=("pay a bill", "Opening hours", "agent"))
    assert found(want, said)[0].means == "pay a bill"


def test_the_meaning_is_the_phrase_as_it_was_given() -> None:
    want = Want(kind="menu", phrases=("Opening hours!", "Apartment 4"))
    assert found(want, " opening hours")[0].means == "Opening hours!"
    assert found(want, " apartment four")[0].means == "Apartment 4"
    assert spoken("Café  no. 12") == "café no one two"


def test_open_speech_has_no_grammar_and_yes_or_no_has_one_of_its_own() -> None:
    assert grammar(Want(kind="open")) is None
    assert found(Want(kind="yes_no"), " yeah")[0].means == "yeah"


def opinion(weight: float, free: float | None, **scores: float) -> Opinion:
    readings = tuple(Reading(text.strip("_"), score) for text, score in scores.items())
    return Opinion("m", weight, readings, None if free is None else Free("free words", free))


def test_two_models_outvote_the_error_of_one() -> None:
    whisper = opinion(0.65, None, _67692=-1.0, _567692=-1.3)
    moonshine = opinion(0.35, None, _567692=-0.4, _567682=-4.0)
    assert together([moonshine, whisper], kind="digits")[0].means == "567692"


def test_too_few_digits_are_believed_only_where_much_speaks_for_them() -> None:
    near = opinion(1.0, None, _1234567=-1.0, _12345678=-2.0)
    assert together([near], kind="digits", at_least=8)[0].means == "12345678"
    far = opinion(1.0, None, _1234567=-1.0, _12345678=-7.0)
    assert together([far], kind="digits", at_least=8)[0].means == "1234567"


def test_what_is_explained_far_better_freely_is_rejected_with_the_free_words() -> None:
    heard = judge([opinion(0.65, -2.0, bill=-22.0), opinion(0.35, -3.0, bill=-25.0)], kind="phrases")
    assert not heard.matched
    assert heard.text == "free words"
    assert heard.confidence < 0.1
    assert heard.alternatives[0].text == "bill"
    heard = judge([opinion(0.65, -2.0, bill=-3.0), opinion(0.35, -3.0, bill=-4.0)], kind="phrases")
    assert heard.matched
    assert heard.text == "bill"
    assert heard.confidence > 0.9


def test_one_model_is_enough_where_one_reading_stands_out() -> None:
    assert sure(opinion(0.35, None, _427=-0.5, _42=-6.0), "digits")
    assert not sure(opinion(0.35, None, _427=-0.5, _42=-1.5), "digits")
    assert not sure(opinion(0.35, None, _427=-5.0), "digits")
    assert not sure(Opinion("m", 1.0, (), None), "digits")
    assert sure(opinion(0.35, None, bill=-2.0), "phrases")
    assert sure(opinion(0.35, -1.0, words=-2.0), "phrases")


def test_a_phrase_that_stands_out_far_needs_one_model_though_that_one_freely_writes_other_words() -> None:
    assert sure(opinion(0.35, -1.0, bill=-2.0, agent=-9.0), "phrases")
    assert not sure(opinion(0.35, -1.0, bill=-2.0, agent=-7.0), "phrases")  # not far enough from the next
    assert not sure(opinion(0.35, -1.0, bill=-6.5, agent=-30.0), "phrases")  # the free words are far more probable
    assert not sure(opinion(0.35, -4.0, bill=-5.0, agent=-30.0), "phrases")  # it explains the sound badly


def test_readings_of_one_meaning_need_not_stand_out_from_each_other() -> None:
    close = opinion(0.35, None, thanks=-1.0, thank_you=-1.2, yes=-9.0)
    assert not sure(close, "phrases")
    assert sure(close, "phrases", lambda phrase: "yes" if phrase == "yes" else "no")


def test_where_nobody_seems_to_have_spoken_nothing_is_believed() -> None:
    said = (Reading("yeah", -2.0),)
    assert judge([Opinion("m", 1.0, said, Free("You", -1.0, 0.2))], kind="phrases").matched
    assert not judge([Opinion("m", 1.0, said, Free("You", -1.0, 0.75))], kind="phrases").matched


def test_nothing_at_all() -> None:
    heard = judge([Opinion("m", 1.0, (), Free("", -1.0))], kind="digits")
    assert (heard.text, heard.confidence, heard.matched) == ("", 0.0, False)


def test_the_best_alternative_that_passes_a_check() -> None:
    heard = Heard("12", 0.6, (Alternative("12", 0.6), Alternative("13", 0.2), Alternative("15", 0.1)))
    best = best_valid(heard, lambda digits: digits != "12")
    assert best is not None
    assert best.text == "13"
    assert best.confidence == pytest.approx(0.6)
    assert best_valid(heard, lambda digits: False) is None
    assert best_valid(Heard("", 0.0), lambda digits: True) is None


def test_readings_of_the_same_meaning_add_up() -> None:
    model = Letters()
    rules = grammar(Want(kind="menu", phrases=("a",)))
    assert rules is not None
    totals: dict[str, float] = defaultdict(float)
    for reading in search(model, " a", compile_(rules, model)):
        totals[reading.means] += 1
    assert totals["a"] == 1
