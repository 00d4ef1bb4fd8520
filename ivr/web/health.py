"""/healthz for load balancers and supervisors, /metrics for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.engine import Engine

from callcenter.db import reading
from callcenter.redis_client import connect
from ivr import metrics as metrics_
from ivr.embedded import NoRedis, redis_url
from ivr.published import Published
from ivr.settings import Settings


def blueprint(settings: Settings, engine: Engine, published: Published) -> Blueprint:
    routes = Blueprint("health", __name__)

    def database() -> None:
        with reading(engine) as connection:
            connection.execute(sa.select(1))

    def flows() -> None:
        published.current()

    def queue() -> None:
        client = connect(redis_url(settings), socket_timeout=2, socket_connect_timeout=2)
        try:
            client.ping()
        finally:
            client.close()

    checks: dict[str, Callable[[], None]] = {"database": database, "flows": flows, "redis": queue}

    @routes.get("/healthz")
    def healthz() -> tuple[dict[str, object], int]:
        """200 if calls can be served, else 503, with a word on each part. Says nothing of addresses or accounts."""
        found = {}
        for name, check in checks.items():
            try:
                check()
                found[name] = "ok"
            except NoRedis:
                found[name] = "no server"
            except Exception as error:
                found[name] = type(error).__name__
        # Calls are served without Redis; what waits in its queues goes out later.
        well = found["database"] == found["flows"] == "ok"
        status = "ok" if all(word == "ok" for word in found.values()) else "degraded" if well else "failing"
        return {"status": status, **found}, 200 if well else 503

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(metrics_.exposed(), content_type=CONTENT_TYPE_LATEST)

    return routes
