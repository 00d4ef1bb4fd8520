"""Campaigns over REST: how far they are, pause and resume."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.campaigns import people
from callcenter.db import reading
from callcenter.tables import campaign_people
from tests.api.conftest import NOW, Api


@pytest.fixture
def listed(engine: Engine) -> None:
    with engine.begin() as conn:
        for number, (state, result) in enumerate([("done", "reached"), ("waiting", "busy")]):
            conn.execute(
                sa.insert(campaign_people).values(
                    id=f"p{number}", campaign="plan", number=f"+1212555014{number}", attributes={}, state=state,
                    result=result, attempts=1, next_at=NOW, imported_at=NOW, updated_at=NOW,
                )
            )  # fmt: skip


@pytest.mark.usefixtures("listed")
def test_a_campaign_is_paused_and_resumed(api: Api, engine: Engine) -> None:
    (found,) = api("GET", "/campaigns").json["items"]
    assert (found["name"], found["people"], found["done"], found["calls"]) == ("plan", 2, 1, 2)
    assert found["results"] == {"reached": 1}
    for _ in range(2):
        assert api("POST", "/campaigns/plan/pause").json["paused"] is True
    with reading(engine) as conn:
        assert people.is_paused(conn, "plan")
    assert api("POST", "/campaigns/plan/resume").json == found
    assert api("GET", "/campaigns/plan").json == found


def test_a_campaign_without_a_list_isnt_there(api: Api) -> None:
    assert api("GET", "/campaigns").json == {"items": []}
    for method, path in (("GET", ""), ("POST", "/pause"), ("POST", "/resume")):
        assert api(method, f"/campaigns/none{path}").status_code == 404
