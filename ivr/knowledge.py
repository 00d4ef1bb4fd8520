"""The published flows' articles for the desk and the API: `callcenter.knowledge.Knowledge`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError

from callcenter.knowledge import LISTED, Article, Hit
from ivr.flow.knowledge import articles as files
from ivr.flow.model import FlowSet
from ivr.flow.problems import FlowError
from ivr.published import NothingPublished, Published


class PublishedKnowledge:
    """`flows` gives the published version, `None` where there is none."""

    def __init__(
        self, flows: Callable[[], FlowSet | None], clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._flows = flows
        self._clock = clock

    def articles(self) -> Sequence[Article]:
        flows = self._flows()
        if flows is None:
            return ()
        day = self._day(flows)
        return sorted(
            (_told(one, day) for one in flows.knowledge), key=lambda one: (one.language, one.title.casefold())
        )

    def article(self, name: str, language: str) -> Article | None:
        flows = self._flows()
        found = flows.knowledge.get(name, language) if flows is not None else None
        return _told(found, self._day(flows)) if flows is not None and found is not None else None

    def search(self, words: str, *, language: str = "", queue: str = "", limit: int = 10) -> Sequence[Hit]:
        flows = self._flows()
        if flows is None:
            return ()
        day = self._day(flows)
        queues = [queue] if queue else []
        found = [
            Hit(_told(one.article, day), one.sure, one.nearest)
            for tongue in ([language] if language else flows.knowledge.languages)
            for one in flows.knowledge.find(words, tongue, day, queues=queues, limit=limit)
            if one.sure >= LISTED
        ]
        return sorted(found, key=lambda hit: (-hit.sure, hit.article.title))[:limit]

    def groups(self, language: str, questions: Sequence[str]) -> Sequence[Sequence[int]]:
        flows = self._flows()
        if flows is None:
            return [[place] for place in range(len(questions))]
        return flows.knowledge.finder(language).groups(questions)

    def _day(self, flows: FlowSet) -> date:
        return self._clock().astimezone(ZoneInfo(flows.company.timezone)).date()


def of_published(published: Published) -> PublishedKnowledge:
    """The articles of whatever version answers new calls; the last that was known where the database can't say."""

    def flows() -> FlowSet | None:
        try:
            return published.current()
        except (NothingPublished, FlowError, SQLAlchemyError):
            return published.latest()

    return PublishedKnowledge(flows)


def _told(article: files.Article, day: date) -> Article:
    about = article.about
    return Article(
        article.name,
        article.language,
        about.title,
        about.answer,
        article.text,
        tuple(about.questions),
        tuple(about.tags),
        tuple(about.queues),
        about.from_,
        about.until,
        article.holds(day),
    )
