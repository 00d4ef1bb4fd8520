"""Times of day."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ivr.flow.understand.lexicon import Lexicon, phrases_in
from ivr.flow.understand.numbers import cardinals
from ivr.flow.understand.tokens import digits_of, is_figure, tokens

MAX_WORDS: Final = 16
_MORNING: Final = 7
"""The first hour that means the morning where nobody says which half of the day."""


def times(text: str, lexicon: Lexicon) -> list[str]:
    """The times HH:MM that a text may mean, the likeliest first: two where it doesn't say which half of the day.

    >>> times("half past two", lexicon("en"))
    ['14:30', '02:30']
    >>> times("las tres y cuarto de la tarde", lexicon("es"))
    ['15:15']
    """
    words = list(tokens(text)[:MAX_WORDS])
    part = max(phrases_in(words, lexicon.day_parts), key=len, default="")
    rest = _without(words, part)
    named = max(phrases_in(rest, lexicon.clock_names), key=len, default="")
    if named and not part and all(word in _noise(lexicon) for word in _without(rest, named)):
        return [lexicon.clock_names[named]]
    found = dict.fromkeys(
        f"{hour:02}:{minute:02}"
        for said_hour, minute, plain in _said(rest, lexicon)
        for hour in _hours(said_hour, plain, lexicon.day_parts.get(part))
    )
    return list(found)


def _without(words: Sequence[str], phrase: str) -> list[str]:
    """Words without the last place where they hold this phrase."""
    gone = phrase.split()
    for start in range(len(words) - len(gone), -1, -1) if gone else ():
        if list(words[start : start + len(gone)]) == gone:
            return [*words[:start], *words[start + len(gone) :]]
    return list(words)


def _noise(lexicon: Lexicon) -> frozenset[str]:
    return lexicon.noise | lexicon.clock_noise | lexicon.articles


def _said(words: Sequence[str], lexicon: Lexicon) -> Iterator[tuple[int, int, bool]]:
    """Every (hour, minute, whether it is plainly of 24 hours) that all of these words say."""
    for first, middle in _number(words, _skip(words, 0, lexicon), lexicon):
        at = _skip(words, middle, lexicon)
        if at == len(words):
            yield from _written(words, first, middle)
        sign = 0
        if at < len(words) and words[at] in (lexicon.minutes_past | lexicon.minutes_before):
            sign = -1 if words[at] in lexicon.minutes_before else 1
            at = _skip(words, at + 1, lexicon)
        for second, end in _number(words, at, lexicon):
            if _skip(words, end, lexicon) != len(words):
                continue
            hour, minute = (second, first) if sign and lexicon.minutes_first else (first, second)
            if not (0 <= hour <= 24 and 0 <= minute < 60) or (sign < 0 and not minute):
                continue
            if sign < 0:
                hour, minute = (hour - 1) % 24 if hour else 23, 60 - minute
                hour = 12 if hour == 0 and (second if lexicon.minutes_first else first) == 1 else hour
            yield hour, minute, not sign and words[middle - 1].startswith("0")


def _skip(words: Sequence[str], at: int, lexicon: Lexicon) -> int:
    noise = _noise(lexicon) - lexicon.minutes_past - lexicon.minutes_before
    while at < len(words) and words[at] in noise and words[at] not in lexicon.number_words:
        at += 1
    return at


def _number(words: Sequence[str], at: int, lexicon: Lexicon) -> list[tuple[int, int]]:
    """(value, end) of the numbers that begin here; a quarter and a half are numbers of minutes."""
    if at < len(words) and words[at] in lexicon.clock_fractions:
        return [(lexicon.clock_fractions[words[at]], at + 1)]
    if at + 1 < len(words) and words[at] in lexicon.zeros:  # oh five
        return [(value, end) for value, end in _number(words, at + 1, lexicon) if value < 10]
    if at < len(words) and is_figure(words[at]) and not words[at].isdecimal():
        return [(-1, at + 1)]  # 14.30
    return cardinals(words, at, lexicon) if at < len(words) else []


def _written(words: Sequence[str], value: int, end: int) -> Iterator[tuple[int, int, bool]]:
    """An hour alone, or figures that hold both: 1430, 14.30."""
    figure = words[end - 1]
    whole, dot, minutes = figure.replace(",", ".").partition(".")
    if dot and len(minutes) == 2 and whole.isdecimal() and int(minutes) < 60 and int(whole) <= 24:
        yield int(whole), int(minutes), whole.startswith("0")
    elif is_figure(figure) and len(keys := digits_of(figure)) in (3, 4):
        if int(keys[:-2]) <= 24 and int(keys[-2:]) < 60:
            yield int(keys[:-2]), int(keys[-2:]), len(keys) == 4
    elif 0 <= value <= 24:
        yield value, 0, figure.startswith("0")


def _hours(hour: int, plain: bool, half: int | None) -> Iterator[int]:
    """The hours that one may mean: `half` is 0 for the first half of the day, 12 for the second."""
    if half is not None:
        if hour <= 12:
            yield hour % 12 + half
        elif half == 12 and hour < 24:  # 14 hours in the afternoon
            yield hour
    elif plain or hour == 0 or hour > 12:
        yield hour % 24
    else:
        morning, later = hour % 12, hour % 12 + 12
        yield from (morning, later) if _MORNING <= hour < 12 else (later, morning)
