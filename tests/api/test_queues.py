"""Queues, entries, agents, callbacks and screen pops over REST, on a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
import redis
from flask import Flask
from sqlalchemy.engine import Engine

from callcenter.acd.config import Config
from callcenter.acd.model import Proposal
from callcenter.api import SCOPES, create_key
from callcenter.queues.store import Queues
from tests.api.conftest import NOW, Api
from tests.api.test_resources import done
from tests.queues.conftest import FILES, Clock
from tests.queues.test_callbacks import OfficeHours
from tests.valkey import Valkey, valkey, valkey_server

__all__ = ["valkey", "valkey_server"]
NUMBER = "+12025550143"


@pytest.fixture
def client(valkey: Valkey) -> Iterator[redis.Redis]:
    with valkey.client() as client:
        yield client


@pytest.fixture
def queues(client: redis.Redis) -> Queues:
    return Queues(client, Config.from_files(FILES), Clock())


@pytest.fixture
def floor(sqlite_engine: Engine, queues: Queues, make_app: Callable[..., Flask]) -> Api:
    with sqlite_engine.begin() as conn:
        key = create_key(conn, "floor", SCOPES, at=NOW)
    return Api(make_app(sqlite_engine, queues=lambda: queues).test_client(), key)


def test_queues_and_entries(floor: Api, queues: Queues) -> None:
    queues.join("c1", "billing", channel="sip", joined_at=queues.clock() - 30)
    queues.join("c2", "billing", channel="chat")
    queues.sign_in("ana")
    listed = {one["name"]: one for one in done(floor("GET", "/queues"))["items"]}
    billing = listed["billing"]
    assert (billing["waiting"], billing["longest_wait"], billing["agents"], billing["available"]) == (2, 30.0, 1, 1)
    assert done(floor("GET", "/queues/billing")) == billing
    entries = done(floor("GET", "/entries", query_string={"queue": "billing"}))["items"]
    assert [(one["contact_id"], one["position"]) for one in entries] == [("c1", 1), ("c2", 2)]
    changed = done(floor("PATCH", "/entries/c2", {"priority": 50}))
    assert (changed["priority"], changed["position"]) == (50, 1)
    assert done(floor("PATCH", "/entries/c2", {"queue": "general"}))["queue"] == "general"
    assert done(floor("GET", "/entries/c1"))["position"] == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/queues/none", None, 404),
        ("GET", "/entries/none", None, 404),
        ("PATCH", "/entries/none", {"priority": 1}, 404),
        ("PATCH", "/entries/c1", {"priority": 101}, 422),
        ("PATCH", "/entries/c1", {"queue": "sales"}, 404),
        ("GET", "/agents/dora", None, 404),
        ("PUT", "/agents/dora/presence", {"presence": "available"}, 404),
        ("PUT", "/agents/ana/presence", {"presence": "away"}, 422),
        ("PUT", "/agents/ana/presence", {"presence": "unavailable", "reason": "golf"}, 422),
        ("POST", "/callbacks", {"queue": "sales", "number": NUMBER}, 422),
        ("POST", "/callbacks", {"queue": "billing", "number": "12"}, 422),
        ("POST", "/callbacks", {"queue": "billing", "number": NUMBER, "customer_id": "none"}, 404),
        ("GET", "/callbacks", None, 422),
        ("GET", "/callbacks/c1", None, 404),
        ("DELETE", "/callbacks/none", None, 404),
        ("GET", "/offers/none/screen_pop", None, 404),
    ],
)
def test_what_cant_be_done(floor: Api, queues: Queues, method: str, path: str, body: Any, status: int) -> None:
    queues.join("c1", "billing", channel="sip")
    done(floor(method, path, body), status)


def test_a_contact_that_is_being_connected_doesnt_move(floor: Api, queues: Queues) -> None:
    queues.join("c1", "billing", channel="sip")
    queues.sign_in("ana")
    queues.claim(Proposal("c1", "billing", "voice", ("ana",)))
    done(floor("PATCH", "/entries/c1", {"queue": "general"}), 409)


def test_agents(floor: Api) -> None:
    assert {one["state"] for one in done(floor("GET", "/agents"))["items"]} == {"offline"}
    ana = done(floor("PUT", "/agents/ana/presence", {"presence": "available", "device": "sip:a@127.0.0.1"}))
    assert (ana["presence"], ana["state"], ana["skills"]) == ("available", "idle", {"billing": 8})
    ana = done(floor("PUT", "/agents/ana/presence", {"presence": "unavailable", "reason": "lunch"}))
    assert (ana["presence"], ana["reason"], ana["state"]) == ("unavailable", "lunch", "unavailable")
    assert done(floor("PUT", "/agents/ana/presence", {"presence": "offline"}))["state"] == "offline"
    assert done(floor("GET", "/agents/ana"))["presence"] == "offline"


def test_callbacks(floor: Api, queues: Queues) -> None:
    made = done(floor("POST", "/callbacks", {"queue": "billing", "number": "+1 202 555 0143"}), 201)
    assert (made["number"], made["at"], made["attempts"], made["state"]) == (NUMBER, None, 0, "waiting")
    path = f"/callbacks/{made['contact_id']}"
    assert done(floor("GET", "/callbacks", query_string={"number": NUMBER}))["items"] == [made]
    whose = done(floor("GET", "/callbacks", query_string={"customer_id": made["customer_id"]}))
    assert whose["items"] == [made]
    later = datetime.fromtimestamp(queues.clock(), UTC) + timedelta(hours=3)
    moved = done(floor("PATCH", path, {"at": later.isoformat()}))
    assert datetime.fromisoformat(moved["at"]) == later
    assert done(floor("PATCH", path, {"number": "+12025550199"}))["at"] is not None
    assert done(floor("PATCH", path, {"as_soon_as_possible": True}))["at"] is None
    done(floor("DELETE", path), 204)
    done(floor("GET", path), 404)


def test_a_repeated_request_is_one_callback(floor: Api) -> None:
    sent = {"queue": "billing", "number": NUMBER}
    again = [done(floor("POST", "/callbacks", sent, headers={"Idempotency-Key": "k1"}), 201) for _ in range(2)]
    assert again[0] == again[1]
    assert len(done(floor("GET", "/callbacks", query_string={"number": NUMBER}))["items"]) == 1


def test_a_callback_outside_of_hours_is_told_when(floor: Api, queues: Queues) -> None:
    queues.config = Config.from_files({"queues": {"queues": {"billing": {"hours": "business_hours"}}}})
    queues.hours = OfficeHours(queues.clock() + 3600)
    at = datetime.fromtimestamp(queues.clock() + 60, UTC).isoformat()
    refused = floor("POST", "/callbacks", {"queue": "billing", "number": NUMBER, "at": at})
    assert refused.status_code == 422
    opens = datetime.fromtimestamp(queues.clock() + 3600, UTC).isoformat()
    assert opens in refused.get_json()["errors"][0]["detail"]


def test_a_callback_too_far_ahead_is_told_until_when(floor: Api, queues: Queues) -> None:
    at = datetime.fromtimestamp(queues.clock(), UTC) + timedelta(days=90)
    refused = floor("POST", "/callbacks", {"queue": "billing", "number": NUMBER, "at": at.isoformat()})
    assert refused.status_code == 422
    problem = refused.get_json()
    last = datetime.fromtimestamp(queues.last_time("billing"), UTC).isoformat()
    assert problem["detail"] == "that is too far ahead"
    assert f"within 14 days: choose a time before {last}" in problem["errors"][0]["detail"]
    made = done(floor("POST", "/callbacks", {"queue": "billing", "number": NUMBER}), 201)
    assert floor("PATCH", f"/callbacks/{made['contact_id']}", {"at": at.isoformat()}).status_code == 422


def test_the_screen_pop_fits_its_schema(floor: Api, queues: Queues) -> None:
    queues.join("c1", "billing", channel="sip", caller=NUMBER, data={"path": ["main.choose"]})
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("c1", "billing", "voice", ("ana",)))
    pop = done(floor("GET", f"/offers/{offer}/screen_pop"))
    schema = done(floor("GET", "/schemas/screen_pop"))["document"]
    jsonschema.validate(pop, schema)
    assert (pop["version"], pop["agent"], pop["path"]) == (1, "ana", ["main.choose"])


def test_without_a_store_it_is_said(sqlite_engine: Engine, make_app: Callable[..., Flask], valkey: Valkey) -> None:
    with sqlite_engine.begin() as conn:
        key = create_key(conn, "floor", SCOPES, at=NOW)
    done(Api(make_app(sqlite_engine).test_client(), key)("GET", "/queues"), 503)
    gone = Queues(redis.Redis(unix_socket_path=str(valkey.folder / "none")), Config.from_files(FILES))
    done(Api(make_app(sqlite_engine, queues=lambda: gone).test_client(), key)("GET", "/queues"), 503)
