"""Recognition of callers' speech: what is asked of an engine and what comes back. One file per engine in `engines/`.

An engine is used in two places. The core asks whether it is there and what it understands, which must neither import
the engine nor load a model. A worker process of its own (`python -m ivr.speech.recognise.worker NAME`) opens
sessions, so that an engine's memory, its crashes and its working time stay away from calls. The core talks to workers
through `ivr.speech.recognise.service.RecognitionService`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ivr.speech.errors import SpeechError

Kind = Literal["menu", "yes_no", "digits", "number", "money", "date", "card", "name", "open"]
DIGIT_KINDS = frozenset({"digits", "card"})


class RecognitionError(SpeechError):
    """Nothing was recognised for a technical reason; ask for keys instead."""


class RecogniserBusy(RecognitionError):
    """Too much is waiting to be recognised already; said at once, so that the caller is not kept waiting."""


class RecogniserLate(RecognitionError):
    """No engine answered within the deadline."""


class RecogniserDied(RecognitionError):
    """The engine's process ended or hung in the middle of this utterance; a new one is being started."""


class NoRecogniser(RecognitionError):
    """No engine for this language is installed, or none can do what is asked."""


@dataclass(frozen=True, slots=True)
class Want:
    """What may be said.

    `phrases` are the allowed answers of a menu or list as they are spoken ("pay a bill"), for `yes_no` the words of yes
    and of no, for digits what may be said in their stead ("an agent"); none for open speech. `at_least` and `at_most`
    count digits. `meanings` has a number for each phrase, the same for those that mean the same, as far as that is
    known. `hints` are words that are likely in open speech. A `secret` answer is written nowhere, in part or
    whole.
    """

    language: str = "en"
    kind: str = "open"
    phrases: tuple[str, ...] = ()
    meanings: tuple[int, ...] = ()
    hints: tuple[str, ...] = ()
    at_least: int = 1
    at_most: int = 20
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Alternative:
    """A reading and the probability (0 to 1) that it is the right one. Digits are written 0 to 9 without spaces."""

    text: str = field(repr=False)
    confidence: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said. `text` is one of the phrases, digits, or free text; "" where nothing was understood.

    `matched` says whether it is what was allowed: if not, `text` is what it sounded like freely, and `confidence` is
    that of the best allowed answer, the first of `alternatives`. `start` and `end` are seconds from the first frame.
    """

    text: str = field(repr=False)
    confidence: float
    alternatives: tuple[Alternative, ...] = field(default=(), repr=False)
    start: float = 0.0
    end: float = 0.0
    matched: bool = True


def best_valid(heard: Heard, valid: Callable[[str], bool]) -> Alternative | None:
    """The most probable alternative that passes a check (length, check digit, a list of customers), if any does. Its
    confidence is its share of those that pass: a check digit rules out nine of ten misreadings."""
    passed = [other for other in heard.alternatives if valid(other.text)]
    total = sum(other.confidence for other in passed)
    if not passed or not total:
        return passed[0] if passed else None
    allowed = min(1.0, sum(other.confidence for other in heard.alternatives))
    return Alternative(passed[0].text, round(allowed * passed[0].confidence / total, 4))


class Hearing(Protocol):
    """One utterance, in the worker process."""

    def feed(self, frames: bytes) -> str | None:
        """Take mu-law audio at 8 kHz. Gives what is understood so far where that has changed, else None."""
        ...

    def result(self) -> Heard:
        """The end: understand what was fed. Blocking."""
        ...


class Recogniser(Protocol):
    name: str
    rank: int
    """Among engines that understand a language the lowest rank is taken first."""
    install: str
    """How to get the engine: a sentence for an error message."""
    streaming: bool
    """Whether it works while the caller speaks. Others are given whole utterances, whichever worker is free."""

    def languages(self) -> tuple[str, ...]:
        """ISO 639 codes that it understands on this machine; empty if it isn't installed. Imports no engine."""
        ...

    def about(self, language: str) -> str:
        """What it understands a language with, for people: its models. Imports no engine."""
        ...

    def takes(self, want: Want) -> bool:
        """Whether it can do this: an engine for small grammars takes no open speech. Imports no engine."""
        ...

    def session(self, want: Want) -> Hearing:
        """Begin an utterance; for the worker only. The first call may load a model. Raises `RecognitionError`."""
        ...


_registered: dict[str, Recogniser] = {}


def register(cls: type[Recogniser]) -> type[Recogniser]:
    """Class decorator; the class is made without arguments."""
    engine = cls()
    _registered[engine.name] = engine
    return cls


def all_recognisers() -> list[Recogniser]:
    """Every engine that has a file, installed or not, best first."""
    from ivr.speech.recognise import engines

    for module in pkgutil.iter_modules(engines.__path__):
        importlib.import_module(f"{engines.__name__}.{module.name}")
    return sorted(_registered.values(), key=lambda engine: engine.rank)


def chain(want: Want, engines: Sequence[Recogniser] | None = None) -> list[Recogniser]:
    """The engines for this, in the order in which they are tried."""
    from ivr.speech.voices import base

    known = all_recognisers() if engines is None else engines
    return [engine for engine in known if base(want.language) in engine.languages() and engine.takes(want)]
