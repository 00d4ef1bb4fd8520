from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from callcenter.api import SCOPES, blueprint, create_key
from callcenter.attributes import Schema
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
SCHEMA = Schema.from_data({"attributes": {"tier": {"type": "choice", "values": ["basic", "gold"]}}})


class Clock:
    """Each look is a second later."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class Api:
    """Calls the API with a key."""

    def __init__(self, client: FlaskClient, key: str) -> None:
        self.client, self.key = client, key

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        given = {} if body is None else {"json": body}
        return self.client.open("/api/v1" + path, method=method, headers=headers, **given, **more)


@pytest.fixture
def make_app() -> Callable[..., Flask]:
    def make(engine: Engine, **options: Any) -> Flask:
        app = Flask("test")
        app.register_blueprint(blueprint(engine, **{"schema": SCHEMA, "clock": Clock(), **options}))
        return app

    return make


@pytest.fixture
def api(engine: Engine, make_app: Callable[..., Flask]) -> Api:
    with engine.begin() as conn:
        key = create_key(conn, "tests", SCOPES, at=NOW)
    return Api(make_app(engine).test_client(), key)
