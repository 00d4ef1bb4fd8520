"""What may be said, as a small automaton over words: digit strings, phrases with the small words around them.

A grammar has states; an arc is some words, what they mean, the state that follows and a cost (a log probability,
0 or less) for what is rarely said. The meaning of an utterance is the join of its arcs' meanings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from ivr.speech.recognise import DIGIT_KINDS, Want

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
YES = ("yes", "yeah", "yep", "yes please", "correct", "that's right", "sure", "okay")
NO = ("no", "nope", "no thanks", "no thank you", "that's wrong", "not really")
LEAD_INS = ("i want to", "i'd like to", "i need to", "i would like to", "can i", "um", "uh", "i'm", "please")
NUMBER_LEAD_INS = ("it's", "it is", "um", "uh", "my number is", "the number is", "my account number is", "yes it's")
COURTESIES = ("please", "thanks", "thank you")
AROUND_COST = -1.5
REPEAT_COST = -1.0
LONGEST_NUMBER = 24


@dataclass(frozen=True, slots=True)
class Arc:
    words: str
    means: str
    to: int
    cost: float = 0.0


@dataclass(slots=True)
class Grammar:
    """State 0 is the start. `kind` is "digits" or "phrases": models are prepared differently for them."""

    kind: str
    arcs: dict[int, list[Arc]] = field(default_factory=dict)
    final: set[int] = field(default_factory=set)

    def add(self, state: int, words: str, means: str, to: int, cost: float = 0.0) -> None:
        self.arcs.setdefault(state, []).append(Arc(words, means, to, cost))


@lru_cache(maxsize=256)
def grammar(want: Want) -> Grammar | None:
    """The grammar of what may be said; None for open speech."""
    if want.kind in DIGIT_KINDS:
        return digits(want.at_most, want.phrases)
    phrases_ = want.phrases or ((*YES, *NO) if want.kind == "yes_no" else ())
    return phrases(phrases_) if phrases_ else None


def digits(at_most: int, instead: Iterable[str] = ()) -> Grammar:
    """Digits one by one, "oh" for 0, "double" and "triple". States count the digits; two beyond them all are for what
    is said before the first, and for a phrase in their stead ("an agent"). One digit is enough, whatever was asked
    for: too short a number is still worth knowing."""
    most = min(max(at_most, 1), LONGEST_NUMBER)
    made = Grammar("digits")
    made.final = set(range(1, most + 1))
    for count in range(most):
        for value, word in [*enumerate(DIGITS), (0, "oh")]:
            made.add(count, word, str(value), count + 1)
            for times, name in ((2, "double"), (3, "triple")):
                if count + times <= most:
                    made.add(count, f"{name} {word}", str(value) * times, count + times, REPEAT_COST)
    made.arcs[most + 1] = list(made.arcs[0])
    for words in NUMBER_LEAD_INS:
        made.add(0, words, "", most + 1, AROUND_COST)
    for phrase in dict.fromkeys(instead):
        if words := spoken(phrase):
            made.add(0, words, phrase, most + 2)
            made.final.add(most + 2)
    return made


def phrases(allowed: Iterable[str]) -> Grammar:
    """One of these phrases, perhaps with "I'd like to" before it or "please" after it. The meaning is the phrase."""
    made = Grammar("phrases", final={1, 2})
    said = dict.fromkeys(allowed)
    for phrase in said:
        words = spoken(phrase)
        if words:
            made.add(0, words, phrase, 1)
            made.add(3, words, phrase, 1)
    starts = {spoken(phrase) for phrase in said}
    for words in LEAD_INS:
        if words not in starts:
            made.add(0, words, "", 3, AROUND_COST)
    for words in COURTESIES:
        made.add(1, words, "", 2, AROUND_COST)
    return made


def spoken(text: str) -> str:
    """A phrase as it is said: lower case, without punctuation; numerals as digit words."""
    kept = re.sub(r"[^\w' ]+", " ", text.lower().replace("’", "'"))
    kept = re.sub(r"\d", lambda found: f" {DIGITS[int(found[0])]} ", kept)
    return " ".join(kept.split())
