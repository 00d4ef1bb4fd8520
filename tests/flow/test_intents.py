"""Questions that callers answer in words of their own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ivr.flow.effects import Collect, Effect, Event, Say
from ivr.flow.inputs import Input, Keys, Started, Words
from ivr.flow.model import FlowSet
from ivr.flow.session import SPEECH, TEXT, VOICE, Session
from ivr.flow.step import step
from ivr.flow.understand.classifier import CLASSIFIERS, Match, classifier, classifiers
from ivr.flow.understand.lexicon import Lexicon
from ivr.prompts.written import written
from tests.flow.intents import INTENTS, usable

NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)


class Talk:
    def __init__(self, flows: FlowSet, can: frozenset[str] = SPEECH) -> None:
        self.flows = flows
        self.session = Session("s", "c", "x", can, flows.hash, "en")
        self.effects: Sequence[Effect] = ()
        self(Started())

    def __call__(self, given: Input) -> Talk:
        self.session, self.effects = step(self.flows, self.session, given, NOW)
        return self

    def say(self, words: str, confidence: float = 1.0, *alternatives: str) -> Talk:
        return self(Words(words, confidence, alternatives))

    @property
    def at(self) -> str:
        return self.session.stack[-1][1]

    @property
    def heard(self) -> list[str]:
        return [
            written(prompt)
            for effect in self.effects
            if isinstance(effect, Say | Collect)
            for prompt in ([effect.prompt] if isinstance(effect, Say) else effect.prompts)
        ]

    @property
    def asked(self) -> Collect:
        return next(effect for effect in self.effects if isinstance(effect, Collect))


@pytest.fixture
def flows(tmp_path: Path) -> FlowSet:
    return usable(tmp_path)


def test_an_open_question_leads_by_intent(flows: FlowSet) -> None:
    assert Talk(flows).say("what are your hours").at == "hours"
    assert Talk(flows).say("yes hello I'd like to pay my bill please").at == "pay"


def test_slots_are_filled_along_the_way(flows: FlowSet) -> None:
    talk = Talk(flows).say("pay eighty-four fifty dollars on account one oh two oh")
    talk = Talk(flows).say("pay twenty dollars on account one oh two oh")
    assert talk.at == "pay"
    assert talk.session.slots == {"amount": 2000, "account": "1020"}
    talk = Talk(flows).say("I'm moving to shelbyville next friday")
    assert talk.session.slots == {"town": "Shelbyville", "day": "2026-11-27"}


def test_asking_anew_forgets_what_was_said_last_time(flows: FlowSet) -> None:
    talk = Talk(flows).say("pay twenty dollars on account one oh two oh").say("yes")
    assert talk.at == "how"
    assert talk.session.slots == {"pay": True}


def test_half_sure_intents_are_confirmed(flows: FlowSet) -> None:
    talk = Talk(flows).say("pay twenty dollars on account one oh two oh", 0.5)
    assert talk.heard == ["Do you want to pay a bill?"]
    assert talk.session.slots == {}
    talk.say("yes")
    assert (talk.at, talk.session.slots["amount"]) == ("pay", 2000)


def test_an_intent_may_be_corrected(flows: FlowSet) -> None:
    talk = Talk(flows).say("pay my bill", 0.5)
    assert talk.say("no, what are your hours").at == "hours"
    talk = Talk(flows).say("pay my bill", 0.5).say("no")
    assert talk.heard == ["Once more, then.", "How can we help?"]


def test_what_isnt_known_is_asked_again_then_left(flows: FlowSet) -> None:
    talk = Talk(flows).say("who won the football game last night")
    assert talk.heard == ["That is no choice.", "How can we help?"]
    talk.say("purple elephants")
    assert talk.asked.speech, "keys can't answer an open question"
    assert talk.say("la la la").at == "message"


def test_alternatives_may_make_sense(flows: FlowSet) -> None:
    talk = Talk(flows).say("watt are shower's", 0.9, "what are your hours")
    assert talk.heard == ["Do you want to hear our hours?"]


def test_where_there_are_only_keys_the_question_is_passed(flows: FlowSet) -> None:
    assert Talk(flows, VOICE).at == "menu"
    assert Talk(flows, TEXT).at == "how"


def test_a_menu_falls_through_to_intents(flows: FlowSet) -> None:
    assert Talk(flows, VOICE).say("when do you close").at == "hours"
    assert Talk(flows, VOICE).say("bill").at == "pay"
    assert Talk(flows, VOICE)(Keys("1")).at == "pay"
    talk = Talk(flows, VOICE).say("pay the invoice with my card")
    assert talk.at == "menu", "an intent that leads nowhere from here"


def test_the_global_keys_work(flows: FlowSet) -> None:
    talk = Talk(flows)
    assert talk(Keys("*")).heard == ["How can we help?"]
    assert talk(Keys("0")).at == "message"


def test_recognisers_get_hints(flows: FlowSet) -> None:
    asked = Talk(flows).asked
    assert asked.kind == "open"
    assert asked.open
    assert {"bill", "open", "address"} <= set(asked.hints)


def test_the_event_log_tells_why(flows: FlowSet) -> None:
    talk = Talk(flows).say("what are your hours")
    known = [effect.data for effect in talk.effects if isinstance(effect, Event) and effect.kind == "intent"]
    assert known[0]["intent"] == "hours"
    assert next(iter(known[0]["scores"])) == "hours"


def test_another_classifier_is_one_registered_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifiers()
    monkeypatch.setattr("ivr.flow.understand.classifier.CLASSIFIERS", dict(CLASSIFIERS))
    monkeypatch.setitem(CLASSIFIERS, "first_word", CLASSIFIERS["ridge"])

    class FirstWord:
        def __init__(self, examples: Mapping[str, Sequence[str]]) -> None:
            self.known = {text.split()[0]: name for name, texts in examples.items() for text in texts}

        def classify(self, words: str) -> Match:
            name = self.known.get(words.split()[0], "hours")
            return Match(name, 0.9, {name: 1.0})

        def doubtful(self) -> Sequence[tuple[str, int, str]]:
            return ()

    def train(examples: Mapping[str, Sequence[str]], out_of_scope: Sequence[str], lexicon: Lexicon) -> FirstWord:
        return FirstWord(examples)

    monkeypatch.setitem(CLASSIFIERS, "first_word", classifier("first_word")(train))
    assert Talk(usable(tmp_path, "classifier: first_word\n" + INTENTS)).say("settle it").at == "pay"
