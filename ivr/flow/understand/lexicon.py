"""The words of a language, as tables: one file per language in `ivr/flow/understand/languages/`, which registers it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from typing import Any

from ivr.flow.understand.tokens import fold, tokens


@dataclass(frozen=True)
class Lexicon:
    """Words are written as people write them; they are folded (no case, no accents) when the table is made. Keys and
    members of several words are found only where it says "phrases"."""

    code: str
    small: Mapping[str, int]
    """Numbers of one word below 30, feminine and shortened forms too."""
    tens: Mapping[str, int]
    hundreds: Mapping[str, int] = field(default_factory=dict)
    """Hundreds that are one word: doscientos."""
    hundred: frozenset[str] = frozenset()
    """The word that makes hundreds of the number before it."""
    scales: tuple[tuple[int, frozenset[str]], ...] = ()
    """Thousand, million ... in rising order."""
    implicit_scales: frozenset[str] = frozenset()
    """Those that stand for one of them by themselves: mil."""
    articles: frozenset[str] = frozenset()
    """Words for one before hundred, thousand, dollar, that are no numbers alone."""
    joiners: frozenset[str] = frozenset()
    """and: between the parts of one number."""
    zeros: frozenset[str] = frozenset()
    """Further words for 0 where digits are said one by one: oh."""
    homophones: Mapping[str, str] = field(default_factory=dict)
    """Words that recognisers write for a digit. Believed only beside other digits."""
    repeats: Mapping[str, int] = field(default_factory=dict)
    """double, triple: how often the next digit is meant."""
    plus: frozenset[str] = frozenset()
    point: frozenset[str] = frozenset()
    """The decimal point."""
    fillers: frozenset[str] = frozenset()
    """What people say around a value and that means nothing there."""
    ordinals: Mapping[str, int] = field(default_factory=dict)
    """Days of the month, first to thirty-first (phrases)."""
    months: Mapping[str, int] = field(default_factory=dict)
    weekdays: Mapping[str, int] = field(default_factory=dict)
    """Monday is 0."""
    relative_days: Mapping[str, int] = field(default_factory=dict)
    """Phrases: tomorrow is 1."""
    next: frozenset[str] = frozenset()
    """Phrases for the coming one: next, que viene."""
    last: frozenset[str] = frozenset()
    periods: Mapping[str, int] = field(default_factory=dict)
    """Words for a stretch of time, in days: weeks is 7."""
    ahead: frozenset[str] = frozenset()
    """Words that begin "in three days"."""
    day_parts: Mapping[str, int] = field(default_factory=dict)
    """Phrases for the half of the day: 0 for the first, 12 for the second."""
    clock_names: Mapping[str, str] = field(default_factory=dict)
    """Phrases that are times by themselves: noon is 12:00."""
    clock_fractions: Mapping[str, int] = field(default_factory=dict)
    """Words for a number of minutes: quarter is 15."""
    minutes_past: frozenset[str] = frozenset()
    minutes_before: frozenset[str] = frozenset()
    minutes_first: bool = False
    """Whether the minutes come first: ten past three; or the hour: las tres y diez."""
    clock_noise: frozenset[str] = frozenset()
    """Words around times that mean nothing: o'clock."""
    units: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Words for a unit of money with the currencies that use it."""
    cents: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """The same for hundredths of it."""
    halves: frozenset[str] = frozenset()
    """Phrases: and a half."""
    yes: frozenset[str] = frozenset()
    """Phrases that mean yes wherever the answer begins with them."""
    no: frozenset[str] = frozenset()
    right: frozenset[str] = frozenset()
    """Phrases that mean yes only among words that mean nothing: right, sure."""
    wrong: frozenset[str] = frozenset()
    negations: frozenset[str] = frozenset()
    """Phrases that turn the one behind them round: not (right)."""
    unsure: frozenset[str] = frozenset()
    """Phrases that are neither: not sure, maybe."""
    polite: frozenset[str] = frozenset()
    """Words around any answer: please, I would like to."""
    common: frozenset[str] = frozenset()
    """Words of any sentence, which tell little of what it is about: what, you, there."""
    sounds: tuple[tuple[str, str], ...] = ()
    """Regular expressions and replacements that leave of a word what it sounds like, in order."""

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.name not in ("code", "sounds"):
                object.__setattr__(self, item.name, _folded(getattr(self, item.name)))

    @cached_property
    def number_words(self) -> frozenset[str]:
        """Words that a number can begin or go on with."""
        scales = (word for _, words in self.scales for word in words)
        return frozenset((*self.small, *self.tens, *self.hundreds, *self.hundred, *scales, *self.zeros, *self.repeats))

    @cached_property
    def noise(self) -> frozenset[str]:
        return self.fillers | self.polite

    @cached_property
    def _sounds(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        return tuple((re.compile(pattern), text) for pattern, text in self.sounds)

    def sound(self, text: str) -> str:
        """What a text sounds like, roughly: equal for Smith and Smyth."""
        out = " ".join(tokens(text))
        for pattern, replacement in self._sounds:
            out = pattern.sub(replacement, out)
        return re.sub(r"(\w)\1+", r"\1", out)

    def plain(self, text: str) -> str:
        """The words without what is only polite: "a person" of "I'd like to talk to a person, please"."""
        words = tokens(text)
        kept = [word for word in words if word not in self.polite]
        return " ".join(kept or words)


def _folded(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(tokens(value)) or fold(value)
    if isinstance(value, Mapping):
        return {_folded(key): item for key, item in value.items()}
    if isinstance(value, frozenset):
        return frozenset(_folded(item) for item in value)
    if isinstance(value, tuple):
        return tuple((size, _folded(words)) for size, words in value)
    return value


LEXICONS: dict[str, Lexicon] = {}


def register(lexicon: Lexicon) -> Lexicon:
    """File a lexicon under its language's code."""
    LEXICONS[lexicon.code] = lexicon
    return lexicon


@cache
def lexicon(language: str) -> Lexicon:
    """The lexicon of a language tag (`en`, `en-GB`). An unknown language understands figures, and no words."""
    from ivr.flow.registry import import_all

    import_all("ivr.flow.understand.languages")
    base = language.replace("_", "-").split("-")[0].lower()
    return LEXICONS.get(base) or Lexicon(base, {}, {})


def words(text: str) -> frozenset[str]:
    """A set of words from a text that lists them, separated by spaces; phrases are separated by commas."""
    separator = "," if "," in text else None
    return frozenset(word.strip() for word in text.split(separator) if word.strip())


def numbered(text: str, first: int, step: int = 1) -> dict[str, int]:
    """A table from a text that lists words in rising order; forms of the same number are joined by /."""
    out: dict[str, int] = {}
    for index, forms in enumerate(text.split()):
        for form in forms.split("/"):
            out[form.replace("_", " ")] = first + index * step
    return out


def currencies(table: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """A table by word from one by the words of a unit: {"peso pesos": "MXN CLP"}."""
    return {word: frozenset(codes.split()) for forms, codes in table.items() for word in forms.split()}


def phrases_in(said: Iterable[str], table: Iterable[str]) -> set[str]:
    """Those phrases of a table that words hold."""
    line = f" {' '.join(said)} "
    return {phrase for phrase in table if f" {phrase} " in line}
