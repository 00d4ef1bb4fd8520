"""What a classifier sees of a sentence: its words, pairs of words, beginnings of words and letter sequences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ivr.flow.understand.lexicon import Lexicon
from ivr.flow.understand.tokens import is_figure, tokens

NUMBER = "#"
DAY = "@"
STEM = 5
"""Letters at the beginning of a word that stand for all its endings."""
LETTERS = (3, 4, 5)
POLITE = 0.3
"""What words around any request (I would like to, please) count for."""
COMMON = 0.5
"""What words of any sentence (what, you) count for."""
WEIGHTS = {"w": 1.0, "s": 0.7, "p": 0.8, "l": 0.4}
"""What a word, its beginning, a pair and a sequence of letters count for."""


def content(text: str, lexicon: Lexicon) -> list[str]:
    """The words, with numbers all alike, and days: which it is says nothing about what is wanted."""
    out: list[str] = []
    for word in tokens(text):
        if word in lexicon.weekdays or word in lexicon.relative_days:
            out.append(DAY)
            continue
        numeric = is_figure(word) or (word in lexicon.number_words and word not in lexicon.zeros)
        if not numeric:
            out.append(word)
        elif not out or out[-1] != NUMBER:
            out.append(NUMBER)
    return out


def features(words: Sequence[str], lexicon: Lexicon) -> dict[str, float]:
    """Features with their counts, weighted by kind."""
    counts: defaultdict[str, float] = defaultdict(float)
    for feature, weight in _features(words, lexicon):
        counts[feature] += weight
    return dict(counts)


def _features(words: Sequence[str], lexicon: Lexicon) -> Iterator[tuple[str, float]]:
    for word in words:
        share = POLITE if word in lexicon.polite else COMMON if word in lexicon.common else 1.0
        yield f"w:{word}", WEIGHTS["w"] * share
        if len(word) >= STEM:
            yield f"s:{word[:STEM]}", WEIGHTS["s"] * share
        if share == 1.0 and len(word) > 3:
            marked = f"^{word}$"
            for size in LETTERS:
                # A word counts the same however long it is.
                pieces = len(marked) - size + 1
                for start in range(pieces):
                    yield f"l:{marked[start : start + size]}", WEIGHTS["l"] / pieces**0.5
    meant = ["^", *words, "$"]
    for one, two in pairwise(meant):
        if not (one in lexicon.polite | {"^"} and two in lexicon.polite | {"$"}):
            yield f"p:{one} {two}", WEIGHTS["p"]
