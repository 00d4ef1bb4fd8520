"""How a classifier of intents registers itself: one file each in `ivr/flow/understand/classifiers/`.

It is given examples when flows are published, and words on a call. It has to be deterministic, to answer within a few
milliseconds, and to know when it doesn't know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from ivr.flow.understand.lexicon import Lexicon


@dataclass(frozen=True, slots=True)
class Nearest:
    """An example that is like what was said: how much (0 to 1), its intent, and its words."""

    likeness: float
    intent: str
    example: str


@dataclass(frozen=True, slots=True)
class Match:
    """The likeliest intent; `sure` is the probability (0 to 1) that it is meant, and not another one or none at all.
    `scores` are those of all intents, the best first; `nearest` explain them."""

    intent: str
    sure: float
    scores: Mapping[str, float]
    nearest: tuple[Nearest, ...] = ()


class Classifier(Protocol):
    def classify(self, words: str) -> Match:
        """The likeliest intent for words in the classifier's language."""
        ...

    def doubtful(self) -> Sequence[tuple[str, int, str]]:
        """(intent, place, other intent) of examples that are more like another intent, were they not in the list."""
        ...


Train = Callable[[Mapping[str, Sequence[str]], Sequence[str], Lexicon], Classifier]
"""Makes a classifier of examples by intent, examples that belong to none, and the language. Never raises for what the
examples say; there is at least one example."""

CLASSIFIERS: dict[str, Train] = {}


def classifier(name: str) -> Callable[[Train], Train]:
    """Register a classifier under a name, which intents.yaml may then name as its `classifier`."""

    def register(train: Train) -> Train:
        CLASSIFIERS[name] = train
        return train

    return register


@cache
def classifiers() -> Mapping[str, Train]:
    """Every classifier by its name."""
    from ivr.flow.registry import import_all

    import_all("ivr.flow.understand.classifiers")
    return CLASSIFIERS
