"""Where in free speech a value stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ivr.flow.understand.lexicon import Lexicon
from ivr.flow.understand.tokens import is_figure, tokens

T = TypeVar("T")
LONGEST = 14
"""Words of one value."""


def runs(text: str, among: Callable[[str], bool]) -> Iterator[tuple[str, ...]]:
    """Stretches of neighbouring words that may all belong to a value."""
    run: list[str] = []
    for word in tokens(text):
        if among(word):
            run.append(word)
        elif run:
            yield tuple(run)
            run = []
    if run:
        yield tuple(run)


def first(text: str, among: Callable[[str], bool], read: Callable[[Sequence[str]], T | None]) -> T | None:
    """What `read` makes of the longest part of a stretch that it can make anything of."""
    for run in runs(text, among):
        for size in range(min(len(run), LONGEST), 0, -1):
            for start in range(len(run) - size + 1):
                found = read(run[start : start + size])
                if found is not None:
                    return found
    return None


def numeric(lexicon: Lexicon, *others: frozenset[str]) -> Callable[[str], bool]:
    """Whether a word belongs to a number, or to one of these other sets."""
    known = lexicon.number_words.union(lexicon.joiners, *others)
    return lambda word: is_figure(word) or word in known
