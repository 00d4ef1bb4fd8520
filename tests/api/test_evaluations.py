"""Evaluations over REST: those that count, without what people wrote."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from flask import Flask
from sqlalchemy.engine import Engine

from callcenter import evaluations
from callcenter.api import create_key
from callcenter.quality import read
from tests.api.conftest import NOW, Api
from tests.quality.support import ANSWERS, MONDAY, calls, talked


def write(engine: Engine) -> list[str]:
    made = []
    with engine.begin() as conn:
        for number, agent in enumerate(("maria", "maria", "tom", "tom")):
            id = evaluations.start(
                conn, contact_id=talked(conn, agent), agent=agent, queue="billing", form_name="calls", form=calls(),
                evaluator_id="u", at=MONDAY,
            )  # fmt: skip
            made.append(id)
            if number < 3:  # the last stays a draft
                evaluations.submit(
                    conn, evaluations.get(conn, id), answers=read(calls(), ANSWERS, complete=True), comments=[],
                    summary="Between us", at=MONDAY + timedelta(minutes=number),
                )  # fmt: skip
    return made


def test_pages_of_what_counts(api: Api, engine: Engine) -> None:
    made = write(engine)
    first = api("GET", "/evaluations", query_string={"limit": 2}).get_json()
    second = api("GET", "/evaluations", query_string={"limit": 2, "cursor": first["next"]}).get_json()
    found = [*first["items"], *second["items"]]
    assert [one["id"] for one in found] == [made[2], made[1], made[0]]
    assert second["next"] is None
    assert (found[0]["agent"], found[0]["status"], round(found[0]["score"], 2)) == ("tom", "submitted", 0.85)
    assert "Between us" not in str(found)
    one = api("GET", "/evaluations", query_string={"agent": "maria"}).get_json()
    assert {item["id"] for item in one["items"]} == set(made[:2])


def test_it_needs_its_own_scope(engine: Engine, make_app: Callable[..., Flask]) -> None:
    with engine.begin() as conn:
        key = create_key(conn, "other", ["contacts:read", "cases:read"], at=NOW)
    other = Api(make_app(engine).test_client(), key)
    assert other("GET", "/evaluations").status_code == 403
