"""The Flask blueprint: authenticate, limit, validate, run in one transaction, answer."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import redis
from flask import Blueprint, Response, request, send_file
from limits import parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter
from pydantic import BaseModel, ValidationError
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException

from callcenter.api import idempotency, keys, openapi, problems
from callcenter.api.operations import Call, Download, Operation, all_operations
from callcenter.api.problems import Problem
from callcenter.attributes import NONE, Schema
from callcenter.db import reading
from callcenter.knowledge import NONE as NO_KNOWLEDGE
from callcenter.knowledge import Knowledge
from callcenter.queues.store import Queues

logger = logging.getLogger(__name__)

PREFIX = "/api/v1"
MAX_BODY = 256 * 1024
"""Bytes of a request: the longest note fits, however it is escaped."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def blueprint(
    engine: Engine,
    *,
    schema: Schema = NONE,
    region: str = "",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    rate: str = "600/minute",
    rate_storage: str = "memory://",
    queues: Callable[[], Queues | None] = lambda: None,
    knowledge: Knowledge = NO_KNOWLEDGE,
) -> Blueprint:
    """The API on a database. `schema` is that of the customers' attributes, `region` the country of national phone
    numbers. `rate` is per key, counted in each process unless `rate_storage` is a Redis URL. `queues` gives the live
    state of queues; without it their resources answer 503. Without `knowledge` there are no articles."""
    routes = Blueprint("api_v1", __name__, url_prefix=PREFIX)
    server = _Server(engine, schema, region, clock, rate, rate_storage, queues, knowledge)

    @routes.before_request
    def size() -> None:
        request.max_content_length = MAX_BODY

    @routes.get("/openapi.json")
    def openapi_json() -> Response:
        return Response(_description(), content_type="application/json")

    for operation in all_operations():
        view = partial(server.serve, operation)
        routes.add_url_rule(
            operation.rule, operation.name, view, methods=[operation.method], provide_automatic_options=False
        )

    @routes.route("/", defaults={"rest": ""}, methods=METHODS, provide_automatic_options=False)
    @routes.route("/<path:rest>", methods=METHODS, provide_automatic_options=False)
    def other(rest: str) -> Response:
        """What no operation is: without it, the application would answer in its own way."""
        allowed = sorted({found.method for found in all_operations() if _matches(found, "/" + rest)})
        if rest == "openapi.json":
            allowed = ["GET"]
        if allowed:
            raise Problem(405, f"only {', '.join(allowed)}", headers={"Allow": ", ".join(allowed)})
        raise Problem(404, "there is nothing at this address")

    _explain_errors(routes)
    return routes


class _Server:
    """Serves operations on a database, for the keys that may."""

    def __init__(
        self,
        engine: Engine,
        schema: Schema,
        region: str,
        clock: Callable[[], datetime],
        rate: str,
        rate_storage: str,
        queues: Callable[[], Queues | None],
        knowledge: Knowledge,
    ) -> None:
        self._engine, self._schema, self._region, self._clock = engine, schema, region, clock
        self._rate, self._limit = rate, parse(rate)
        self._limiter = MovingWindowRateLimiter(storage_from_string(rate_storage))
        self._queues, self._knowledge = queues, knowledge

    def serve(self, operation: Operation, /, **path: str) -> Response:
        """The current request. Raises `Problem`."""
        now = self._clock()
        key = self._admit(operation, now)
        if not all(value.isprintable() for value in path.values()):
            raise Problem(404, "there is nothing at this address")
        body, query = _body(operation), _query(operation)

        def run(conn: Connection) -> Any:
            live = (self._queues(), self._knowledge)
            call = Call(conn, key, now, path, body, query, self._schema, self._region, *live)
            return operation.handler(call)

        if operation.answer is Download:
            with reading(self._engine) as conn:
                return _download(run(conn))
        if operation.reads:
            with reading(self._engine) as conn:
                return _answer(_stored(operation, run(conn)))
        with self._engine.begin() as conn:
            given = request.headers.get("Idempotency-Key")
            if operation.method != "POST" or given is None:
                return _answer(_stored(operation, run(conn)))
            fingerprint = idempotency.fingerprint(operation.method, request.full_path, request.get_data())
            stored = idempotency.before(conn, key.id, given, fingerprint)
            if stored is not None:
                return _answer(stored, {"Idempotency-Replayed": "true"})
            done = _stored(operation, run(conn))
            idempotency.after(conn, key.id, given, fingerprint, done, now)
        return _answer(done)

    def _admit(self, operation: Operation, now: datetime) -> keys.Key:
        """The request's key, if it may do this now. Raises `Problem`."""
        with reading(self._engine) as conn:
            key = keys.find(conn, request.headers.get("Authorization", ""), now)
        if key is None:
            raise Problem(401, "send `Authorization: Bearer` and a key", headers={"WWW-Authenticate": "Bearer"})
        if not self._hit(key.id):
            raise Problem(429, f"more than {self._rate}", headers={"Retry-After": "10"})
        if operation.scope not in key.scopes:
            raise Problem(403, f"this key doesn't have the scope {operation.scope}")
        return key

    def _hit(self, key_id: str) -> bool:
        try:
            return self._limiter.hit(self._limit, key_id)
        except Exception:  # a limit that can't be counted stops nobody
            logger.exception("the rate can't be counted")
            return True


