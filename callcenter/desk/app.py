"""The Flask blueprint under /desk: who is it, may they, is the request theirs; then the page, in one transaction with
its lines in the audit log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from flask import Blueprint, Response, jsonify, request
from itsdangerous import BadData
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, TooManyRequests, Unauthorized

from callcenter.attributes import NONE, Schema
from callcenter.db import reading
from callcenter.desk import csrf, headers, sessions
from callcenter.desk.calling import Switchboard
from callcenter.desk.core import Desk
from callcenter.desk.hours_port import Hours
from callcenter.desk.permissions import PUBLIC, SECOND_FACTOR, allows
from callcenter.desk.ports import Config, Flows, Messaging
from callcenter.desk.prompts_port import Prompts
from callcenter.desk.routing import Page, all_pages
from callcenter.desk.secret import new_token
from callcenter.desk.sessions import Session
from callcenter.desk.visit import Refused, Visit, local_path
from callcenter.desk.words import LANGUAGES
from callcenter.knowledge import NONE as NO_KNOWLEDGE
from callcenter.knowledge import Knowledge

logger = logging.getLogger(__name__)

PREFIX = "/desk"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
LONGEST_COOKIE = 100


def blueprint(
    engine: Engine,
    config: Config,
    flows: Flows,
    messaging: Messaging,
    *,
    schema: Schema = NONE,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    switchboard: Switchboard | None = None,
    hours: Hours | None = None,
    prompts: Prompts | None = None,
    knowledge: Knowledge = NO_KNOWLEDGE,
) -> Blueprint:
    """The desk on a database. `schema` is that of the customers' attributes; without a `switchboard` nobody takes
    calls here, and without `hours` or `prompts` there is no such page."""
    desk = Desk(engine, config, flows, messaging, schema, clock, switchboard, hours, prompts, knowledge)
    csp = headers.policy(config.live_url)
    routes = Blueprint("desk", __name__, url_prefix=PREFIX)

    def view(page: Page) -> Callable[..., Response]:
        def serve(**path: str) -> Response:
            visit = _visit(desk)
            try:
                try:
                    response = _served(desk, page, visit, path)
                except Refused as error:
                    response = _refused(visit, error)
            except Exception as error:
                response = _failed(visit, error)
            return _finished(desk, visit, response)

        return serve

    for page in all_pages():
        routes.add_url_rule(page.rule, page.name, view(page), methods=[page.method], provide_automatic_options=False)

    @routes.route("/<path:rest>", methods=METHODS, provide_automatic_options=False)
    def nothing(rest: str) -> Response:
        """What no page is, and what a page doesn't do."""
        visit = _visit(desk)
        return _finished(desk, visit, _failed(visit, NotFound()))

    @routes.after_request
    def secure(response: Response) -> Response:
        return headers.put(response, csp=csp, secure=desk.secure)

    return routes


def cookie_name(name: str, *, secure: bool) -> str:
    """With TLS the name says that it came over TLS from this host alone (RFC 6265bis, 4.1.3)."""
    return f"__Host-cw_{name}" if secure else f"cw_{name}"


def _visit(desk: Desk) -> Visit:
    def cookie(name: str) -> str:
        value = request.cookies.get(cookie_name(name, secure=desk.secure), "")
        return value if value.isascii() and len(value) <= (2000 if name == "notice" else LONGEST_COOKIE) else ""

    now = desk.clock()
    session: Session | None = None
    fresh: Session | None = None
    if token := cookie("session"):
        with reading(desk.engine) as conn:
            session = sessions.find(conn, token, desk.config.life, now)
            if session is not None and session.renew and request.method == "GET" and not _wants_json():
                fresh = session
    if fresh is not None:  # before the page is made: its forms belong to the new token
        with desk.engine.begin() as conn:
            session = sessions.renew(conn, fresh, now)
    language = session.user.preferences["language"] if session else ""
    browser = cookie("browser")
    visit = Visit(
        desk=desk,
        now=now,
        session=session,
        address=request.remote_addr or "",
        words=desk.words(language or request.accept_languages.best_match(list(LANGUAGES)) or "en"),
        csrf=csrf.token(desk.config.key, session.token if session else browser),
        browser_token=browser,
    )
    if session is not None and fresh is not None:
        visit.use(session)
    if not browser:  # the forms before signing in need something to belong to
        visit.browser_token = new_token()
        visit.set_cookie("browser", visit.browser_token, max_age=int(sessions.DEVICE.total_seconds()))
        if session is None:
            visit.csrf = csrf.token(desk.config.key, visit.browser_token)
    if notice := cookie("notice"):
        try:
            kind, text = desk.notices.loads(notice, max_age=60)
            visit.notice = (kind, text)
        except BadData:
            logger.warning("a notice that isn't ours")
    return visit


