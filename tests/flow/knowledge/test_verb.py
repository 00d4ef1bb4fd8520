"""The step `knowledge`, and questions that lead there from a menu: one turn after the other, in text and by voice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.flow.effects import Collect, Effect, Event, Say
from ivr.flow.inputs import Input, Keys, Words
from ivr.flow.model import FlowSet
from ivr.flow.session import SPEECH, TEXT, VOICE, Session
from ivr.prompts.written import written
from tests.flow import playing
from tests.flow.knowledge.support import DEPOSIT, METER, company

MAIN = """\
steps:
  ask:
    ask: What is it?
    as: text
    into: question
    exits: {done: look, unsupported: unsure}
  look:
    knowledge: question
    exits: {answered: good, not_helped: bad, unknown: unsure}
  good: {hang_up: Good bye.}
  bad: {hang_up: Sorry.}
  unsure: {hang_up: I do not know.}
"""
READ = "how do I read my meter"
VAGUE = "deposit for where"


@pytest.fixture
def flows(tmp_path: Path) -> FlowSet:
    found, problems = company(tmp_path, {"flows/main.yaml": MAIN, "en/meter.md": METER, "en/deposit.md": DEPOSIT})
    assert not [problem for problem in problems if not problem.warning], problems
    return found


def said(effects: list[Effect]) -> list[str]:
    prompts = [one.prompt for one in effects if isinstance(one, Say)]
    return [written(one) for one in (*prompts, *(p for e in effects if isinstance(e, Collect) for p in e.prompts))]


def counted(effects: list[Effect]) -> list[tuple[str, Any, Any]]:
    return [
        (one.kind, one.data.get("article"), one.data["question"])
        for one in effects
        if isinstance(one, Event) and one.kind.startswith("answer_")
    ]


def text(flows: FlowSet, *given: str | Input) -> tuple[Session, list[Effect]]:
    inputs = [Words(one) if isinstance(one, str) else one for one in given]
    return playing.run(flows, *inputs, capabilities=TEXT)


def test_the_answer_comes_at_once_where_it_is_sure(flows: FlowSet) -> None:
    session, effects = text(flows, READ)
    assert said(effects) == ["Write down the black figures.", "Did that help?"]
    assert counted(effects) == [("answer_shown", "meter", READ)]
    assert session.slots["article"] == {"name": "meter", "title": "Reading the meter"}


@pytest.mark.parametrize(
    ("reply", "exit", "kind"), [("yes", "Good bye.", "answer_helped"), ("no", "Sorry.", "answer_not_helped")]
)
def test_whether_it_helped(flows: FlowSet, reply: str, exit: str, kind: str) -> None:
    session, effects = text(flows, READ, reply)
    assert (said(effects), session.ended) == ([exit], True)
    assert counted(effects) == [(kind, "meter", READ)]


def test_keys_answer_on_a_call(menu: FlowSet) -> None:
    session, effects = playing.run(menu, Words(READ), Keys("2"), capabilities=SPEECH)
    assert (said(effects), counted(effects)) == (["Good bye."], [("answer_not_helped", "meter", READ)])
    assert session.ended


def test_where_it_is_not_sure_the_title_is_asked_first(flows: FlowSet) -> None:
    _, effects = text(flows, VAGUE)
    assert said(effects) == ["Is it about this: Getting the deposit back?"]
    assert counted(effects) == []
    _, effects = text(flows, VAGUE, "yes")
    assert said(effects) == ["Within thirty days.", "Did that help?"]
    _, effects = text(flows, VAGUE, "no")
    assert said(effects) == ["I do not know."]
    assert counted(effects) == [("answer_unknown", None, VAGUE)]


def test_nobody_knows(flows: FlowSet) -> None:
    session, effects = text(flows, "do you sell tulips from Holland")
    assert said(effects) == ["I do not know."]
    assert counted(effects) == [("answer_unknown", None, "do you sell tulips from Holland")]
    assert "article" not in session.slots


def test_another_question_instead_of_a_yes(flows: FlowSet) -> None:
    session, effects = text(flows, READ, "no, when do I get my deposit back?")
    assert said(effects) == ["Within thirty days.", "Did that help?"]
    assert [one[:2] for one in counted(effects)] == [("answer_not_helped", "meter"), ("answer_shown", "deposit")]
    assert session.slots["article"]["name"] == "deposit"


def test_nonsense_is_asked_again_and_then_counts_as_answered(flows: FlowSet) -> None:
    _, effects = text(flows, READ, "blue")
    assert said(effects) == ["That is no choice.", "Did that help?"]
    session, effects = text(flows, READ, "blue", "green", "red")
    assert (said(effects), session.ended) == (["Good bye."], True)
    assert counted(effects) == []


def test_whoever_does_not_say_what_it_is_about_is_not_answered(flows: FlowSet) -> None:
    _, effects = text(flows, VAGUE, "blue", "green", "red")
    assert said(effects) == ["I do not know."]


def test_repeat_says_the_answer_again_and_a_person_can_be_reached(flows: FlowSet) -> None:
    _, effects = text(flows, READ, "repeat")
    assert said(effects) == ["Write down the black figures.", "Did that help?"]
    assert counted(effects) == []
    session, _ = text(flows, READ, "agent")
    assert session.stack[-1][0] == "helpdesk" or session.outcome


def test_a_recogniser_that_fails_leaves_the_keys(menu: FlowSet) -> None:
    _, effects = playing.run(menu, Words(READ), Words("", unheard=True), capabilities=SPEECH)
    assert said(effects) == ["Use the keys.", "Did that help?"]
    _, effects = playing.run(menu, Words(READ), Words("", unheard=True), Keys("1"), capabilities=SPEECH)
    assert (said(effects), counted(effects)) == (["Good bye."], [("answer_helped", "meter", READ)])


def test_a_card_number_in_a_question_is_kept_nowhere_as_a_question(flows: FlowSet) -> None:
    _, effects = text(flows, "do you sell tulips for 4242 4242 4242 4242 today")
    assert counted(effects) == [("answer_unknown", None, "do you sell tulips for ••• today")]


def test_an_answer_is_no_template(tmp_path: Path) -> None:
    braces = METER.replace("Write down the black figures.", "Write {reading} down.")
    flows = company(tmp_path, {"flows/main.yaml": MAIN, "en/meter.md": braces})[0]
    assert said(text(flows, READ)[1])[0] == "Write {reading} down."


def test_without_asking_whether_it_helped(tmp_path: Path) -> None:
    main = MAIN.replace("    exits: {answered: good, not_helped: bad", "    helped: false\n    exits: {answered: good")
    main = main.replace("  bad: {hang_up: Sorry.}\n", "")
    flows, problems = company(tmp_path, {"flows/main.yaml": main, "en/meter.md": METER, "en/deposit.md": DEPOSIT})
    assert not [problem for problem in problems if not problem.warning], problems
    assert said(text(flows, READ)[1]) == ["Write down the black figures.", "Good bye."]


def test_tags_narrow_the_search_and_are_checked(tmp_path: Path) -> None:
    main = MAIN.replace("knowledge: question\n", "knowledge: question\n    tags: [billing, metres]\n")
    files = {"flows/main.yaml": main, "en/meter.md": METER, "en/deposit.md": DEPOSIT}
    flows, problems = company(tmp_path, files)
    told = [f"{one.mark.line}:{one.mark.column} {one.what}; {one.fix}" for one in problems if not one.warning]
    assert told == [
        "9:12 no article has the tag 'billing'; use one of: meters",
        "9:21 no article has the tag 'metres'; did you mean 'meters'?",
    ]
    assert said(text(flows, READ)[1]) == ["I do not know."]


def test_a_step_without_articles_is_told_of(tmp_path: Path) -> None:
    problems = company(tmp_path, {"flows/main.yaml": MAIN})[1]
    assert [one.what for one in problems if one.code == "no_articles"] == ["there are no articles to answer from"]


def test_a_secret_is_no_question(tmp_path: Path) -> None:
    main = MAIN.replace("as: text", "as: pin\n    length: 4").replace(
        "next: look", "exits: {done: look, unsupported: bad}"
    )
    problems = company(tmp_path, {"flows/main.yaml": main, "en/meter.md": METER})[1]
    assert any("the slot 'question' is secret: it can't be said" in one.what for one in problems)


MENU = """\
steps:
  choose:
    menu: What is it?
    choices: [{key: 1, label: pay a bill, words: [pay], go: paid}]
    knowledge: look
  look:
    knowledge: question
    exits: {answered: good, not_helped: good, unknown: good}
  paid: {hang_up: Paid.}
  good: {hang_up: Good bye.}