def _explain_errors(routes: Blueprint) -> None:
    """Every failure is answered as a problem."""

    @routes.errorhandler(Problem)
    def problem(error: Problem) -> Response:
        return problems.response(error)

    @routes.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        return problems.response(Problem(error.code or 500, str(error.description or "")))

    @routes.errorhandler(OperationalError)
    def database(error: OperationalError) -> Response:
        logger.error("the database failed: %s", type(error.orig).__name__)
        return problems.response(Problem(503, "try again in a moment", headers={"Retry-After": "5"}))

    @routes.errorhandler(redis.RedisError)
    def store(error: redis.RedisError) -> Response:
        logger.error("the store of queues failed: %s", type(error).__name__)
        return problems.response(Problem(503, "try again in a moment", headers={"Retry-After": "5"}))

    @routes.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        logger.exception("a request failed")
        return problems.response(Problem(500, "this is our fault"))


def _stored(operation: Operation, answer: BaseModel | None) -> idempotency.Stored:
    return idempotency.Stored(operation.status, "" if answer is None else answer.model_dump_json())


@cache
def _description() -> str:
    return json.dumps(openapi.describe(all_operations(), PREFIX), ensure_ascii=False)


def _body(operation: Operation) -> BaseModel | None:
    if operation.body is None:
        return None
    if request.mimetype != "application/json":
        raise Problem(415, "send the body as application/json")
    data = request.get_data()
    try:
        return operation.body.model_validate_json(data, strict=True)
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise Problem(400, "the body isn't JSON") from None
        raise problems.invalid(error, "body") from None


def _query(operation: Operation) -> BaseModel | None:
    given: dict[str, Any] = {}
    for name, values in request.args.lists():
        if len(values) > 1:
            raise Problem(422, "a parameter is given once", errors=[problems.Mistake(pointer=name, detail="repeated")])
        given[name] = values[0]
    if operation.query is None:
        if given:
            raise Problem(422, f"there are no parameters {', '.join(given)}")
        return None
    try:
        return operation.query.model_validate_strings(given)
    except ValidationError as error:
        raise problems.invalid(error, "query") from None


def _matches(operation: Operation, path: str) -> bool:
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", operation.path), path) is not None


def _download(found: Any) -> Response:
    """A file as something to save: no browser shows it, or takes it for anything else."""
    try:
        data = io.BytesIO(Path(found.path).read_bytes())  # `callcenter.files` keeps none that is large
    except OSError:
        raise Problem(410, "the file is gone") from None
    sent = send_file(data, found.media_type, as_attachment=True, download_name=found.name, conditional=False)
    sent.headers["Cache-Control"] = "no-store"
    sent.headers["X-Content-Type-Options"] = "nosniff"
    sent.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return sent


def _answer(stored: idempotency.Stored, headers: dict[str, str] | None = None) -> Response:
    return Response(
        stored.body or None,
        stored.status,
        {"Cache-Control": "no-store", **(headers or {})},
        content_type="application/json" if stored.body else None,
    )
