"""pocketsphinx with the model that its package brings: small English grammars on small machines.

It answers within milliseconds of the end of speech and costs next to nothing, but takes much for a phrase that is none:
a background of phonemes competes with the grammar, and what explains the sound better than the phrases is rejected. It
reads digits badly, so strings of more than a few are left to others.
"""

from __future__ import annotations

import importlib.util
import math
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from ivr.speech.pcm import to_pcm16
from ivr.speech.recognise import Alternative, Heard, NoRecogniser, Want, register
from ivr.speech.recognise.decoded import pcm16k
from ivr.speech.recognise.grammar import COURTESIES, DIGITS, NO, YES, spoken

LONGEST_NUMBER = 2
MOST_PHRASES = 40
LIMIT, SLOPE = -0.15, 0.035
"""Logarithm of the phrases' score over the background's, a second: phrases of the grammar have -0.03 to -0.1, other
speech -0.25 to -0.4. Where it is LIMIT either is as likely."""


def _there() -> bool:
    return importlib.util.find_spec("pocketsphinx") is not None


@lru_cache(maxsize=1)
def _dictionary() -> frozenset[str]:
    import pocketsphinx

    lines = Path(pocketsphinx.get_model_path("en-us"), "cmudict-en-us.dict").read_text("utf-8").splitlines()
    return frozenset(line.split(" ", 1)[0] for line in lines)


@lru_cache(maxsize=16)
def _decoder(phrases: tuple[str, ...], repeated: bool) -> Any:
    import pocketsphinx

    decoder = pocketsphinx.Decoder(samprate=16000, loglevel="FATAL", logfn="/dev/null")
    alternatives = " | ".join(f"( {phrase} )" for phrase in phrases)
    courtesy = "" if repeated else f" [ {' | '.join(COURTESIES)} ]"
    rule = f"( {alternatives} )+" if repeated else f"( {alternatives} ){courtesy}"
    decoder.add_jsgf_string("answer", f"#JSGF V1.0;\ngrammar answer;\npublic <answer> = {rule};\n")
    decoder.add_allphone_file("phones", None)
    return decoder


@register
class Pocketsphinx:
    name = "pocketsphinx"
    rank = 60
    install = "pip install 'callwright[pocketsphinx]' for small English grammars"
    streaming = False

    def languages(self) -> tuple[str, ...]:
        return ("en",) if _there() else ()

    def about(self, language: str) -> str:
        return "its own model, small grammars only"

    def takes(self, want: Want) -> bool:
        if want.kind == "digits":
            return want.at_most <= LONGEST_NUMBER
        return want.kind == "yes_no" or (want.kind == "menu" and 0 < len(want.phrases) <= MOST_PHRASES)

    def session(self, want: Want) -> SphinxHearing:
        return SphinxHearing(want)


class SphinxHearing:
    """Decodes at the end: it takes a few hundredths of a second."""

    def __init__(self, want: Want) -> None:
        self._digits = want.kind == "digits"
        words = [*DIGITS, "oh"] if self._digits else list(want.phrases or (*YES, *NO))
        self._phrases = {spoken(phrase): phrase for phrase in words}
        known = tuple(phrase for phrase in self._phrases if set(phrase.split()) <= _dictionary())
        if not known:
            raise NoRecogniser("none of these phrases is in the pocketsphinx dictionary")
        self._decoder = _decoder(known, self._digits)
        self._audio = bytearray()

    def feed(self, frames: bytes) -> str | None:
        self._audio += frames
        return None

    def result(self) -> Heard:
        sound = to_pcm16(pcm16k(bytes(self._audio)))
        seconds = len(self._audio) / 8000
        said, score = self._score("answer", sound)
        text = self._meant(said)
        if not text:
            return Heard("", 0.0, (), 0.0, seconds, matched=False)
        _, background = self._score("phones", sound)
        # a second, so that length does not count
        gap = math.log(max(score, 1e-9) / max(background, 1e-9)) / max(seconds, 0.1)
        confidence = 1 / (1 + math.exp(-(gap - LIMIT) / SLOPE))
        return Heard(text, confidence, (Alternative(text, confidence),), 0.0, seconds, confidence >= 0.5)

    def _score(self, search: str, sound: bytes) -> tuple[str, float]:
        decoder = self._decoder
        decoder.activate_search(search)
        decoder.start_utt()
        decoder.process_raw(sound, full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return ("", 0.0) if found is None else (str(found.hypstr), float(found.best_score))

    def _meant(self, said: str) -> str:
        words = re.sub(r"\(\d+\)|<[^>]+>", "", said).split()
        if self._digits:
            values = {**{word: str(value) for value, word in enumerate(DIGITS)}, "oh": "0"}
            return "".join(values.get(word, "") for word in words)
        for courtesy in COURTESIES:
            ending = courtesy.split()
            if " ".join(words) not in self._phrases and words[-len(ending) :] == ending:
                words = words[: -len(ending)]
        return self._phrases.get(" ".join(words), "")
