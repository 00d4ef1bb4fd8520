"""The knowledge base over REST."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.engine import Engine

from callcenter import events
from callcenter.api import create_key
from ivr.actions import specs
from ivr.flow.load import read_folders
from ivr.flow.model import FlowSet
from ivr.knowledge import PublishedKnowledge
from tests.api.conftest import NOW, Api

ROOT = Path(__file__).parents[2]


@cache
def demo() -> FlowSet:
    return read_folders(ROOT / "flows", ROOT / "prompts", specs())[0]


@pytest.fixture
def known(sqlite_engine: Engine, make_app: Callable[..., Flask]) -> Api:
    with sqlite_engine.begin() as conn:
        key = create_key(conn, "tests", ["knowledge:read"], at=NOW)
    app = make_app(sqlite_engine, knowledge=PublishedKnowledge(demo, lambda: NOW))
    return Api(app.test_client(), key)


def test_articles_come_by_pages_each_once(known: Api) -> None:
    seen: list[tuple[str, str]] = []
    cursor = ""
    for _ in range(20):
        answer = known("GET", f"/knowledge/articles?limit=4{cursor}").json
        seen += [(one["language"], one["name"]) for one in answer["items"]]
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"
    assert seen == sorted((one.language, one.name) for one in demo().knowledge)
    spanish = known("GET", "/knowledge/articles?language=es&limit=100").json
    assert {one["language"] for one in spanish["items"]} == {"es"}


def test_one_article(known: Api) -> None:
    found = known("GET", "/knowledge/articles/en/deposit").json
    assert (found["title"], found["tags"], found["holds"]) == ("Getting the deposit back", ["billing"], True)
    assert found["text"].startswith("New customers pay a deposit")
    assert known("GET", "/knowledge/articles/en/nothing").status_code == 404


def test_finding(known: Api) -> None:
    found: list[Any] = known("GET", "/knowledge/search?q=when+do+I+get+my+deposit+back").json["items"]
    assert (found[0]["article"]["name"], found[0]["nearest"]) == ("deposit", "when do I get my deposit back")
    assert found[0]["sure"] > 0.9
    assert len(known("GET", "/knowledge/search?q=my+bill&limit=1").json["items"]) == 1
    assert known("GET", "/knowledge/search?q=").status_code == 422
    assert known("GET", "/knowledge/search").status_code == 422


def test_what_they_were_good_for(known: Api, sqlite_engine: Engine) -> None:
    at = NOW - timedelta(days=2)
    with sqlite_engine.begin() as conn:
        for kind in ("answer_shown", "answer_helped"):
            events.record(conn, None, None, kind, {"article": "deposit", "language": "en"}, at)
        events.record(conn, None, None, "answer_unknown", {"question": "do you sell tulips", "language": "en"}, at)
    found = known("GET", "/knowledge/use").json
    assert found["articles"] == [
        {"article": "deposit", "language": "en", "shown": 1, "helped": 1, "not_helped": 0, "inserted": 0}
    ]
    assert (found["unknown"], found["gaps"][0]["questions"]) == (1, ["do you sell tulips"])
    assert known("GET", "/knowledge/use?days=1").json["unknown"] == 0


def test_the_scope_is_needed(sqlite_engine: Engine, make_app: Callable[..., Flask]) -> None:
    with sqlite_engine.begin() as conn:
        key = create_key(conn, "tests", ["cases:read"], at=NOW)
    api = Api(make_app(sqlite_engine).test_client(), key)
    for path in ("/articles", "/articles/en/deposit", "/search?q=x", "/use"):
        assert api("GET", f"/knowledge{path}").status_code == 403


def test_without_a_knowledge_base_there_is_nothing(api: Api) -> None:
    assert api("GET", "/knowledge/articles").json == {"items": [], "next": None}
    assert api("GET", "/knowledge/search?q=x").json == {"items": []}
