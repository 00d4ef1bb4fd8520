"""What the page of prompts is given: what callers hear, and recordings of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

Which = Literal["recording", "voice"]
Why = Literal[
    "kind", "no_ffmpeg", "unreadable", "too_long", "too_short", "silent", "too_quiet", "values", "no_voice", "failed"
]


@dataclass(frozen=True, slots=True)
class Recording:
    """A file of the admin's; `at` is when it was changed."""

    name: str
    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class PromptShown:
    """A prompt of the published version in one language. `values`: its text has places for values, so that it is spoken
    and never played. `steps` are (flow, step) that say it, `files` others that name it, `engine` whether the engine
    says it by itself. `earlier` is the recording that was replaced or taken away last: lists leave it out."""

    id: str
    language: str
    text: str
    values: bool
    recording: Recording | None
    earlier: Recording | None
    steps: Sequence[tuple[str, str]] = ()
    files: Sequence[str] = ()
    engine: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording as callers hear it: its length, how loud it was (dBFS of its speech) before it was brought to the
    standard, and whether it is cut off where it is loudest."""

    seconds: float
    decibels: float
    clipped: bool


class SoundRefused(Exception):
    """A sound that can't be made or kept; nothing has changed."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(f"{why}: {detail}" if detail else why)
        self.why, self.detail = why, detail


class Prompts(Protocol):
    """All of it may take a while: never call it in a transaction. KeyError is raised for a prompt that isn't there."""

    def voices(self) -> Mapping[str, str]:
        """The company's languages, the first the default, each with the name of the voice that speaks it ("" for
        none)."""

    def prompts(self, language: str) -> list[PromptShown]:
        """All of a language, by id. Raises KeyError for another language."""

    def prompt(self, language: str, id: str) -> PromptShown: ...

    def writable(self, language: str) -> bool:
        """Whether this server may write recordings."""

    def sound(self, language: str, id: str, which: Which) -> bytes:
        """As a WAV file, 8 kHz, mono, as it sounds on the telephone; values are examples. Raises `SoundRefused`."""

    def keep(self, language: str, id: str, upload: Path) -> Kept:
        """Play this file for the prompt from now on. Raises `SoundRefused` and `callcenter.desk.ports.CannotWrite`."""

    def drop(self, language: str, id: str) -> None:
        """Have the voice speak it from now on. Raises `CannotWrite`."""

    def bring_back(self, language: str, id: str) -> None:
        """Play `earlier` again, and keep the present one as the earlier. Raises `CannotWrite`."""
