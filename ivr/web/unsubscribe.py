"""The page that a mail's List-Unsubscribe leads to (RFC 8058). Looking at it changes nothing, as scanners look at every
link; what a mail program or a person sends from it stops the mails, without a cookie, a question or a redirect."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response, render_template, request
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter.db import reading
from callcenter.mail import unsubscribing
from callcenter.tickets import BadTicket
from ivr import messaging
from ivr.assembly import make_tickets
from ivr.published import Published
from ivr.settings import Settings
from ivr.web.surveys import HEADERS

WORDS = {
    "en": {
        "title": "Email from {company}",
        "ask": "Stop all reminders and notices by email? You will still get answers to what you write.",
        "stop": "Stop this email",
        "done": "You will get no more reminders or notices by email. To get them again, email us the word START.",
        "over": "This link is no longer valid. Please send us an email with the subject “unsubscribe”.",
    },
    "es": {
        "title": "Correos de {company}",
        "ask": "¿No desea más recordatorios ni avisos por correo? Las respuestas a lo que escriba seguirán llegando.",
        "stop": "No recibir más correos",
        "done": "Ya no recibirá recordatorios ni avisos por correo. Escríbanos START para volver a recibirlos.",
        "over": "Este enlace ya no vale. Escríbanos un correo con el asunto «unsubscribe».",
    },
}


def blueprint(settings: Settings, engine: Engine, published: Published) -> Blueprint:
    routes = Blueprint("unsubscribe", __name__, template_folder="templates")
    tickets = make_tickets(settings)

    @routes.route("/unsubscribe/<ticket>", methods=["GET", "POST"])
    def unsubscribe(ticket: str) -> Response:
        try:
            message_id = tickets.read(ticket, unsubscribing.PURPOSE, unsubscribing.SECONDS).subject
        except BadTicket:
            return page("over", 410)
        try:
            with reading(engine) if request.method == "GET" else engine.begin() as conn:
                message = unsubscribing.find(conn, message_id)
                if message is None:
                    return page("over", 410)
                if request.method == "POST":
                    unsubscribing.stop(conn, message, datetime.now(UTC))
                done = unsubscribing.stopped(conn, message)
        except SQLAlchemyError:
            return Response("The database doesn't answer. Try again in a moment.\n", 503, content_type="text/plain")
        return page("done" if done else "ask", 200)

    def page(what: str, status: int) -> Response:
        flows = messaging.current(published)
        language = request.accept_languages.best_match(WORDS) or "en"
        company = flows.company.name if flows is not None else "Callwright"
        words = {name: text.replace("{company}", company) for name, text in WORDS[language].items()}
        response = Response(render_template("unsubscribe.html", what=what, words=words, language=language), status)
        response.headers.update(HEADERS)
        response.vary.add("Accept-Language")
        return response

    return routes
