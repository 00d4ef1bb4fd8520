"""Names out of a known list, of hundreds perhaps: exactly, by letters, by sound, and with a margin to the next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from rapidfuzz import fuzz, process

from ivr.flow.understand.lexicon import Lexicon
from ivr.flow.understand.tokens import tokens

MAX_WORDS: Final = 16
MARGIN: Final = 8.0
"""Points of similarity, of 100, by which a name must be ahead of the next one to be taken for sure."""
FLOOR: Final = 72.0
"""Points below which a name isn't meant."""
SHORT: Final = 4
SHORT_FLOOR: Final = 80.0
"""The same for names of so few letters: bill is not kill."""
SOUND: Final = 0.97
"""What likeness of sound counts for beside likeness of letters."""


@dataclass(frozen=True, slots=True)
class Name:
    """A name that was meant, and how surely: 0 to 1."""

    value: str
    sure: float


class Names:
    """A list to choose from: each value with all its spellings, itself included."""

    def __init__(self, spellings: Mapping[str, Sequence[str]], lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self._owners: list[str] = []
        self._written: list[str] = []
        for value, others in spellings.items():
            for spelling in dict.fromkeys(" ".join(tokens(text)) for text in (value, *others)):
                if spelling:
                    self._owners.append(value)
                    self._written.append(spelling)
        self._exact: dict[str, set[str]] = {}
        for value, spelling in zip(self._owners, self._written, strict=True):
            self._exact.setdefault(spelling, set()).add(value)
        self._longest = max((len(spelling.split()) for spelling in self._written), default=1)

    @cached_property
    def _sounds(self) -> list[str]:
        return [self.lexicon.sound(spelling) for spelling in self._written]

    def find(self, text: str) -> list[Name]:
        """The names that a text may mean, the likeliest first; none if it is about something else."""
        words = list(tokens(text)[:MAX_WORDS])
        said = " ".join(words)
        plain = self.lexicon.plain(text)
        for whole in (said, plain):
            if whole in self._exact:
                return [Name(value, 1.0) for value in sorted(self._exact[whole])]
        held = self._held(words)
        if held:
            return [Name(value, 0.95 if len(held) == 1 else 0.5) for value in held]
        return self._alike(plain.split())

    def _held(self, words: Sequence[str]) -> list[str]:
        """Names that stand in the words as they are written; of names within each other, the longer ones."""
        found: dict[str, str] = {}
        line = f" {' '.join(words)} "
        for spelling, values in self._exact.items():
            if f" {spelling} " in line:
                found.update(dict.fromkeys(values, spelling))
        outer = [value for value, spelling in found.items() if not self._within(spelling, found.values())]
        return sorted(outer)

    def _within(self, spelling: str, others: Iterable[str]) -> bool:
        return any(f" {spelling} " in f" {other} " and other != spelling for other in others)

    def _alike(self, words: Sequence[str]) -> list[Name]:
        best: dict[str, float] = {}
        for window in self._windows(words):
            sound = self.lexicon.sound(window)
            for choices, said, weight in ((self._written, window, 1.0), (self._sounds, sound, SOUND)):
                cutoff = (FLOOR if len(window) > SHORT else SHORT_FLOOR) / weight
                # A window may leave words out, but then it explains less of what was said.
                share = 1.0 if len(window.split()) == len(words) else 0.93
                # Short sounds are alike by chance.
                if choices is self._sounds and len(sound) < 4:
                    continue
                for _, score, index in process.extract(said, choices, scorer=fuzz.ratio, score_cutoff=cutoff, limit=5):
                    owner = self._owners[index]
                    best[owner] = max(best.get(owner, 0.0), score * weight * share)
        ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))[:5]
        out = []
        for place, (value, score) in enumerate(ranked):
            if score < FLOOR:
                break
            behind = ranked[place + 1][1] if place + 1 < len(ranked) else 0.0
            clear = place == 0 and score - behind >= MARGIN
            sure = (score - FLOOR) / (100 - FLOOR) * 0.5 + 0.5
            out.append(Name(value, round(sure if clear else min(sure, 0.6) - 0.02 * place, 3)))
        return out

    def _windows(self, words: Sequence[str]) -> list[str]:
        found = {
            " ".join(words[start : start + size])
            for size in range(1, min(len(words), self._longest + 1) + 1)
            for start in range(len(words) - size + 1)
        }
        # One spoken word may be several written ones, and the other way round.
        return sorted(window for window in (*found, " ".join(words)) if len(window) > 2)
