"""Speech models that are decoded under our own grammars, one file each. Imported in worker processes only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Free:
    """What a model hears without a grammar, the log probability of that, and the probability that nobody spoke where
    the model tells it."""

    text: str
    score: float
    silence: float = 0.0


class Model(Protocol):
    """A speech model that writes tokens, one after another. `State` is whatever it needs between two steps."""

    name: str
    end: int
    """The token that ends an utterance."""

    def tokens(self, text: str) -> tuple[int, ...]:
        """The tokens of a piece of text; a leading space is part of the first word."""
        ...

    def encode(self, audio: Floats, kind: str) -> Any:
        """Listen to float32 audio at 16 kHz, -1 to 1. `kind` is the grammar's, "open" without one."""
        ...

    def begin(self, encoded: Any, kind: str, interest: NDArray[np.int64]) -> tuple[Floats, Any]:
        """Log probabilities of the first token, shape (1, len(interest)), and the state. `kind` is the grammar's."""
        ...

    def step(self, state: Any, parents: list[int], tokens: list[int]) -> tuple[Floats, Any]:
        """Continue `parents` (rows of the last step) by a token each: log probabilities of the next, and the state."""
        ...

    def free(self, encoded: Any, limit: int, hints: str = "") -> Free:
        """The best reading without a grammar, at most `limit` tokens. `hints` are words that are likely, for models
        that can be told."""
        ...
