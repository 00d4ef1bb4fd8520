"""Intents: learnt from examples, sure of what they know, and of what they don't."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from ivr.actions import specs
from ivr.flow.effects import Collect, Effect, Event, Say
from ivr.flow.inputs import Input, Keys, Started, Words
from ivr.flow.intents import Intents
from ivr.flow.load import load
from ivr.flow.model import Company, FlowSet
from ivr.flow.session import SPEECH, TEXT, VOICE, Session
from ivr.flow.step import step
from ivr.flow.understand.classifier import CLASSIFIERS, Match, classifier, classifiers
from ivr.flow.understand.lexicon import Lexicon
from ivr.prompts.written import written
from tests.flow import sample

ROOT = Path(__file__).parents[2]
NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)

INTENTS = """\
intents:
  pay_bill:
    label: pay a bill
    slots: {amount: money, account: {as: digits, length: 4}}
    examples:
      en:
        - I want to pay my bill
        - pay my bill
        - make a payment
        - pay {amount} on account {account}
        - pay the invoice
        - I'd like to pay
        - settle my account
        - pay with my card
      es:
        - quiero pagar mi factura
        - pagar la cuenta
        - hacer un pago
        - pagar {amount}
        - pagar con tarjeta
  hours:
    label: hear our hours
    examples:
      en:
        - when are you open
        - what are your hours
        - when do you close
        - are you open today
        - opening hours
        - office hours
        - what time do you open
        - how late are you open
      es:
        - cuándo abren
        - qué horario tienen
        - a qué hora cierran
        - están abiertos hoy
        - horario de atención
  moving:
    slots: {town: {as: one_of, options: [Springfield, Shelbyville]}, day: date}
    examples:
      en:
        - I am moving house
        - change my address
        - I moved to {town}
        - we are moving {day}
        - I have a new address
        - move my service
        - we moved
        - I'm moving to {town} {day}
      es:
        - me mudo de casa
        - cambiar mi dirección
        - nos mudamos
        - tengo una nueva dirección
        - me mudé a {town}
"""
LISTEN = """\
steps:
  how:
    listen: How can we help?
    intents: {pay_bill: pay, hours: hours, moving: moving}
    exits: {unsupported: menu}
  menu:
    menu: What is it?
    choices: [{key: 1, label: pay a bill, words: [bill], go: pay}]
    intents: {hours: hours, moving: moving}
  pay: {ask: "Pay {amount|money}?", as: yes_no, next: how}
  hours: {ask: Always., as: yes_no, next: how}
  moving: {ask: 'Where to?', as: text, exits: {done: how, unsupported: end}}
