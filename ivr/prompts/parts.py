"""What a prompt is made of, once its slots are filled: the neutral form between a flow and every channel.

A flow says `Prompt`s. A voice channel speaks `spoken(prompt)`, a text channel sends `written(prompt)`; both live
beside this file. Pure data, JSON-serialisable through `to_json` and `from_json`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal[
    "text",
    "digits",
    "characters",
    "number",
    "ordinal",
    "money",
    "date",
    "time",
    "datetime",
    "day",
    "hours",
    "duration",
    "phone",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The kinds of values; a part may also be a `break`, a silence."""
Emphasis = Literal["", "reduced", "moderate", "strong"]


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a prompt.

    `kind` is how to say `value`:
    text (literal words), break (`value` seconds of silence, nothing in writing), digits ("4 2 7"), characters
    (letters and digits one by one), number (an integer or decimal), ordinal ("third"), money (`value` in
    minor units, `currency` an ISO 4217 code), date ("2026-11-22"), time ("14:05"), datetime
    ("2026-11-22T14:05"), day (a date's weekday), hours
    ("08:00-12:00,13:00-18:00", opening hours), duration (whole seconds), phone (E.164, said in groups).
    `rate` is how fast a voice says it, in percent of its usual speed, and `emphasis` how strongly
    (`ivr.prompts.ssml`); in writing neither shows.
    """

    kind: Kind | Literal["break"]
    value: str | int | float
    currency: str = ""
    rate: int = 100
    emphasis: Emphasis = ""

    @property
    def manner(self) -> tuple[int, Emphasis]:
        return self.rate, self.emphasis

    def to_json(self) -> list[Any]:
        if self.manner != (100, ""):
            return [self.kind, self.value, self.currency, self.rate, self.emphasis]
        return [self.kind, self.value, self.currency] if self.currency else [self.kind, self.value]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt in one language. `id` is its name in the catalogue ("" for plain text in a flow); a recording
    filed under that name is played instead of the voice where every part is text."""

    parts: tuple[Part, ...]
    language: str
    id: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "language": self.language, "parts": [part.to_json() for part in self.parts]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Prompt:
        return cls(tuple(Part(*part) for part in data["parts"]), data["language"], data["id"])