def _served(desk: Desk, page: Page, visit: Visit, path: dict[str, str]) -> Response:
    request.max_content_length = page.largest
    if not all(value.isprintable() for value in path.values()):
        raise NotFound
    turned_away = _guard(desk, page, visit)
    if turned_away is not None:
        return turned_away
    if page.method != "GET" and (why := csrf.fault(request, visit.csrf, desk.config.base_url)):
        logger.warning("refused: %s %s: %s", page.method, request.path, why)
        if page.needs == PUBLIC:
            raise Refused(visit.t("The page was too old. Please try again."))
        raise Forbidden(visit.t("This request didn't come from a page of ours, or the page is too old: load it again."))
    if page.transaction == "write":
        with desk.engine.begin() as conn:
            visit._conn = conn
            response = page.view(visit, **path)
            visit.write(conn)
        for do in visit.after:
            do()
        return response
    if page.transaction == "own":
        return page.view(visit, **path)
    with reading(desk.engine) as conn:
        visit._conn = conn
        return page.view(visit, **path)


def _guard(desk: Desk, page: Page, visit: Visit) -> Response | None:
    """Where to instead, for who may not see the page yet. Raises Forbidden and Unauthorized."""
    if page.needs == PUBLIC:
        return None
    session = visit.session
    if session is None:
        if page.method == "GET" and not request.is_json and request.accept_mimetypes.accept_html:
            ask = local_path(request.path)
            return visit.go("login", **({"next": ask} if ask and ask != "/desk/" else {}))
        raise Unauthorized(visit.t("Please sign in."))
    if session.stage == "second_factor":
        return None if page.needs == SECOND_FACTOR else visit.go("code")
    if page.needs == SECOND_FACTOR:
        return visit.go("home")
    if not allows(session.user.role, page.needs):
        visit.log("refused", f"page:{page.name}", needs=page.needs)
        raise Forbidden(visit.t("Your role doesn't allow this."))
    return None


def _refused(visit: Visit, error: Refused) -> Response:
    if _wants_json():
        answer = jsonify(error=str(error))
        answer.status_code = 422
        return answer
    return visit.go_to(visit.back(), fault=str(error))


def _failed(visit: Visit, error: Exception) -> Response:
    """An error's page, or its JSON where a script asked."""
    if isinstance(error, HTTPException):
        status, words = error.code or 500, error.description or ""
        if error.response is not None:
            return error.response  # type: ignore[return-value]
    elif isinstance(error, OperationalError):
        logger.error("the database failed: %s", type(error.orig).__name__)
        status, words = 503, visit.t("The database doesn't answer. Try again in a moment.")
    else:
        logger.exception("a page failed")
        status, words = 500, visit.t("This is our fault. It was noted.")
    known = {
        403: visit.t("You can't do this"),
        404: visit.t("There is nothing here"),
        413: visit.t("That is too large"),
        429: visit.t("Too many attempts"),
    }
    own = isinstance(error, (Forbidden, TooManyRequests, Unauthorized)) or status >= 500
    title = known.get(status, visit.t("That didn't work"))
    if _wants_json():
        answer = jsonify(error=words if own else title)
        answer.status_code = status
        return answer
    # What a library says about a bad request is English and for programmers.
    return visit.render("error.html", status, title=title, text=words if own else "")


def _finished(desk: Desk, visit: Visit, response: Response) -> Response:
    """What is written after a page that only reads, and cookies. No page leaves without its line in the audit log."""
    session = visit.session
    due = session is not None and visit.now - session.seen_at > sessions.TOUCH
    if visit.entries or due:
        try:
            with desk.engine.begin() as conn:
                visit.write(conn)
                if session is not None and due:
                    sessions.touch(conn, session, visit.now)
        except OperationalError as error:
            logger.error("the database failed: %s", type(error.orig).__name__)
            if visit.entries:
                return Response("The database doesn't answer.\n", 503, content_type="text/plain")
    if visit.notice is not None and response.status_code == 200 and response.mimetype == "text/html":
        visit.set_cookie("notice", "", max_age=0)
    if response.cache_control.public:
        return response
    for name, value, options in visit.cookies:
        response.set_cookie(
            cookie_name(name, secure=desk.secure), value, secure=desk.secure, httponly=True, path="/", **options
        )
    return response


def _wants_json() -> bool:
    return request.is_json or request.accept_mimetypes.best == "application/json"
