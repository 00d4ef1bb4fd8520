"""The API's own behaviour: keys, limits, errors, cursors, repetition."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator
from sqlalchemy.engine import Engine

from callcenter.api import SCOPES, create_key, idempotency, revoke_key
from callcenter.api.operations import all_operations
from callcenter.tables import api_keys, customers, idempotent_requests
from tests.api.conftest import NOW, Api


@pytest.fixture
def engine(sqlite_engine: Engine) -> Engine:
    """Nothing here depends on the kind of database."""
    return sqlite_engine


def problem(response: Any) -> dict[str, Any]:
    assert response.content_type == "application/problem+json"
    body: dict[str, Any] = response.get_json(force=True)
    assert body["status"] == response.status_code
    assert body["title"]
    return body


def test_openapi_is_valid_and_needs_no_key(api: Api) -> None:
    document = api.client.get("/api/v1/openapi.json").get_json()
    OpenAPIV31SpecValidator(document).validate()
    assert document["openapi"].startswith("3.1")
    described = {(method, path) for path, item in document["paths"].items() for method in item}
    assert described == {(operation.method.lower(), operation.path) for operation in all_operations()}


def test_every_operation_needs_a_key_and_its_scope(api: Api, engine: Engine) -> None:
    for operation in all_operations():
        path = operation.path.replace("{", "").replace("}", "")
        response = api.client.open("/api/v1" + path, method=operation.method)
        problem(response)
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert operation.scope in SCOPES
        with engine.begin() as conn:
            others = create_key(conn, "others", set(SCOPES) - {operation.scope}, at=NOW)
        denied = Api(api.client, others)(operation.method, path)
        assert problem(denied)["detail"].endswith(operation.scope)
        assert denied.status_code == 403


@pytest.mark.parametrize("key", ["", "cw_x_y", "nonsense", "cw__", "cw_\u00e9_\u00e9"])
def test_what_is_no_key_is_refused(api: Api, key: str) -> None:
    assert Api(api.client, key)("GET", "/customers").status_code == 401


def test_keys_end(api: Api, engine: Engine) -> None:
    with engine.begin() as conn:
        short = create_key(conn, "short", ["customers:read"], at=NOW, expires_at=NOW + timedelta(seconds=2))
        revoked = create_key(conn, "revoked", ["customers:read"], at=NOW)
        assert revoke_key(conn, revoked.split("_")[1], NOW)
        assert not revoke_key(conn, revoked.split("_")[1], NOW)
        with pytest.raises(ValueError, match="scope"):
            create_key(conn, "x", ["everything"], at=NOW)
        stored = str(conn.execute(sa.select(api_keys)).all())
    assert Api(api.client, short)("GET", "/customers").status_code == 200
    assert Api(api.client, short)("GET", "/customers").status_code == 401
    assert Api(api.client, revoked)("GET", "/customers").status_code == 401
    assert short.split("_")[2] not in stored


def test_a_key_that_asks_too_often_waits(engine: Engine, make_app: Callable[..., Flask]) -> None:
    with engine.begin() as conn:
        keys = [create_key(conn, name, ["customers:read"], at=NOW) for name in "ab"]
    client = make_app(engine, rate="2/hour").test_client()
    statuses = [Api(client, keys[0])("GET", "/customers") for _ in range(3)]
    assert [response.status_code for response in statuses] == [200, 200, 429]
    assert problem(statuses[2])
    assert statuses[2].headers["Retry-After"]
    assert Api(client, keys[1])("GET", "/customers").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/nothing", {}, 404),
        ("GET", "/", {}, 404),
        ("DELETE", "/customers", {}, 405),
        ("POST", "/openapi.json", {}, 405),
        ("OPTIONS", "/customers", {}, 405),
        ("TRACE", "/customers/x/notes", {}, 405),
        ("PATCH", "/customers/x", {"json": {"name": "y"}}, 404),
        ("GET", "/customers/%00", {}, 404),
        ("POST", "/customers", {"data": "{}"}, 415),
        ("POST", "/customers", {"data": "{", "content_type": "application/json"}, 400),
        ("POST", "/customers", {"data": '"\\ud800"', "content_type": "application/json"}, 400),
        ("POST", "/customers", {"json": []}, 422),
        ("POST", "/customers", {"json": {"name": 5}}, 422),
        ("POST", "/customers", {"json": {"name": "a\0b"}}, 422),
        ("POST", "/customers", {"json": {"shoe": 5}}, 422),
        ("POST", "/customers", {"json": {"name": "x" * 300_000}}, 413),
        ("POST", "/customers", {"json": {"attributes": {"tier": "silver"}}}, 422),
        ("POST", "/customers", {"json": {"identifiers": [{"kind": "phone", "value": "me"}]}}, 422),
        ("GET", "/customers?limit=0", {}, 422),
        ("GET", "/customers?limit=5&limit=6", {}, 422),
        ("GET", "/customers?page=2", {}, 422),
        ("GET", "/customers?cursor=abc", {}, 400),
        ("GET", "/customers?cursor=!", {}, 422),
        ("GET", "/identifiers?kind=phone&value=me", {}, 422),
        ("POST", "/messages", {"json": {"channel": "sms", "to": "me", "body": "x"}}, 422),
        ("POST", "/webhooks", {"json": {"url": "ftp://x/", "events": ["*"]}}, 422),
        ("POST", "/webhooks", {"json": {"url": "https://x:port/", "events": ["*"]}}, 422),
        ("POST", "/webhooks", {"json": {"url": "https://x/", "events": ["nonsense"]}}, 422),
    ],
)
def test_mistakes_are_problems(api: Api, method: str, path: str, sent: dict[str, Any], status: int) -> None:
    response = api(method, path, **sent)
    body = problem(response)
    assert response.status_code == status
    if status == 405:
        assert response.headers["Allow"]
    if status == 422:
        assert body["detail"]


def test_a_mistake_is_named_with_its_place(api: Api, engine: Engine) -> None:
    sent = {"name": "Ana", "identifiers": [{"kind": "account", "value": "1"}, {"kind": "phone", "value": "me"}]}
    assert problem(api("POST", "/customers", sent))["errors"][0]["pointer"] == "/identifiers/1"
    assert problem(api("POST", "/customers", {"identifiers": [{"kind": "x"}]}))["errors"][0]["pointer"] == (
        "/identifiers/0/kind"
    )
    with engine.begin() as conn:  # nothing was left half done
        assert conn.execute(sa.select(sa.func.count()).select_from(customers)).scalar_one() == 0


def test_a_broken_operation_is_a_problem_too(engine: Engine, make_app: Callable[..., Flask], caplog: Any) -> None:
    with engine.begin() as conn:
        key = create_key(conn, "x", ["customers:read"], at=NOW)
        conn.execute(sa.text("DROP TABLE case_changes"))
        conn.execute(sa.text("ALTER TABLE identifiers RENAME TO gone"))
    response = Api(make_app(engine).test_client(), key)("GET", "/identifiers?kind=account&value=1")
    assert response.status_code in (500, 503)
    assert "identifiers" not in response.get_data(as_text=True)
    problem(response)


def test_the_same_key_does_a_thing_once(api: Api, engine: Engine) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = api("POST", "/customers", {"name": "Ana"}, headers=headers)
    again = api("POST", "/customers", {"name": "Ana"}, headers=headers)
    assert (first.status_code, first.get_json()) == (again.status_code, again.get_json())
    assert again.headers["Idempotency-Replayed"] == "true"
    other = api("POST", "/customers", {"name": "Ben"}, headers=headers)
    assert problem(other)["status"] == 422
    failed = api("POST", "/customers", {"shoe": 1}, headers={"Idempotency-Key": "k2"})
    assert failed.status_code == 422
    assert api("POST", "/customers", {"name": "Cai"}, headers={"Idempotency-Key": "k2"}).status_code == 201
    assert api("POST", "/customers", {"name": "x"}, headers={"Idempotency-Key": "k" * 300}).status_code == 400
    with engine.begin() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(customers)).scalar_one() == 2
        assert idempotency.forget(conn, NOW + timedelta(days=3)) == 2
        assert conn.execute(sa.select(idempotent_requests)).all() == []


def test_pages_follow_by_cursor(api: Api) -> None:
    made = [api("POST", "/customers", {"name": str(n)}).get_json()["id"] for n in range(5)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = api("GET", f"/customers?limit=2{cursor and '&cursor=' + cursor}").get_json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == list(reversed(made))
