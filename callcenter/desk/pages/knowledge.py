"""The knowledge base: searching and reading articles, those suggested beside a conversation, and what they were good
for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from flask import Response
from werkzeug.exceptions import NotFound

from callcenter import contacts, customers, events
from callcenter.db import reading
from callcenter.desk.markdown import rendered
from callcenter.desk.routing import link, page
from callcenter.desk.suggesting import last_words, suggested
from callcenter.desk.visit import Visit
from callcenter.reports import knowledge as counted

link(25, "knowledge", "Knowledge", icon="book", needs="knowledge.read", key="b")

MOST: Final = 20
LISTED: Final = 500
LONGEST: Final = 500
PERIODS: Final = (7, 30, 90)
GAPS: Final = 100


@page("/knowledge", needs="knowledge.read")
def knowledge(visit: Visit) -> Response:
    words, language = visit.arg("q", LONGEST).strip(), visit.arg("language", 20)
    known = visit.desk.knowledge
    articles = known.articles()
    return visit.render(
        "knowledge.html",
        q=words,
        language=language,
        languages=sorted({one.language for one in articles}),
        found=known.search(words, language=language, limit=MOST) if words else None,
        articles=[one for one in articles if language in ("", one.language)][:LISTED],
    )


@page("/knowledge/<language>/<name>", needs="knowledge.read")
def article(visit: Visit, language: str, name: str) -> Response:
    found = visit.desk.knowledge.article(name, language)
    if found is None:
        raise NotFound
    others = [one for one in visit.desk.knowledge.articles() if one.name == name and one.language != found.language]
    return visit.render("article.html", article=found, text=rendered(found.text), others=others)


@page("/contacts/<contact_id>/knowledge", needs="inbox.read")
def contact_knowledge(visit: Visit, contact_id: str) -> Response:
    """The part of a conversation's page: by `q`, else by what the customer said last."""
    found = contacts.get(visit.conn, contact_id)
    if found is None:
        raise NotFound
    return visit.render("parts/knowledge.html", contact=found, **beside(visit, found, visit.arg("q", LONGEST).strip()))


@page("/contacts/<contact_id>/knowledge/<language>/<name>", needs="inbox.write", method="POST")
def inserted(visit: Visit, contact_id: str, language: str, name: str) -> Response:
    """An agent put the article's short answer into a reply."""
    known = visit.desk.knowledge.article(name, language)
    if contacts.get(visit.conn, contact_id) is None or known is None:
        raise NotFound
    told = {"article": known.name, "language": known.language, "by": visit.user.by}
    events.record(visit.conn, contact_id, None, "answer_inserted", told, visit.now)
    return Response(status=204)


@page("/knowledge/use", needs="reports.read", transaction="own")
def knowledge_use(visit: Visit) -> Response:
    asked = visit.arg("days", 4)
    days = int(asked) if asked in map(str, PERIODS) else PERIODS[1]
    titles = {(one.name, one.language): one.title for one in visit.desk.knowledge.articles()}
    with reading(visit.desk.engine) as conn:
        report = counted.read(conn, visit.now - timedelta(days=days), visit.now, visit.desk.knowledge)
    unused = [one for one in visit.desk.knowledge.articles() if (one.name, one.language) not in
              {(use.article, use.language) for use in report.uses}]  # fmt: skip
    return visit.render(
        "knowledge_use.html", report=report, gaps=report.gaps[:GAPS], titles=titles, unused=unused, days=days,
        periods=PERIODS,
    )  # fmt: skip


def beside(visit: Visit, contact: Any, words: str = "") -> dict[str, Any]:
    """What parts/knowledge.html shows beside a contact."""
    known = visit.desk.knowledge
    if words:
        return {"hits": known.search(words, limit=MOST), "looked_for": words, "has_articles": True}
    language = contact.language or ""
    if not language and contact.customer_id:
        person = customers.get(visit.conn, contact.customer_id)
        language = (person.language if person else "") or ""
    hits = suggested(known, last_words(visit.conn, contact.id), language)
    return {"hits": hits, "looked_for": "", "has_articles": bool(hits) or bool(known.articles())}
