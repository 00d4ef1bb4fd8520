"""The knowledge base as the desk and the API see it: articles of the published flows, and finding them. What reads the
files and finds is the voice engine's (`ivr.knowledge`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Protocol

SUGGESTED: Final = 0.25
"""How sure (0 to 1) an article must be to be suggested to an agent, who can tell better than a caller what fits."""
LISTED: Final = 0.05
"""And to be in the result of a search."""


@dataclass(frozen=True, slots=True)
class Article:
    """One article in one language. `text` is Markdown; `since` and `until` are the first and last day on which it
    holds, and `holds` whether today is one. No `queues`: for all."""

    name: str
    language: str
    title: str
    answer: str
    text: str = ""
    questions: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    since: date | None = None
    until: date | None = None
    holds: bool = True


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that was found: how sure it is that it fits (0 to 1), and the `nearest` of its questions."""

    article: Article
    sure: float
    nearest: str


class Knowledge(Protocol):
    """The articles of the published version; none where nothing is published."""

    def articles(self) -> Sequence[Article]:
        """All of them, by language and title, also those that don't hold today."""

    def article(self, name: str, language: str) -> Article | None:
        """One of them, whether it holds today or not."""

    def search(self, words: str, *, language: str = "", queue: str = "", limit: int = 10) -> Sequence[Hit]:
        """Those that hold today, the likeliest first; in one language, or in all; for one queue, or for any."""

    def groups(self, language: str, questions: Sequence[str]) -> Sequence[Sequence[int]]:
        """Questions that are much alike together, as places in `questions`: the largest group first."""


class NoKnowledge:
    """Where nobody has given any."""

    def articles(self) -> Sequence[Article]:
        return ()

    def article(self, name: str, language: str) -> Article | None:
        return None

    def search(self, words: str, *, language: str = "", queue: str = "", limit: int = 10) -> Sequence[Hit]:
        return ()

    def groups(self, language: str, questions: Sequence[str]) -> Sequence[Sequence[int]]:
        return [[place] for place in range(len(questions))]


NONE: Final = NoKnowledge()