"""
FILES: dict[str, str | None] = {
    "flows/main.yaml": LISTEN,
    "flows/bill.yaml": None,
    "flows/intents.yaml": INTENTS,
    "flows/company.yaml": sample.COMPANY,
}


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
    """With a warning that `amount` may be unfilled where it is said."""
    changes = {**FILES, "flows/main.yaml": LISTEN.replace("Pay {amount|money}?", "Pay?")}
    return sample.usable(tmp_path, changes)


@pytest.fixture(scope="module")
def demo() -> FlowSet:
    return load(ROOT / "flows", ROOT / "prompts", specs())


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


def test_training_is_deterministic(tmp_path: Path, flows: FlowSet) -> None:
    again = sample.usable(tmp_path / "again", {**FILES, "flows/main.yaml": LISTEN.replace(" {amount|money}", "")})
    sentences = ("pay my bill tomorrow", "are you open", "what is the weather", "we moved")
    for sentence in sentences:
        assert flows.intents.match(sentence, "en") == again.intents.match(sentence, "en")


def test_an_example_is_taken_for_what_it_is(demo: FlowSet) -> None:
    for language in demo.company.languages:
        for name, intent in demo.intents.file.intents.items():
            for example in intent.examples[language]:
                if "{" not in example:
                    found = demo.intents.match(example, language)
                    assert found is not None
                    assert (found.intent, found.sure) == (name, 1.0), example


@pytest.mark.parametrize(
    ("sentence", "intent"),
    [
        ("what are your hours today?", "opening_hours"),
        ("how late are you guys open on friday", "opening_hours"),
        ("I'm calling to pay my bill", "pay_bill"),
        ("how much do I owe you", "balance"),
        ("there is no water in my house this morning", "report_outage"),
        ("I want to move house and pay my last bill", "move_house"),
        ("can I speak with somebody please", "reach_person"),
    ],
)
def test_the_demo_understands(demo: FlowSet, sentence: str, intent: str) -> None:
    found = demo.intents.match(sentence, "en")
    assert found is not None
    assert found.intent == intent
    assert found.sure >= 0.4
    assert found.nearest[0].likeness > 0


@pytest.mark.parametrize(
    "sentence",
    ["how tall is mount everest", "my girlfriend left me", "blah blah blah", "xyzzy", "turn up the volume",
     "my flight was cancelled", "do you believe in ghosts"],
)  # fmt: skip
def test_the_demo_knows_what_it_doesnt_know(demo: FlowSet, sentence: str) -> None:
    found = demo.intents.match(sentence, "en")
    assert found is not None
    assert found.sure < 0.4


@pytest.mark.parametrize("sentence", ["", "   ", "?!", "\x00"])
def test_nothing_is_no_sentence(demo: FlowSet, sentence: str) -> None:
    assert demo.intents.match(sentence, "en") is None


def test_very_long_sentences_are_cut(demo: FlowSet) -> None:
    assert demo.intents.match("pay my bill " * 10_000, "en") is not None


@pytest.mark.parametrize("count", [1, 2])
def test_few_intents_are_learnt_too(count: int) -> None:
    every = {"a": {"examples": {"en": ["open the door"]}}, "b": {"examples": {"en": ["sing a song"]}}}
    file = {"intents": dict(list(every.items())[:count])}
    intents = Intents(FlowSet(Company(name="x"), {}, {}, {}, {}, {"intents": file}))
    found = intents.match("open the door", "en")
    assert found is not None
    assert (found.intent, found.sure) == ("a", 1.0)
    stranger = intents.match("quarterly earnings", "en")
    assert stranger is not None
    assert stranger.sure < 0.4


def test_without_the_file_nothing_is_known(tmp_path: Path) -> None:
    flows = sample.usable(tmp_path)
    assert flows.intents.match("pay my bill", "en") is None
    assert flows.intents.names == ()


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
    flows = sample.usable(
        tmp_path,
        {**FILES, "flows/main.yaml": LISTEN.replace(" {amount|money}", ""),
         "flows/intents.yaml": "classifier: first_word\n" + INTENTS},
    )  # fmt: skip
    assert Talk(flows).say("settle it").at == "pay"


def problems(folder: Path, intents: str, main: str = LISTEN) -> list[str]:
    _, found = sample.flow_set(folder, {**FILES, "flows/intents.yaml": intents, "flows/main.yaml": main})
    return [f"{problem.mark} {problem.code}" for problem in found]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("amount: money", "amount: card", "bad_slot"),
        ("amount: money", "amount: monye", "bad_slot"),
        ("I moved to {town}", "I moved to {twon}", "unknown_slot"),
        ("label: pay a bill", "label: main.pya", "unknown_prompt"),
        ("options: [Springfield, Shelbyville]", "options: towns", "bad_options"),
        ("as: one_of, options: [Springfield, Shelbyville]", "as: one_of", "bad_options"),
        ("slots: {amount: money,", "slotz: {amount: money,", "unknown_key"),
        ("what are your hours\n", "pay my bill\n", "equal_examples"),
        ("  hours:", "  no_match:", "bad_name"),
        ("  hours:", "  ours:", "unknown_intent"),
        ("  hours:", "  other: {examples: {en: [some other thing]}}\n  hours:", "unused_intent"),
        ("  hours:", "  other: {examples: {en: [some other thing]}}\n  hours:", "few_examples"),
        ("intents:\n", "classifier: oracle\nintents:\n", "unknown_classifier"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, old: str, new: str, code: str) -> None:
    assert old in INTENTS
    assert any(problem.endswith(f" {code}") for problem in problems(tmp_path, INTENTS.replace(old, new, 1)))


def test_options_are_for_lists_only(tmp_path: Path) -> None:
    main = LISTEN.replace("as: text,", "as: text, options: [a],")
    assert any("bad_options" in problem for problem in problems(tmp_path, INTENTS, main))


def test_a_slot_that_may_not_have_been_said_must_be_asked_for_first(tmp_path: Path) -> None:
    assert any("unfilled" in problem for problem in problems(tmp_path, INTENTS))
