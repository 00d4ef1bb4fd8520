"""The front page: what runs here and how to reach it. Nothing about callers: they are behind the desk's login."""

from __future__ import annotations

from flask import Blueprint, Response, render_template
from sqlalchemy.exc import SQLAlchemyError

from ivr.flow.model import FlowSet
from ivr.published import NothingPublished, Published
from ivr.settings import Settings

CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def blueprint(settings: Settings, published: Published) -> Blueprint:
    routes = Blueprint("pages", __name__, template_folder="templates", static_folder="static")

    @routes.get("/")
    def index() -> Response:
        flows: FlowSet | None = None
        trouble = ""
        try:
            flows = published.current()
        except NothingPublished as error:
            trouble = str(error)
        except SQLAlchemyError:
            trouble = "the database can't be reached"
        sip_host = settings.sip_public_host or settings.sip_host
        page = render_template(
            "index.html",
            flows=flows,
            trouble=trouble,
            sip=f"sip:{sip_host}:{settings.sip_port}",
            webhook=f"{settings.base_url}/twilio/voice",
            twilio=bool(settings.twilio_auth_token),
        )
        response = Response(page)
        response.headers["Content-Security-Policy"] = CSP
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes
