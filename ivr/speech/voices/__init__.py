"""Voices: one file per engine, which registers itself.

A voice is used in two places. The core asks whether it is there and what it speaks, which must neither import the
engine nor load a model. A worker process of its own (`python -m ivr.speech.worker NAME`) calls `synthesise`: an
engine's licence, memory and crashes stay out of the core.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import lru_cache
from typing import Protocol


class Voice(Protocol):
    name: str
    rank: int
    """Among voices that speak a language the lowest rank is taken first."""
    install: str
    """How to get the engine: a sentence for an error message."""

    @property
    def version(self) -> str:
        """Changes whenever the sound may change; part of the cache's key."""
        ...

    def languages(self) -> tuple[str, ...]:
        """ISO 639 codes that it can speak on this machine; empty if it isn't installed. Fast, imports no engine."""
        ...

    def synthesise(self, text: str, language: str, speed: float = 1.0) -> bytes:
        """Speak, `speed` times as fast as usual: PCM16 at 8 kHz, mono, at the standard loudness. Blocking; for the
        worker only. Any exception means that this text can't be spoken."""
        ...


EMPHASIS: dict[str, tuple[float, float]] = {"reduced": (1.1, -4.0), "moderate": (0.9, 2.0), "strong": (0.8, 4.0)}
"""How an emphasis sounds, whatever the engine: times the usual speed, and dB."""


def manner(rate: int, emphasis: str) -> tuple[float, float]:
    """A part's rate (percent) and emphasis as speed and gain in dB."""
    speed, gain = EMPHASIS.get(emphasis, (1.0, 0.0))
    return round(speed * rate / 100, 3), gain


_registered: dict[str, Voice] = {}


def register(cls: type[Voice]) -> type[Voice]:
    """Class decorator; the class is made without arguments."""
    voice = cls()
    _registered[voice.name] = voice
    return cls


@lru_cache(maxsize=1)
def _discover() -> None:
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")


def all_voices() -> list[Voice]:
    """Every voice that has a file, installed or not, best first."""
    _discover()
    return sorted(_registered.values(), key=lambda voice: voice.rank)


def speaks(voice: Voice, language: str) -> bool:
    return base(language) in voice.languages()


def base(language: str) -> str:
    """The ISO 639 code of a language tag: es-MX is es."""
    return language.replace("_", "-").split("-")[0].lower()
