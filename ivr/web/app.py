"""The Flask application. Made before gunicorn forks its workers, so that all of them share the key of the vault."""

from __future__ import annotations

import uuid

import structlog
from flask import Flask, Response
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from callcenter.api import blueprint as api
from callcenter.attributes import NONE, AttributeProblem, Schema
from ivr.assembly import LazyQueueing, make_conversations, make_runner
from ivr.channels.chat import pages as chat_pages
from ivr.channels.chat import routes as chat
from ivr.channels.chat.site import Site
from ivr.channels.messaging import http as http_messages
from ivr.channels.twilio import messages as twilio_messages
from ivr.channels.twilio import wiring as twilio_calls
from ivr.channels.twilio.fallback import Fallback
from ivr.channels.twilio.twiml import Fold, voices
from ivr.channels.twilio.waiting import Waiting
from ivr.flow.model import FlowSet
from ivr.knowledge import of_published
from ivr.published import NothingPublished, Published
from ivr.queue_config import LazyQueues
from ivr.runner import Runner
from ivr.settings import Settings
from ivr.web import audio, health, pages, surveys, unsubscribe
from ivr.web.desk import make_desk

log = structlog.get_logger("callwright.web")

MAX_BODY = 64 * 1024
"""Bytes of a request; Twilio's are about one kilobyte."""


def create_app(settings: Settings, runner: Runner | None = None, *, waiting: Waiting | None = None) -> Flask:
    """The application for these settings, on a runner of its own unless one is given; `waiting` is what callers on
    Twilio who wait are told by, the queues unless it is given.

    The database need not be up: until it is, callers hear an apology and are tried again. Raises ValueError for
    settings that can't be used.
    """
    runner = runner or make_runner(settings)
    engine, published = runner.engine, runner.published
    fallback = Fallback(settings, _published(published))
    company, schema = _of(fallback.flows)

    recordings = audio.Recordings(settings)
    fold = Fold(
        settings.base_url,
        voices(settings.twilio_voices),
        settings.twilio_speech,
        uuid.uuid4().hex[:8],
        audio.Urls(recordings, settings.base_url),
        f"{settings.base_url}/audio/{audio.MUSIC}.wav",
    )
    queueing = LazyQueueing(settings, runner)
    calls = twilio_calls.blueprints(settings, runner, fold, fallback, queueing, waiting or Waiting(queueing))
    conversations = make_conversations(settings, runner)
    site = Site(settings, runner, conversations)
    queues = LazyQueues(settings, published)
    engine.dispose()  # workers open connections of their own

    app = Flask("ivr.web")
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY, MAX_FORM_MEMORY_SIZE=MAX_BODY, MAX_FORM_PARTS=200)
    app.extensions.update(callwright=runner, conversations=conversations)
    for routes in (
        *calls,
        twilio_messages.blueprint(settings, conversations),
        http_messages.blueprint(settings, conversations),
        chat.blueprint(site),
        chat_pages.blueprint(site),
        health.blueprint(settings, engine, published),
        audio.blueprint(recordings),
        api(engine, schema=schema, region=company, queues=queues, knowledge=of_published(published)),
        make_desk(settings, engine, published, schema, queues, conversations),
        pages.blueprint(settings, published),
        surveys.blueprint(settings, engine, published),
        unsubscribe.blueprint(settings, engine, published),
    ):
        app.register_blueprint(routes)
    if settings.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=0)  # type: ignore[method-assign]

    @app.errorhandler(Exception)
    def failed(error: Exception) -> tuple[str, int] | Response:
        if isinstance(error, HTTPException):
            return f"{error.name}\n", error.code or 500
        log.exception("a request failed", error=type(error).__name__)
        return "Internal Server Error\n", 500

    @app.after_request
    def headers(response: Response) -> Response:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    return app


def _published(published: Published) -> FlowSet | None:
    try:
        return published.current()
    except (NothingPublished, SQLAlchemyError) as error:
        log.warning("no flows can be loaded yet", error=type(error).__name__)
        return None


def _of(flows: FlowSet | None) -> tuple[str, Schema]:
    """The company's country and the schema of its customers' attributes, `flows/customer.yaml`."""
    if flows is None:
        return "", NONE
    try:
        return flows.company.country, Schema.from_data(flows.files.get("customer") or {})
    except AttributeProblem as error:
        log.warning("customer.yaml is not used", why=str(error))
        return flows.company.country, NONE
