"""Waiting in a queue and asking to be called back, as the pure engine sees it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.effects import Collect, Effect, End, Enqueue, Event, RequestCallback, Say
from ivr.flow.inputs import CallbackBooked, HungUp, Input, Keys, Queued, Refused, Served, Started, Words
from ivr.flow.model import FlowSet
from ivr.flow.session import SPEECH, TEXT, VOICE, Session
from ivr.flow.step import WrongInput, step
from ivr.prompts.written import written
from tests.flow import sample
from tests.flow.playing import NOW, run

WAIT = """\
steps:
  pin:
    ask: Your PIN?
    as: pin
    length: 4
    next: wait
    exits: {unsupported: wait}
  wait:
    queue: billing
    say: Please wait.
    hold: Still there.
    priority: 2 + 3
    skills: {spanish: 4}
    choices:
      - {key: 1, label: be called, words: [callback], go: book}
    exits: {closed: shut, full: shut, nobody: shut}
  shut: {hang_up: Nobody is here.}
  book:
    callback: billing
    number: "'+12125550142'"
    exits: {done: booked, bad_number: shut, closed: shut}
  booked: {hang_up: We will call.}
"""


@pytest.fixture
def flows(tmp_path: Path) -> FlowSet:
    return sample.usable(
        tmp_path, {"flows/main.yaml": WAIT, "flows/bill.yaml": None, "flows/queues.yaml": "queues: {billing: {}}\n"}
    )


def said(effects: list[Effect]) -> list[str]:
    return [written(effect.prompt) for effect in effects if isinstance(effect, Say)]


def place(effects: list[Effect]) -> Enqueue:
    return next(effect for effect in effects if isinstance(effect, Enqueue))


def test_the_contact_asks_for_a_place_and_tells_no_secret(flows: FlowSet) -> None:
    _, effects = run(flows, Keys("4711"))
    wanted = place(effects)
    assert (wanted.queue, wanted.told, wanted.priority, wanted.skills) == ("billing", False, 5, {"spanish": 4})
    assert wanted.data["path"] == ["main.pin"]
    assert wanted.data["slots"]["pin"] == "•••"
    assert "4711" not in str(wanted.data)


def test_news_are_told_and_the_wait_goes_on(flows: FlowSet) -> None:
    _, first = run(flows, Keys("4711"), Queued(3, 70, 190))
    assert said(first) == ["Please wait.", "You are number 3.", "It takes 1 to 4 minutes.", "To be called, press 1."]
    assert place(first).told
    _, later = run(flows, Keys("4711"), Queued(3, 70, 190), Queued(1, 0, 40))
    assert said(later) == ["Still there.", "You are number 1.", "It takes a minute.", "To be called, press 1."]


def test_what_is_not_known_is_not_said(flows: FlowSet) -> None:
    _, effects = run(flows, Keys("4711"), Queued())
    assert said(effects) == ["Please wait.", "To be called, press 1."]


@pytest.mark.parametrize("why", ["closed", "full", "nobody"])
def test_no_place_is_an_exit(flows: FlowSet, why: str) -> None:
    session, effects = run(flows, Keys("4711"), Refused(why))  # type: ignore[arg-type]
    assert said(effects) == ["Nobody is here."]
    assert session.ended


def test_a_choice_while_waiting(flows: FlowSet) -> None:
    _, effects = run(flows, Keys("4711"), Queued(), Keys("1"))
    request = next(effect for effect in effects if isinstance(effect, RequestCallback))
    assert (request.queue, request.number, request.at) == ("billing", "+12125550142", "")
    session, effects = run(flows, Keys("4711"), Queued(), Keys("1"), CallbackBooked(True))
    assert said(effects) == ["We will call."]
    assert session.outcome == "completed"


def test_a_key_that_is_no_choice_changes_nothing(flows: FlowSet) -> None:
    _, effects = run(flows, Keys("4711"), Queued(), Keys("7"))
    assert said(effects) == []
    assert place(effects).told


def test_words_that_are_no_choice_wait_for_the_agent(flows: FlowSet) -> None:
    _, effects = run(flows, Queued(), Words("my meter is broken"), capabilities=TEXT)
    assert said(effects) == []
    assert place(effects).told
    _, effects = run(flows, Queued(), Words("callback please"), capabilities=TEXT)
    assert any(isinstance(effect, RequestCallback) for effect in effects)


def test_served_ends_the_contact_unless_the_flow_goes_on(flows: FlowSet) -> None:
    session, effects = run(flows, Keys("4711"), Queued(), Served("ana"))
    assert session.ended
    assert isinstance(effects[-1], End)


def test_a_callback_that_fails_leads_on(flows: FlowSet) -> None:
    _, effects = run(flows, Keys("4711"), Queued(), Keys("1"), CallbackBooked(False, "bad_number"))
    assert said(effects) == ["Nobody is here."]
    _, effects = run(flows, Keys("4711"), Queued(), Keys("1"), CallbackBooked(False, "failed"))
    assert "Something went wrong." in said(effects)


def test_news_after_the_end_are_late(flows: FlowSet) -> None:
    session, _ = run(flows, Keys("4711"), Queued(), HungUp())
    with pytest.raises(WrongInput):
        step(flows, session, Queued(1), NOW)


def test_a_channel_without_queues_takes_another_way(flows: FlowSet) -> None:
    session = Session("s", "c", "pyvoip", VOICE, flows.hash, "en")
    session, _ = step(flows, session, Started(), NOW)
    _, effects = step(flows, session, Keys("4711"), NOW)
    assert not any(isinstance(effect, Enqueue) for effect in effects)


# Callers who speak


def speaks(flows: FlowSet, *given: Input) -> tuple[Session, list[Effect]]:
    """As `run`, where what callers say is recognised, from after the PIN on."""
    return run(flows, Keys("4711"), *given, capabilities=SPEECH)


def kinds(effects: list[Effect]) -> list[str]:
    return [effect.kind for effect in effects if isinstance(effect, Event)]


def test_choices_may_be_said_when_they_are_told(flows: FlowSet) -> None:
    _, effects = speaks(flows, Queued())
    assert said(effects) == ["Please wait.", "To be called, press 1.", "Or say it."]
    heard = place(effects).listen
    assert heard is not None
    assert (heard.speech, heard.kind, heard.phrases, heard.open) == (True, "menu", ("be called", "callback"), False)
    _, effects = speaks(flows, Queued(), Words("callback", 0.9))
    assert any(isinstance(effect, RequestCallback) for effect in effects)
    assert "heard" in kinds(effects)


def test_where_nobody_recognises_speech_keys_are_told_alone(flows: FlowSet) -> None:
    _, effects = run(flows, Keys("4711"), Queued())
    heard = place(effects).listen
    assert heard is not None
    assert not heard.speech
    assert "Or say it." not in said(effects)


def test_a_step_may_take_keys_alone(tmp_path: Path) -> None:
    keyed = WAIT.replace("    hold: Still there.\n", "    hold: Still there.\n    speech: false\n")
    files = {"flows/main.yaml": keyed, "flows/bill.yaml": None, "flows/queues.yaml": "queues: {billing: {}}\n"}
    _, effects = speaks(sample.usable(tmp_path, files), Queued())
    heard = place(effects).listen
    assert heard is not None
    assert not heard.speech
    assert said(effects)[-1] == "To be called, press 1."


def test_where_voices_cut_nothing_short_there_is_nothing_to_be_heard_over_music(tmp_path: Path) -> None:
    company = sample.COMPANY + "defaults: {voice_barge_in: false}\n"
    files = {"flows/company.yaml": company, "flows/main.yaml": WAIT, "flows/bill.yaml": None}
    _, effects = speaks(sample.usable(tmp_path, {**files, "flows/queues.yaml": "queues: {billing: {}}\n"}), Queued())
    heard = place(effects).listen
    assert heard is not None
    assert not heard.speech
    assert said(effects)[-1] == "To be called, press 1."


def test_what_was_said_to_others_is_neither_asked_about_nor_on_record(flows: FlowSet) -> None:
    for overheard in (
        Words("mind the dog", 0.95), Words("callback", 0.1), Words("", 0.0, unheard=True), Words(""),
    ):  # fmt: skip
        _, effects = speaks(flows, Queued(), overheard)
        assert said(effects) == []
        assert kinds(effects) == []
        assert place(effects).told
        assert place(effects).listen is not None, "it may be said still"
    _, effects = speaks(flows, Queued(), Words("mind the dog"), Words("and the cat"))
    assert place(effects).listen is None, "they talk to each other"
    _, effects = speaks(flows, Queued(), Words("mind the dog"), Words("and the cat"), Queued())
    assert place(effects).listen is not None


@pytest.mark.parametrize("answer", [Keys("1"), Words("yes", 0.9)])
def test_what_is_likely_a_choice_is_asked_about(flows: FlowSet, answer: Input) -> None:
    _, effects = speaks(flows, Queued(), Words("callback", 0.5))
    [question] = [effect for effect in effects if isinstance(effect, Collect)]
    assert [written(prompt) for prompt in question.prompts] == ["Do you want to be called?"]
    assert not any(isinstance(effect, Enqueue) for effect in effects)
    _, effects = speaks(flows, Queued(), Words("callback", 0.5), answer)
    assert any(isinstance(effect, RequestCallback) for effect in effects)


@pytest.mark.parametrize("answer", [Keys("2"), Words("no", 0.9), Keys(""), Words("yes", 0.2), Words("elephants", 0.9)])
def test_whatever_is_no_yes_leads_back_to_the_place(flows: FlowSet, answer: Input) -> None:
    _, effects = speaks(flows, Queued(), Words("callback", 0.5), answer)
    assert not place(effects).told, "the place is asked for again"
    _, effects = speaks(flows, Queued(), Words("callback", 0.5), answer, Queued(2))
    assert said(effects) == ["Still there.", "You are number 2.", "To be called, press 1.", "Or say it."]
    assert place(effects).told
