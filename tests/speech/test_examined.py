"""What `callwright doctor` says of speech, language by language."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from ivr.finding import Finding
from ivr.flow.intents import Intents
from ivr.flow.model import FlowSet
from ivr.speech import examined
from tests.flow import sample
from tests.speech.recognise.fakes import FakeRecogniser


def test_the_chain_with_its_models_and_what_it_lacks() -> None:
    both = [FakeRecogniser("good", kinds=("menu", "digits", "card")), FakeRecogniser("small", kinds=("menu",))]
    chain, open_speech = examined.recognisers("en-GB", both)
    assert chain == Finding("hearing en-GB", True, "good (a fake en) then small (a fake en)")
    assert (open_speech.well, open_speech.found) == (None, "none of them takes open speech")
    whole = [FakeRecogniser("all")]
    assert [finding.well for finding in examined.recognisers("en", whole)] == [True]


@pytest.mark.parametrize("there", [True, False])
def test_a_language_without_a_recogniser_says_how_to_add_one(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if there else None)
    (finding,) = examined.recognisers("es-MX", [FakeRecogniser()])
    assert finding.well is None
    assert finding.found == "callers in this language have keys only"
    assert "Model(lang='es')" in finding.fix
    assert "VOSK_MODELS" in finding.fix
    assert ("pip install 'callwright[vosk]'" in finding.fix) is not there
    assert [found.found for found in examined.detector()] == ([] if there else [
        "no voice detector: callers have keys only"
    ])  # fmt: skip


def test_a_language_without_a_voice_has_to_be_mended() -> None:
    finding = examined.voices("en", [])
    assert (finding.well, finding.found) == (False, "none speaks it")


INTENTS = """
intents:
  pay: {examples: {en: [pay my bill, I want to pay, settle my account]}}
  hours: {examples: {en: [when are you open, opening hours, are you open], es: [horario]}}
"""


def made(tmp_path: Path, text: str) -> Intents:
    flows: FlowSet = sample.flow_set(tmp_path, {"flows/intents.yaml": text})[0]
    return flows.intents


def test_intents_by_language(tmp_path: Path) -> None:
    found = made(tmp_path, INTENTS)
    english = list(examined.intents(found, "en"))
    assert english == [Finding("intents en", True, "6 examples of 2 intents, trained")]
    spanish = list(examined.intents(found, "es"))
    assert [finding.well for finding in spanish] == [True, None]
    assert spanish[1].found == "no examples of pay"
    (french,) = examined.intents(found, "fr")
    assert (french.well, french.found) == (None, "no examples")
