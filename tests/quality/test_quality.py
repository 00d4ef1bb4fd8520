"""Forms and their scores."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.quality import Form, QualityFile, WrongAnswers, from_data, read, said, score
from tests.quality.support import ANSWERS, FILE, calls


def test_the_score_is_the_weighted_mean() -> None:
    counted = score(calls(), read(calls(), ANSWERS, complete=True))
    assert counted.total == pytest.approx((1 + 1 + 3 * 0.75) / 5)
    assert counted.sections == {"opening": 1.0, "matter": pytest.approx((1 + 3 * 0.75) / 4)}
    assert counted.failed == []


def test_a_critical_question_fails_all() -> None:
    counted = score(calls(), read(calls(), ANSWERS | {"identity": "no"}, complete=True))
    assert (counted.total, counted.failed) == (0.0, ["identity"])
    assert counted.sections["opening"] == 1.0  # sections say where the rest was good


def test_what_is_not_applicable_counts_for_nothing() -> None:
    counted = score(calls(), read(calls(), ANSWERS | {"solved": "na"}, complete=True))
    assert counted.total == 1.0
    everything = dict.fromkeys(("greeted", "identity", "solved"), "na")
    counted = score(calls(), read(calls(), everything, complete=True))
    assert (counted.total, counted.sections) == (None, {"opening": None, "matter": None})


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"greeted": "maybe"}, ["greeted"]),
        ({"solved": "6"}, ["solved"]),
        ({"solved": "0", "greeted": ""}, ["greeted", "solved"]),
        ({"else": "x" * 2001}, ["else"]),
    ],
)
def test_answers_that_a_form_does_not_take(changed: dict[str, str], wrong: list[str]) -> None:
    with pytest.raises(WrongAnswers) as error:
        read(calls(), ANSWERS | changed, complete=True)
    assert error.value.questions == wrong


def test_a_draft_may_have_gaps_but_no_nonsense() -> None:
    assert read(calls(), {"greeted": "yes"}, complete=False) == {"greeted": "yes"}
    with pytest.raises(WrongAnswers):
        read(calls(), {"greeted": "maybe"}, complete=False)


def test_a_question_that_always_applies() -> None:
    form = QualityFile.model_validate(FILE).forms["texts"]
    with pytest.raises(WrongAnswers):
        read(form, {"clear": "na"}, complete=True)


@given(st.dictionaries(st.sampled_from(["greeted", "identity", "solved"]), st.sampled_from(["yes", "no", "na", 1, 5])))
def test_scores_stay_between_0_and_1(answers: dict[str, Any]) -> None:
    fitting = {
        name: answer for name, answer in answers.items()
        if answer in dict(calls().questions())[name].choices
    }  # fmt: skip
    counted = score(calls(), fitting)
    assert counted.total is None or 0 <= counted.total <= 1


def test_which_conversations_a_form_is_for() -> None:
    form = calls()
    assert form.fits("billing", "sip")
    assert form.fits("", "twilio")
    assert not form.fits("billing", "sms")
    narrow = Form.model_validate({**FILE["forms"]["calls"], "queues": ["sales"]})
    assert narrow.fits("sales", "sip")
    assert not narrow.fits("billing", "sip")


def test_a_hash_names_the_content() -> None:
    again = Form.model_validate(calls().model_dump(mode="json", exclude_unset=True))
    assert again.hash == calls().hash
    assert Form.model_validate({**FILE["forms"]["calls"], "title": "Other"}).hash != calls().hash


def test_words_by_language_else_the_first() -> None:
    assert [said(calls().title, language) for language in ("es", "en", "de")] == ["Llamadas", "Calls", "Calls"]
    assert said(calls().sections["opening"].title, "es") == "Opening"


@pytest.mark.parametrize("data", [None, [], {"forms": {}}, {"forms": {"x": {}}}, "x"])
def test_what_is_no_file_is_none(data: object) -> None:
    assert from_data(data) is None
