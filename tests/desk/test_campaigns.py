"""The page of campaigns: how far they are, paused and resumed, results to take along; in Chromium, for axe."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect

from callcenter.campaigns import people
from callcenter.db import reading
from callcenter.desk import audit
from callcenter.tables import campaign_people
from tests.browsers import chromium
from tests.desk.support import NOW, Desk
from tests.desk.test_browser import Served, Tab, served

__all__ = ["chromium", "served"]
FILE = {"campaigns": {"plan": {"queue": "billing", "label": "Plans <b>"}}}


def fill(desk: Desk) -> None:
    desk.flows.files["campaigns"] = FILE
    with desk.engine.begin() as conn:
        for number, (state, result) in enumerate([("done", "reached"), ("done", "declined"), ("waiting", "busy")]):
            conn.execute(
                sa.insert(campaign_people).values(
                    id=f"p{number}", campaign="plan", number=f"+1212555014{number}", attributes={"due": "7"},
                    state=state, result=result, attempts=1, next_at=NOW + timedelta(hours=1), imported_at=NOW,
                    updated_at=NOW,
                )
            )  # fmt: skip


def paused(desk: Desk) -> bool:
    with reading(desk.engine) as conn:
        return people.is_paused(conn, "plan")


def entries(desk: Desk) -> list[tuple[str, str]]:
    with reading(desk.engine) as conn:
        return [(one.action, one.target) for one in audit.everything(conn) if one.action.startswith("campaign.")]


def test_progress_is_shown_to_those_who_may_and_pausing_to_those_who_control(desk: Desk) -> None:
    fill(desk)
    for role, may in (("supervisor", True), ("admin", True), ("auditor", False)):
        page = desk.browser(role).get("/desk/campaigns").text
        assert "Plans &lt;b&gt;" in page
        assert "2 of 3 people done" in page
        assert "wants no calls" in page
        assert ("/desk/campaigns/plan/pause" in page) == may
    assert desk.browser("agent").get("/desk/campaigns").status_code == 403


def test_a_campaign_that_runs_a_flow_says_so(desk: Desk) -> None:
    fill(desk)
    page = desk.browser("supervisor").get("/desk/campaigns").text
    assert "Called now" not in page
    desk.flows.files["campaigns"] = {"campaigns": {"plan": {"queue": "billing", "flow": "reminder_call"}}}
    page = desk.browser("supervisor").get("/desk/campaigns").text
    assert "reminder_call" in page
    assert "Called now" in page


def test_a_supervisor_pauses_and_resumes(desk: Desk) -> None:
    fill(desk)
    sam = desk.browser("supervisor")
    for _ in range(2):  # once is enough
        assert sam.post("/desk/campaigns/plan/pause").status_code == 303
    assert paused(desk)
    assert "Paused" in sam.get("/desk/campaigns").text
    sam.post("/desk/campaigns/plan/resume")
    assert not paused(desk)
    assert entries(desk) == [("campaign.resumed", "campaign:plan"), ("campaign.paused", "campaign:plan")]
    assert sam.post("/desk/campaigns/none/pause").status_code == 404
    assert "paused the campaign" in desk.browser("admin").get("/desk/audit").text


def test_results_are_taken_along(desk: Desk) -> None:
    fill(desk)
    answer = desk.browser("supervisor").get("/desk/campaigns/plan.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["phone"], row["result"], row["due"]) for row in rows] == [
        ("+12125550140", "reached", "7"), ("+12125550141", "declined", "7"), ("+12125550142", "busy", "7"),
    ]  # fmt: skip
    assert entries(desk) == [("campaign.exported", "campaign:plan")]


def test_without_campaigns_the_page_says_where_they_come_from(desk: Desk) -> None:
    assert "flows/campaigns.yaml" in desk.browser("admin").get("/desk/campaigns").text


@pytest.fixture
def filled(served: Served) -> Iterator[Served]:
    fill(served.desk)
    yield served
    with served.desk.engine.begin() as conn:
        conn.execute(sa.delete(campaign_people))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_the_buttons_work(chromium: Browser, filled: Served, scheme: str) -> None:
    tab = Tab(chromium, filled, "supervisor", color_scheme=scheme, viewport={"width": 900, "height": 800})
    tab.page.goto("/desk/campaigns")
    assert tab.violations() == []
    tab.page.locator("form[action$='/pause'] button").click()
    expect(tab.page.locator("form[action$='/resume'] button")).to_be_visible()
    assert tab.violations() == []
    tab.page.locator("form[action$='/resume'] button").click()
    expect(tab.page.locator("form[action$='/pause'] button")).to_be_visible()
    assert not paused(filled.desk)
    assert tab.complaints == []
    tab.context.close()
