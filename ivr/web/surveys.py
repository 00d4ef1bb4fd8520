"""The page that a survey's mail leads to. Looking at it writes nothing: mail scanners look at every link. What is sent
from it is kept once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, render_template, request
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter import contacts, surveys
from callcenter.db import reading
from callcenter.tickets import BadTicket
from ivr import messaging
from ivr.assembly import make_tickets
from ivr.published import Published
from ivr.settings import Settings
from ivr.surveys import PURPOSE, TICKET_SECONDS, words

CSP = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; img-src data:"
HEADERS = {
    "Content-Security-Policy": CSP,
    "Referrer-Policy": "no-referrer",  # the address is leave to answer
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}


def blueprint(settings: Settings, engine: Engine, published: Published) -> Blueprint:
    routes = Blueprint("surveys", __name__, template_folder="templates", static_folder="static",
                       static_url_path="/static/survey")  # fmt: skip
    tickets = make_tickets(settings)

    @routes.route("/survey/<ticket>", methods=["GET", "POST"])
    def survey(ticket: str) -> Response:
        try:
            given = tickets.read(ticket, PURPOSE, TICKET_SECONDS)
        except BadTicket:
            return page("over", 410, language=request.accept_languages.best_match(["en", "es"]) or "en")
        kind, language = str(given.data["kind"]), str(given.data["language"])
        least, most = surveys.SCALES[kind]
        asked = request.form if request.method == "POST" else request.args
        score = asked.get("score", type=int)
        chosen = score if score is not None and least <= score <= most else None
        comment = request.form.get("comment", "").strip()[: surveys.LONGEST_COMMENT]
        try:
            if request.method == "POST" and chosen is not None:
                with engine.begin() as conn:
                    if contacts.get(conn, given.subject) is not None:
                        surveys.keep(conn, given.subject, None, kind, chosen, datetime.now(UTC), comment)
                return page("thanks", 200, language=language)
            with reading(engine) as conn:
                if surveys.answered(conn, given.subject, kind):
                    return page("thanks", 200, language=language)
        except SQLAlchemyError:
            return Response("The database doesn't answer. Try again in a moment.\n", 503, content_type="text/plain")
        return page("ask", 200 if request.method == "GET" else 422, language=language, kind=kind,
                    scores=range(least, most + 1), chosen=chosen, comment=comment)  # fmt: skip

    def page(what: str, status: int, *, language: str, **more: Any) -> Response:
        flows = messaging.current(published)
        if flows is not None and language not in flows.company.languages:
            language = flows.default_language
        company = flows.company.name if flows is not None else ""

        def said(id: str) -> str:
            return words(lambda name: flows.text(language, name) if flows is not None else None, id, company=company)

        response = Response(
            render_template("survey.html", what=what, language=language or "en", company=company, said=said, **more),
            status,
        )
        response.headers.update(HEADERS)
        return response

    return routes
