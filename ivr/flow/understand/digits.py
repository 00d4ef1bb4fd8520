"""Strings of digits, however they are said: one by one, doubled, in groups, as figures, or all of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ivr.flow.understand.lexicon import Lexicon
from ivr.flow.understand.numbers import MAX_WORDS, cardinals
from ivr.flow.understand.tokens import digits_of, is_figure, tokens

MOST: Final = 12
"""Readings that are kept: "twenty three" is 23 or 203."""
_Reading = tuple[int, str]
"""What a reading costs (numbers that it is made of, and doubts), and its digits."""


def digits(text: str, lexicon: Lexicon) -> list[str]:
    """The strings of digits that a text may mean, the likeliest first; none if it is about something else.

    >>> digits("one oh two oh, double four", lexicon("en"))
    ['102044']
    """
    words = tokens(text)[:MAX_WORDS]
    runs, strange = _runs(words, lexicon)
    if not runs or strange > sum(map(len, runs)):
        return []
    found = [_readings(run, lexicon) for run in runs]
    if len(found) == 1:
        return found[0]
    # Words of another kind in between: the longest string is meant, or all of them together.
    whole = "".join(readings[0] for readings in found if readings)
    ordered = sorted((reading for readings in found for reading in readings), key=len, reverse=True)
    return list(dict.fromkeys([*ordered[:MOST], whole]))


def _runs(words: Sequence[str], lexicon: Lexicon) -> tuple[list[list[str]], int]:
    """Stretches of number words (with what means nothing among them), and how many other words there are."""
    runs: list[list[str]] = []
    strange = 0
    current: list[str] = []
    for index, word in enumerate(words):
        inner = word in lexicon.joiners or word in lexicon.articles
        if inner or _numeric(word, lexicon) or (word in lexicon.homophones and _beside(words, index, lexicon)):
            current.append(word)
        elif word not in lexicon.noise and word not in lexicon.plus:
            strange += 1
            runs.append(current)
            current = []
    runs.append(current)
    return [run for run in runs if any(_numeric(word, lexicon) for word in run)], strange


def _numeric(word: str, lexicon: Lexicon) -> bool:
    return is_figure(word) or word in lexicon.number_words


def _beside(words: Sequence[str], index: int, lexicon: Lexicon) -> bool:
    near = (*words[max(0, index - 1) : index], *words[index + 1 : index + 2])
    return any(_numeric(word, lexicon) for word in near)


def _readings(run: Sequence[str], lexicon: Lexicon) -> list[str]:
    """Every way to cut a run into numbers, the fewest numbers first."""
    best: list[list[_Reading]] = [[] for _ in run] + [[(0, "")]]
    for at in range(len(run) - 1, -1, -1):
        found: dict[str, int] = {}
        for cost, said, end in _pieces(run, at, lexicon):
            for more, rest in best[end]:
                total = cost + more
                found[said + rest] = min(total, found.get(said + rest, total))
        ranked = sorted((cost, said) for said, cost in found.items())
        best[at] = ranked[:MOST]
    return [said for _, said in best[0] if said]


def _pieces(run: Sequence[str], at: int, lexicon: Lexicon) -> Iterator[tuple[int, str, int]]:
    """(cost, digits, the place after) of every piece that may begin here."""
    word = run[at]
    if is_figure(word):
        yield 1, digits_of(word), at + 1
    if word in lexicon.zeros:
        yield 1, "0", at + 1
    if word in lexicon.homophones:
        yield 1, lexicon.homophones[word], at + 1
        yield 2, "", at + 1
    if word in lexicon.joiners or word in lexicon.articles:
        yield 0, "", at + 1
    if word in lexicon.repeats and at + 1 < len(run):
        digit = _digit(run[at + 1], lexicon)
        if digit:
            yield 1, digit * lexicon.repeats[word], at + 2
    for value, end in cardinals(run, at, lexicon):
        if not (end == at + 1 and is_figure(word)):
            yield 1, str(value), end


def _digit(word: str, lexicon: Lexicon) -> str:
    if is_figure(word):
        digit = digits_of(word)
        return digit if len(digit) == 1 else ""
    if word in lexicon.zeros:
        return "0"
    value = lexicon.small.get(word, 10)
    return str(value) if value < 10 else lexicon.homophones.get(word, "")
