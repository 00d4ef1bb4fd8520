"""What the chat does over HTTP: tickets to connect with, and files. `pages` has what browsers load."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, make_response, request, send_file
from werkzeug.exceptions import BadRequest, Forbidden, NotFound, RequestEntityTooLarge

from callcenter import files
from callcenter.db import reading
from callcenter.files import LIMITS
from callcenter.messages.chat import visitor_topic
from callcenter.messages.inbound import Inbound, InboundFile
from ivr.channels.chat import identity, links, proving, visitors
from ivr.channels.chat.site import Site
from ivr.channels.chat.thread import CHANNEL
from ivr.channels.chat.tokens import BadToken
from ivr.live import origins
from ivr.settings import Settings

log = structlog.get_logger("callwright.chat")

CLIENT_ID = re.compile(r"[0-9A-Za-z-]{8,64}")
FORM_OVERHEAD = 64 * 1024
"""Bytes of an upload beside its file."""
INLINE = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
"""What is shown with its own type; everything else is only handed over."""


def blueprint(site: Site) -> Blueprint:
    routes = Blueprint("chat", __name__)
    settings = site.settings

    @routes.after_request
    def across(response: Response) -> Response:
        """Pages of the company's sites may read the answers (CORS; https://fetch.spec.whatwg.org/)."""
        response.headers["Vary"] = "Origin"
        if (origin := _origin()) in site.origins:
            response.headers["Access-Control-Allow-Origin"] = origin
        return response

    def preflight() -> Response:
        response = make_response("", 204)
        response.headers["Access-Control-Allow-Methods"] = "POST"
        response.headers["Access-Control-Allow-Headers"] = "Content-Type, Authorization"
        response.headers["Access-Control-Max-Age"] = "7200"
        return response

    def from_a_site_of_ours() -> str:
        """The page's origin. Raises Forbidden for another site's."""
        origin = _origin()
        if origin not in site.origins:
            log.info("another site's page is refused", origin=request.headers.get("Origin", "")[:100])
            raise Forbidden
        return origin

    @routes.route("/chat/ticket", methods=["POST", "OPTIONS"])
    def ticket() -> Response:
        """Leave to connect, for the visitor whom the browser remembers or a new one."""
        if request.method == "OPTIONS":
            return preflight()
        origin = from_a_site_of_ours()
        site.count("ticket")
        try:
            given = request.get_json(silent=True)
        except RecursionError:
            given = None
        if not isinstance(given, dict):
            raise BadRequest
        visitor = visitors.remembered(site.tickets, str(given.get("visitor") or ""))
        if token := given.get("token"):
            visitor = _signed_in(site, visitor, str(token))
        opening = None
        if link := given.get("link"):
            opening = links.open_link(site, visitor, str(link), origin)
            visitor = opening.visitor
        flows = site.flows()
        answer = jsonify(
            visitor=visitors.token(site.tickets, visitor),
            ticket=visitors.ticket(site.tickets, visitor, site=origin, network=site.network()),
            url=f"{settings.live_base_url}/chat",
            company=flows.company.name if flows is not None else "",
            open=site.is_open(flows),
            codes=proving.available(settings),
            largest=LIMITS.size,
            link=opening.state if opening is not None else "",
        )
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @routes.route("/chat/files", methods=["POST", "OPTIONS"])
    def upload() -> Response:
        """A file that a visitor sends: a message of its own."""
        if request.method == "OPTIONS":
            return preflight()
        request.max_content_length = LIMITS.size + FORM_OVERHEAD
        origin = from_a_site_of_ours()
        visitor = site.visitor(request.headers.get("Authorization", "").removeprefix("Bearer "))
        site.count("file", visitor)
        given, client = request.files.get("file"), request.form.get("id", "")
        if given is None or not CLIENT_ID.fullmatch(client):
            raise BadRequest
        name, media_type, data = given.filename or "file", given.mimetype, given.read(LIMITS.size + 1)
        if why := files.refusal(name, media_type, len(data), LIMITS):
            if why == "too_large":
                raise RequestEntityTooLarge
            return make_response(jsonify(error=why), 422)
        file = InboundFile(name, media_type, data)
        inbound = Inbound(CHANNEL, visitor, origin, "", f"{visitor}:{client}", files=(file,))
        received = site.conversations.take(inbound, wait=False)
        site.publish(visitor_topic(visitor), "message", {"id": received.message_id, "direction": "in"})
        return jsonify(message=received.message_id)

    @routes.get("/chat/files/<file_id>")
    def download(file_id: str) -> Response:
        """A file of a visitor's thread, by the ticket in its link."""
        if not visitors.may_fetch(site.tickets, request.args.get("ticket", ""), file_id):
            raise Forbidden
        with reading(site.runner.engine) as conn:
            row: Any = files.get(conn, file_id)
        if row is None or not _is_ours(settings, Path(row.path)):
            raise NotFound
        shown = row.media_type in INLINE
        response = send_file(
            row.path,
            mimetype=row.media_type if shown else "application/octet-stream",
            as_attachment=True,
            download_name=row.name,
            etag=row.sha256,
            max_age=3600,
        )
        response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.cache_control.private = True
        return response

    return routes


def _signed_in(site: Site, visitor: str, token: str) -> str:
    """The visitor, known now as the customer that the login's token names; another one where the browser was another
    customer's. Raises Forbidden."""
    if site.login is None:
        raise Forbidden
    try:
        claims = site.login.read(token)
    except BadToken as error:
        log.info("a login's token is refused", why=str(error))
        raise Forbidden from None
    flows = site.flows()
    region = flows.company.country if flows is not None else ""
    now = site.runner.now()
    with site.runner.engine.begin() as conn:
        before = identity.bound_to(conn, visitor)
        proven = identity.by_login(conn, visitor, claims, now, region)
    if proven.customer and proven.customer != before:
        site.publish(visitor_topic(proven.visitor), "identified", {})
    return proven.visitor


def _origin() -> str:
    try:
        return origins.normal(request.headers.get("Origin") or request.host_url)
    except ValueError:
        return ""


def _is_ours(settings: Settings, path: Path) -> bool:
    """Whether a stored path is where we keep files."""
    return path.resolve().is_relative_to(settings.files_dir.resolve()) and path.is_file()
