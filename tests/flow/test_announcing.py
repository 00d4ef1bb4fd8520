"""Emergency announcements in flows: who hears them, when, how often, and what comes after."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ivr.flow.announcing import alone
from ivr.flow.effects import Effect, Event, Say
from ivr.flow.inputs import (
    Announced,
    Announcement,
    Earlier,
    Input,
    Keys,
    Queued,
    Refused,
    Started,
    Words,
    from_json,
    to_json,
)
from ivr.flow.model import FlowSet
from ivr.flow.opening import opened
from ivr.flow.session import QUEUE, TEXT, VOICE, Session
from ivr.flow.step import WrongInput, step
from ivr.prompts.written import written
from tests.flow import sample

NOW = dt.datetime(2026, 11, 23, 15, 0, tzinfo=dt.UTC)
WORDS = {"en": "Fire in the {house}.", "es": "Hay fuego."}
GOES_ON = Announcement("1", WORDS)
MAIN = """\
steps:
  ask:
    ask: Your account?
    as: digits
    length: 2
    into: account
    next: wait
  wait:
    queue: billing
    say: Please wait.
    exits: {closed: shut, full: shut, nobody: shut}
  shut: {hang_up: Nobody is here.}
"""
LEAVE = "steps:\n  ask:\n    ask: Your message?\n    as: text\n    next: end\n    exits: {unsupported: end}\n"


@pytest.fixture
def flows(tmp_path: Path) -> FlowSet:
    company = sample.COMPANY + "voicemail: leave\n"
    return sample.usable(
        tmp_path,
        {"flows/main.yaml": MAIN, "flows/bill.yaml": None, "flows/leave.yaml": LEAVE, "flows/company.yaml": company,
         "flows/queues.yaml": "queues: {billing: {}}\n"},
    )  # fmt: skip


def new(flows: FlowSet, *, text: bool = False) -> Session:
    return Session("s", "c", "x", (TEXT if text else VOICE) | QUEUE, flows.hash, "en")


def run(flows: FlowSet, session: Session, *given: Input) -> tuple[Session, list[Effect]]:
    effects: list[Effect] = []
    for one in given:
        session, found = step(flows, session, from_json(to_json(one)), NOW)
        effects = list(found)
    return session, effects


def said(effects: list[Effect]) -> list[tuple[str, str]]:
    return [(effect.prompt.language, written(effect.prompt)) for effect in effects if isinstance(effect, Say)]


def test_a_newcomer_hears_it_in_each_language_to_the_letter_and_uncut(flows: FlowSet) -> None:
    session, effects = run(flows, new(flows), Started(None, GOES_ON))
    assert said(effects) == [("en", WORDS["en"]), ("es", WORDS["es"])]
    assert not any(effect.barge_in for effect in effects if isinstance(effect, Say))
    assert "Keys" in (session.waiting or {})["for"]
    assert Event("announced", {"announcement": "1", "then": "continue"}) in effects


@pytest.mark.parametrize("text", [False, True])
def test_it_may_be_the_end(flows: FlowSet, text: bool) -> None:
    session, effects = run(flows, new(flows, text=text), Started(None, Announcement("1", WORDS, then="hang_up")))
    assert (session.ended, session.outcome, len(said(effects))) == (True, "announced", 2)


def test_it_may_lead_to_voicemail(flows: FlowSet) -> None:
    session, _ = run(flows, new(flows, text=True), Started(None, Announcement("1", WORDS, then="voicemail")))
    assert session.stack == (("leave", "ask"),)


def test_a_version_without_voicemail_goes_on(flows: FlowSet, tmp_path: Path) -> None:
    older = sample.usable(tmp_path / "older", {"flows/bill.yaml": None, "flows/main.yaml": MAIN,
                                               "flows/queues.yaml": "queues: {billing: {}}\n"})  # fmt: skip
    session, _ = run(older, new(older), Started(None, Announcement("1", WORDS, then="voicemail")))
    assert session.stack == (("main", "ask"),)


def test_languages_that_have_no_words(flows: FlowSet) -> None:
    spanish = Announcement("1", {"es": "Hay fuego."})
    _, effects = run(flows, new(flows), Started(None, spanish))
    assert said(effects) == [("es", "Hay fuego.")]


def test_a_prompt_is_said_as_its_recording_while_its_words_are_the_same(flows: FlowSet) -> None:
    text = flows.texts["en"]["system.fault"]
    for words, id in ((text, "system.fault"), ("Other words.", "")):
        _, effects = run(flows, new(flows), Started(None, Announcement("1", {"en": words}, "system.fault")))
        first = next(effect for effect in effects if isinstance(effect, Say))
        assert (first.prompt.id, written(first.prompt)) == (id, words)


def test_who_waits_hears_it_once_in_their_language_and_waits_on(flows: FlowSet) -> None:
    waiting, _ = run(flows, new(flows), Started(), Keys("11"), Queued())
    for then in ("continue", "hang_up", "voicemail"):
        told, effects = run(flows, waiting, Announced(Announcement("1", WORDS, then=then)))
        assert (said(effects), told.stack, told.ended) == ([("en", WORDS["en"])], waiting.stack, False)
        again, effects = run(flows, told, Announced(Announcement("1", WORDS)))
        assert said(effects) == []
        assert again.waiting == told.waiting


def test_who_comes_to_a_queue_hears_what_is_announced_there(flows: FlowSet) -> None:
    asked, _ = run(flows, new(flows), Started())
    _, closed = run(flows, asked, Keys("11"), Refused("closed", GOES_ON))
    assert [text for _, text in said(closed)] == [WORDS["en"], "Nobody is here."]
    _, waits = run(flows, asked, Keys("11"), Queued(announcement=GOES_ON))
    assert [text for _, text in said(waits)][:2] == [WORDS["en"], "Please wait."]


def test_a_question_on_the_telephone_is_not_interrupted(flows: FlowSet) -> None:
    session, _ = run(flows, new(flows), Started())
    with pytest.raises(WrongInput):
        run(flows, session, Announced(GOES_ON))


def test_a_thread_hears_it_between_question_and_answer(flows: FlowSet) -> None:
    asked, _ = run(flows, new(flows, text=True), Started())
    told, effects = run(flows, asked, Announced(GOES_ON))
    assert (said(effects), told.waiting, told.stack) == ([("en", WORDS["en"])], asked.waiting, asked.stack)
    assert alone(effects)
    answered, _ = run(flows, told, Words("11"))
    assert answered.slots["account"] == "11"
    ended, effects = run(flows, asked, Announced(Announcement("2", WORDS, then="hang_up")))
    assert ended.ended
    assert not alone(effects)
    message, effects = run(flows, asked, Announced(Announcement("2", WORDS, then="voicemail")))
    assert message.stack == (("leave", "ask"),)
    assert not alone(effects)


def test_whoever_goes_on_with_an_earlier_conversation_hears_it_first(flows: FlowSet, tmp_path: Path) -> None:
    company = sample.COMPANY + "resume: {window: 60m, offer: Going on}\n"
    changes = {"flows/bill.yaml": None, "flows/main.yaml": MAIN, "flows/company.yaml": company}
    flows = sample.usable(tmp_path / "resuming", {**changes, "flows/queues.yaml": "queues: {billing: {}}\n"})
    earlier = Earlier("e", "e", "en", ((("main", "ask")),), (), {"account": "11"})
    session, effects = run(flows, new(flows), Started(earlier, GOES_ON))
    assert [text for _, text in said(effects)][:2] == list(WORDS.values())
    assert "resume" in (session.waiting or {})["state"]


def test_first_words_answer_the_question_after_it(flows: FlowSet) -> None:
    session, effects = opened(flows, new(flows, text=True), Started(None, GOES_ON), Words("11"), NOW)
    assert session.slots["account"] == "11"
    assert said(list(effects))[:2] == list(WORDS.items())
