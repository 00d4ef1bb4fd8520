"""Intents learnt from examples: sure of what they know, and of what they don't."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.actions import specs
from ivr.flow.intents import Intents
from ivr.flow.load import load
from ivr.flow.model import Company, FlowSet
from tests.flow import sample
from tests.flow.intents import usable

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def demo() -> FlowSet:
    return load(ROOT / "flows", ROOT / "prompts", specs())


def test_training_is_deterministic(tmp_path: Path) -> None:
    once, again = (usable(tmp_path / folder) for folder in ("once", "again"))
    sentences = ("pay my bill tomorrow", "are you open", "what is the weather", "we moved")
    for sentence in sentences:
        assert once.intents.match(sentence, "en") == again.intents.match(sentence, "en")


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
