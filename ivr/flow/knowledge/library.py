"""The knowledge base of a set of flows: its articles, and the finder of each language, made when first used."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from ivr.flow.answering import MASKED, on_record
from ivr.flow.knowledge.articles import Article
from ivr.flow.knowledge.finder import Finder, Found
from ivr.flow.understand.lexicon import lexicon

if TYPE_CHECKING:
    from ivr.flow.model import FlowSet

MAX_QUESTION = 200
LONGEST = 10 * MAX_QUESTION
"""Characters that are looked at for addresses: to look at a whole mail's would take hours."""
_FIGURES = re.compile(r"\d(?:[\s.,/()-]*\d){3,}")
_ADDRESS = re.compile(r"\S+@\S+")


class Knowledge:
    """Without articles, nothing is ever found."""

    def __init__(self, flows: FlowSet) -> None:
        self._flows = flows

    def __iter__(self) -> Iterator[Article]:
        for articles in self._flows.articles.values():
            yield from articles.values()

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that have articles."""
        return tuple(sorted(self._flows.articles))

    def get(self, name: str, language: str) -> Article | None:
        """An article in that language or its base (`en` for `en-GB`)."""
        return self._in(language).get(name)

    def prepare(self) -> None:
        """Make the finders of all languages now: publishing does, so that no caller has to wait for it."""
        for language in self.languages:
            self.finder(language)

    def finder(self, language: str) -> Finder:
        key = ("knowledge", language)
        if key not in self._flows.memo:
            self._flows.memo[key] = Finder(list(self._in(language).values()), lexicon(language))
        found: Finder = self._flows.memo[key]
        return found

    def find(
        self,
        words: str,
        language: str,
        day: dt.date,
        *,
        tags: Collection[str] = (),
        queues: Collection[str] = (),
        limit: int = 5,
    ) -> list[Found]:
        """The likeliest articles in a language first; those that hold on `day` (the company's), that have one of the
        tags, and that are for one of the queues or for all. No tags or queues: any."""

        def fits(article: Article) -> bool:
            about = article.about
            return (
                article.holds(day)
                and (not tags or not set(tags).isdisjoint(about.tags))
                and (not queues or not about.queues or not set(queues).isdisjoint(about.queues))
            )

        return self.finder(language).find(words, fits=fits, limit=limit)

    def _in(self, language: str) -> Mapping[str, Article]:
        articles = self._flows.articles
        return articles.get(language) or articles.get(language.split("-")[0]) or {}


def for_the_record(words: str, language: str) -> str:
    """A question as it may be kept and shown to those who write articles: dots for what may be a card's number, for
    other long numbers, and for addresses."""
    plain = _ADDRESS.sub(MASKED, _FIGURES.sub(MASKED, " ".join(words[:LONGEST].split())))
    return on_record(plain, language)[:MAX_QUESTION]
