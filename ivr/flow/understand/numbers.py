"""Whole numbers in words."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from typing import Final

from ivr.flow.understand.lexicon import Lexicon
from ivr.flow.understand.tokens import is_figure, tokens, whole

Found = tuple[int, int]
"""A number's value and the place after its last word."""
MAX_WORDS: Final = 80


def number(text: str, lexicon: Lexicon) -> int | None:
    """The number that all of a text says, but for words around it that mean nothing; `None` if it is none."""
    words = trimmed(tokens(text)[:MAX_WORDS], lexicon)
    return next((value for value, end in cardinals(words, 0, lexicon) if end == len(words)), None) if words else None


def trimmed(words: Sequence[str], lexicon: Lexicon) -> tuple[str, ...]:
    """Words without the noise before and after."""
    start, end = 0, len(words)
    meant = lexicon.number_words
    while start < end and words[start] in lexicon.noise and words[start] not in meant:
        # An article may begin a number: a hundred.
        if words[start] in lexicon.articles and start + 1 < end and words[start + 1] in meant:
            break
        start += 1
    while end > start and words[end - 1] in lexicon.noise and words[end - 1] not in meant:
        end -= 1
    return tuple(words[start:end])


def cardinals(words: Sequence[str], at: int, lexicon: Lexicon) -> list[Found]:
    """Every number that begins at this place, the one of most words first."""
    return _cardinals(tuple(words[at : at + 24]), at, lexicon.code)


@lru_cache(4096)
def _cardinals(words: tuple[str, ...], at: int, code: str) -> list[Found]:
    from ivr.flow.understand.lexicon import lexicon

    reader = _Reader(words, lexicon(code))
    found = dict.fromkeys(reader.level(0, len(reader.lexicon.scales)))
    return [(value, at + end) for value, end in sorted(found, key=lambda item: -item[1])]


class _Reader:
    """Reads numbers at any place of some words. Each method gives every (value, end)."""

    def __init__(self, words: tuple[str, ...], lexicon: Lexicon) -> None:
        self.words = words
        self.lexicon = lexicon
        self.known: dict[tuple[int, int], list[Found]] = {}

    def is_(self, at: int, among: Container[str]) -> bool:
        return at < len(self.words) and self.words[at] in among

    def after_joiner(self, at: int) -> Iterator[int]:
        yield at
        if self.is_(at, self.lexicon.joiners):
            yield at + 1

    def tens(self, at: int) -> Iterator[Found]:
        lexicon = self.lexicon
        if at >= len(self.words):
            return
        word = self.words[at]
        if word in lexicon.tens:
            yield lexicon.tens[word], at + 1
            # Recognisers lose the y of treinta y dos; English has none to lose.
            for place in self.after_joiner(at + 1) if lexicon.hundreds else (at + 1,):
                if self.is_(place, lexicon.small) and 0 < lexicon.small[self.words[place]] < 10:
                    yield lexicon.tens[word] + lexicon.small[self.words[place]], place + 1
        elif word in lexicon.small:
            yield lexicon.small[word], at + 1
        elif is_figure(word) and (value := whole(word)) is not None:
            yield value, at + 1

    def hundreds(self, at: int) -> Iterator[Found]:
        lexicon = self.lexicon
        yield from self.tens(at)
        starts: list[Found] = []
        if self.is_(at, lexicon.hundreds):
            starts.append((lexicon.hundreds[self.words[at]], at + 1))
        ones = [*self.tens(at), *([(1, at + 1)] if self.is_(at, lexicon.articles) else [])]
        starts += [(100 * ones_, end + 1) for ones_, end in ones if 0 < ones_ < 100 and self.is_(end, lexicon.hundred)]
        for value, end in starts:
            yield value, end
            for place in self.after_joiner(end):
                for rest, last in self.tens(place):
                    if 0 < rest < 100:
                        yield value + rest, last

    def level(self, at: int, level: int) -> list[Found]:
        """Numbers below the scale of this level."""
        if (at, level) in self.known:
            return self.known[at, level]
        if level == 0:
            found = list(self.hundreds(at))
        else:
            size, names = self.lexicon.scales[level - 1]
            found = list(self.level(at, level - 1))
            starts = [(value, end) for value, end in found if value > 0]
            if self.is_(at, self.lexicon.articles):
                starts.append((1, at + 1))
            if self.is_(at, names & self.lexicon.implicit_scales):
                starts.append((1, at))
            for value, end in starts:
                if not self.is_(end, names):
                    continue
                found.append((value * size, end + 1))
                for place in self.after_joiner(end + 1):
                    found += [
                        (value * size + rest, last) for rest, last in self.level(place, level - 1) if 0 < rest < size
                    ]
        self.known[at, level] = found
        return found
