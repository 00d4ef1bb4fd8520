"""The page of staffing: what it shows is the plan, its address says all, nonsense in it does no harm."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from callcenter.acd.erlang import required, scheduled
from callcenter.db import reading
from callcenter.desk import audit
from tests.desk.support import Desk
from tests.reports import weeks

MADRID = ZoneInfo("Europe/Madrid")
TODAY = date(2026, 11, 22)  # the desk's clock stands on a Sunday; next week is 2026-W48
MONDAY = date(2026, 11, 23)
QUEUES = {"queues": {"billing": {"label": "Billing", "service_level": {"seconds": 20, "percent": 80}}, "sales": {}}}


@pytest.fixture
def filled(desk: Desk) -> Desk:
    desk.flows.files["queues"] = QUEUES
    with desk.engine.begin() as conn:
        weeks.write(conn, TODAY, MADRID, each=12)
    return desk


def rows(desk: Desk, query: str = "") -> list[dict[str, str]]:
    answer = desk.browser("supervisor").get(f"/desk/staffing.csv?{query}")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def at(found: list[dict[str, str]], when: str) -> dict[str, str]:
    [row] = [one for one in found if one["from"] == when]
    return row


def test_the_file_has_the_agents_that_the_formula_gives(filled: Desk) -> None:
    found = rows(filled)
    assert len(found) == 7 * 48  # without a file of hours it is always open
    ten = at(found, "2026-11-24T10:00+01:00")
    assert float(ten["expected"]) == pytest.approx(12)
    assert float(ten["handling_seconds"]) == weeks.HANDLING
    # One in ten gives up after a minute, the others wait for ten seconds: (60 + 9 * 10) / 1 seconds of patience.
    agents = required(24, weeks.HANDLING, share=0.8, within=20, occupancy=0.85, patience=150)
    assert (int(ten["agents"]), int(ten["scheduled"])) == (agents, scheduled(agents, 0.3))
    assert int(ten["low"]) < 12 < int(ten["high"])
    assert int(ten["agents_if_high"]) > agents
    assert at(found, "2026-11-28T10:00+01:00")["agents"] == "0"  # nothing ever came on a Saturday


def test_what_if(filled: Desk) -> None:
    plain = at(rows(filled), "2026-11-24T10:00+01:00")
    more = at(
        rows(filled, "percent=95&seconds=5&volume=50&handling=480&shrinkage=50&occupancy=60"),
        "2026-11-24T10:00+01:00",
    )
    assert float(more["expected"]) == pytest.approx(1.5 * float(plain["expected"]))
    assert more["handling_seconds"] == "480"
    agents = required(36, 480, share=0.95, within=5, occupancy=0.6, patience=150)
    assert (int(more["agents"]), int(more["scheduled"])) == (agents, scheduled(agents, 0.5))


def test_the_page_shows_it_and_its_address_says_all(filled: Desk) -> None:
    sam = filled.browser("supervisor")
    page = sam.get("/desk/staffing?queue=billing&week=2026-W49&day=2026-12-01&volume=10&percent=90").text
    assert page.count('<svg class="chart"') == 2
    assert "style=" not in page
    assert 'value="2026-12-01" selected' in page
    assert 'value="10"' in page
    assert "queue=billing&amp;week=2026-W49&amp;day=2026-12-01&amp;percent=90&amp;volume=10" in page
    assert "expected 360 contacts; 360 came" in page
    assert "2:30 on average (Erlang A)" in page
    whole = sam.get("/desk/staffing?queue=billing&week=2026-W49").text
    assert re.findall(r'text-anchor="middle">([^<]+)<', whole)[:7] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    assert "day=2026-12-01" in whole
    assert '<option value="">The whole week</option>' in whole


def test_a_past_week_is_told_from_before_it(filled: Desk) -> None:
    with filled.engine.begin() as conn:  # twice as many afterwards
        weeks.write(conn, TODAY, MADRID, each=12, weeks=2, channel="twilio")
    found = at(rows(filled, "week=2026-W45"), "2026-11-03T10:00+01:00")
    assert float(found["expected"]) == pytest.approx(12)
    assert float(at(rows(filled), "2026-11-24T10:00+01:00")["expected"]) > 20


def test_too_little_history_is_said(filled: Desk) -> None:
    page = filled.browser("supervisor").get("/desk/staffing?queue=sales").text
    assert "Too little history for a forecast: 0 days." in page
    assert '<svg class="chart"' not in page
    assert rows(filled, "queue=sales") == []


def test_closed_half_hours_have_no_agents(filled: Desk) -> None:
    filled.flows.files["queues"] = {"queues": {"billing": {"hours": "office"}}}
    nine = datetime(2026, 9, 1, 7, tzinfo=UTC)
    filled.flows.opened["office"] = [
        (begin, begin + timedelta(hours=2)) for begin in (nine + timedelta(days=day) for day in range(120))
    ]
    found = rows(filled)
    assert {row["from"][11:13] for row in found} == {"08", "09"}  # in winter, by the wall clock


@pytest.mark.parametrize(
    "query",
    ["queue=nobody", "week=2026-W99", "week=9999-W01", "week=2099-W01", "day=2026-13-01", "day=2020-01-01",
     "volume=nan", "volume=inf", "percent=100", "handling=0", "handling=-5", "shrinkage=95", "seconds=soon",
     "occupancy=%00", "volume=1e300"],
)  # fmt: skip
def test_nonsense_is_left_out_and_named(filled: Desk, query: str) -> None:
    page = filled.browser("supervisor").get(f"/desk/staffing?{query}")
    assert page.status_code == 200
    named = query.split("=")[0] in ("volume", "percent", "handling", "shrinkage", "seconds")
    assert ("It was left as it is." in page.text) is named
    assert "2026-W48" in page.text
    assert rows(filled, query) == rows(filled)


def test_no_queues_no_plan(desk: Desk) -> None:
    desk.flows.files["queues"] = None
    sam = desk.browser("supervisor")
    assert "No queues are published." in sam.get("/desk/staffing").text
    assert sam.get("/desk/staffing.csv").status_code == 404


def test_taking_it_along_is_written_down(filled: Desk) -> None:
    rows(filled, "volume=5&seconds=0")
    with reading(filled.engine) as conn:
        [entry] = [one for one in audit.everything(conn) if one.action == "staffing.exported"]
    assert entry.data["filters"] == {"queue": "billing", "week": "2026-W48", "volume": "5", "seconds": "0"}
