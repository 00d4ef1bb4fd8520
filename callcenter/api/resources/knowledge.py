"""The knowledge base: its articles, finding them, and what they were good for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from callcenter.api.models import Out
from callcenter.api.operations import Call, operation
from callcenter.api.paging import Page, PageQuery, paged, read
from callcenter.api.problems import Problem
from callcenter.reports import knowledge as counted

NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""Articles have no time: they are in the order of their languages and names."""
GAPS = 100

Language = Annotated[str, Field(max_length=20, description="en; all languages where it is left out")]


class ArticleOut(Out):
    name: str
    language: str
    title: str
    answer: str = Field(description="the short answer, as it is spoken and texted")
    text: str = Field(description="the whole, in Markdown")
    questions: list[str]
    tags: list[str]
    queues: list[str] = Field(description="the queues that it is for; empty: all")
    since: date | None = Field(description="the first day on which it holds")
    until: date | None = Field(description="the last day on which it holds")
    holds: bool = Field(description="whether today is a day on which it holds")


class HitOut(Out):
    article: ArticleOut
    sure: float = Field(ge=0, le=1, description="how sure it is that the article fits")
    nearest: str = Field(description="the one of its questions that is most like the words")


class HitList(Out):
    items: list[HitOut]


class UseOut(Out):
    article: str
    language: str
    shown: int
    helped: int
    not_helped: int
    inserted: int = Field(description="put into a reply by an agent")


class GapOut(Out):
    language: str
    count: int
    questions: list[str] = Field(description="some of the ways in which it was asked, without figures and addresses")
    at: datetime = Field(description="when it was asked last")


class UseReport(Out):
    articles: list[UseOut]
    unknown: int = Field(description="questions without an answer, in all")
    gaps: list[GapOut] = Field(description="the most frequent of them, much the same ones together")


class ArticleQuery(PageQuery):
    language: Language = ""


class SearchQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    q: Annotated[str, Field(min_length=1, max_length=1000, description="a customer's words")]
    language: Language = ""
    queue: Annotated[str, Field(max_length=100, description="leave out articles for other queues")] = ""
    limit: Annotated[int, Field(ge=1, le=50)] = 10


class UseQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    days: Annotated[int, Field(ge=1, le=366, description="until now")] = 30


@operation("GET", "/knowledge/articles", scope="knowledge:read", query=ArticleQuery, answer=Page[ArticleOut])
def list_articles(call: Call[None, ArticleQuery]) -> Page[ArticleOut]:
    """The published articles, by language and name"""
    after = read(call.query.cursor)
    keyed = sorted((f"{one.language}/{one.name}", one) for one in call.knowledge.articles()
                   if call.query.language in ("", one.language))  # fmt: skip
    found = [one for one in keyed if after is None or one[0] > after[1]]
    shown, cursor = paged(found[: call.query.limit + 1], call.query.limit, lambda one: (NO_TIME, one[0]))
    items = [ArticleOut.model_validate(one, from_attributes=True) for _, one in shown]
    return Page(items=items, next=cursor)


@operation("GET", "/knowledge/articles/{language}/{name}", scope="knowledge:read", answer=ArticleOut, problems=(404,))
def get_article(call: Call[None, None]) -> ArticleOut:
    """An article"""
    found = call.knowledge.article(call.path["name"], call.path["language"])
    if found is None:
        raise Problem(404, "there is no such article")
    return ArticleOut.model_validate(found, from_attributes=True)


@operation("GET", "/knowledge/search", scope="knowledge:read", query=SearchQuery, answer=HitList)
def search_articles(call: Call[None, SearchQuery]) -> HitList:
    """Articles that hold today and may answer a customer's words, the likeliest first"""
    asked = call.query
    hits = call.knowledge.search(asked.q, language=asked.language, queue=asked.queue, limit=asked.limit)
    return HitList(items=[HitOut.model_validate(hit, from_attributes=True) for hit in hits])


@operation("GET", "/knowledge/use", scope="knowledge:read", query=UseQuery, answer=UseReport)
def get_knowledge_use(call: Call[None, UseQuery]) -> UseReport:
    """Which articles helped, and the questions that nobody could answer"""
    report = counted.read(call.conn, call.now - timedelta(days=call.query.days), call.now, call.knowledge)
    return UseReport(
        articles=[UseOut.model_validate(one, from_attributes=True) for one in report.uses],
        unknown=report.unknown,
        gaps=[GapOut.model_validate(one, from_attributes=True) for one in report.gaps[:GAPS]],
    )