"""


@pytest.fixture
def menu(tmp_path: Path) -> FlowSet:
    found, problems = company(tmp_path, {"flows/main.yaml": MENU, "en/meter.md": METER, "en/deposit.md": DEPOSIT})
    assert not [problem for problem in problems if not problem.warning], problems
    return found


def test_a_question_at_a_menu_is_answered(menu: FlowSet) -> None:
    session, effects = text(menu, READ)
    assert said(effects) == ["Write down the black figures.", "Did that help?"]
    assert session.slots["question"] == READ


def test_a_choice_is_still_a_choice(menu: FlowSet) -> None:
    assert said(text(menu, "pay")[1]) == ["Paid."]
    assert said(playing.run(menu, Keys("1"), capabilities=VOICE)[1]) == ["Paid."]


def test_what_a_menu_could_not_answer_is_counted_but_not_mere_words(menu: FlowSet) -> None:
    _, effects = text(menu, "do you sell tulips from Holland")
    assert said(effects) == ["That is no choice.", "What is it?"]
    assert counted(effects) == [("answer_unknown", None, "do you sell tulips from Holland")]
    assert counted(text(menu, "blue")[1]) == []


def test_words_that_were_hardly_heard_are_asked_back(menu: FlowSet) -> None:
    _, effects = playing.run(menu, Words(READ, 0.6), capabilities=SPEECH)
    assert said(effects) == [f"Is it about this: {READ}?"]
    _, effects = playing.run(menu, Words(READ, 0.6), Keys("1"), capabilities=SPEECH)
    assert said(effects) == ["Write down the black figures.", "Did that help?"]
    _, effects = playing.run(menu, Words(READ, 0.2), capabilities=SPEECH)
    assert said(effects)[0] == "That is no choice."


def test_an_open_question_may_lead_to_articles_alone(tmp_path: Path) -> None:
    main = MENU.replace(
        "menu: What is it?\n    choices: [{key: 1, label: pay a bill, words: [pay], go: paid}]",
        "listen: What?\n    exits: {unsupported: good}",
    )
    main = main.replace("  paid: {hang_up: Paid.}\n", "")
    flows, problems = company(tmp_path, {"flows/main.yaml": main, "en/meter.md": METER, "en/deposit.md": DEPOSIT})
    assert not [problem for problem in problems if not problem.warning], problems
    assert said(playing.run(flows, Words(READ), capabilities=SPEECH)[1]) == [
        "Write down the black figures.",
        "Did that help?",
    ]


def test_an_open_question_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    main = "steps:\n  ask:\n    listen: What?\n"
    problems = company(tmp_path, {"flows/main.yaml": main})[1]
    assert any("leads nowhere: it needs `intents` or `knowledge`" in one.what for one in problems), problems
