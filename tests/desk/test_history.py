"""The history: its figures are those of the events, its address says all, nonsense in it does no harm."""

from __future__ import annotations

import csv
import io
import xml.etree.ElementTree as ET
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from callcenter.db import reading
from callcenter.desk import audit
from callcenter.desk.charts import Chart, Series
from callcenter.desk.history import LONGEST, period
from callcenter.desk.words import Words
from tests.desk.support import NOW, Desk
from tests.reports import day
from tests.reports.recount import recount

DAY = "period=range&from=2026-11-20&to=2026-11-20"
MADRID = ZoneInfo("Europe/Madrid")
WORDS = Words("en", "US", UTC)


def write(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        day.write(conn)


def rows(desk: Desk, query: str) -> dict[str, dict[str, str]]:
    answer = desk.browser("supervisor").get(f"/desk/history.csv?{query}")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    found = list(csv.DictReader(io.StringIO(answer.text)))
    first = next(iter(found[0]))
    return {row[first]: row for row in found}


def test_the_file_has_what_an_independent_count_finds(desk: Desk) -> None:
    write(desk)
    found = rows(desk, f"{DAY}&group=queue")
    with reading(desk.engine) as conn:
        for queue in day.QUEUES:
            expected = recount(conn, queue, 20.0)
            given = {name: float(found[queue][name]) for name in expected}
            assert given == {name: pytest.approx(value, abs=1e-4) for name, value in expected.items()}
    assert int(found["all"]["offered"]) == sum(int(found[queue]["offered"]) for queue in day.QUEUES)


@pytest.mark.parametrize(
    ("group", "names"),
    [("agent", set(day.AGENTS)), ("channel", set(day.CHANNELS)), ("day", {"2026-11-20"}), ("queue", set(day.QUEUES))],
)
def test_groups(desk: Desk, group: str, names: set[str]) -> None:
    write(desk)
    assert rows(desk, f"{DAY}&group={group}").keys() == names | {"all"}


def test_hours_are_the_companys(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        one = day.Writer(conn, datetime(2026, 11, 19, 23, 30, tzinfo=UTC), "sip", "")  # half past midnight in Madrid
        one.end("completed")
    assert rows(desk, f"{DAY}&group=hour").keys() == {"00", "all"}
    assert rows(desk, "period=range&from=2026-11-19&to=2026-11-19&group=hour").keys() == {"all"}


def test_the_page_shows_it_and_its_address_says_all(desk: Desk) -> None:
    write(desk)
    sam = desk.browser("supervisor")
    page = sam.get(f"/desk/history?{DAY}&group=agent").text
    assert page.count('<svg class="chart"') == 6  # all of it happened that day
    assert 'value="agent" selected' in page
    assert "style=" not in page
    assert "/desk/history.csv?period=range&amp;from=2026-11-20&amp;to=2026-11-20&amp;group=agent" in page
    assert "Nothing happened in this period." in sam.get("/desk/history?period=today").text


def test_taking_it_along_is_written_down(desk: Desk) -> None:
    rows(desk, DAY)
    with reading(desk.engine) as conn:
        [entry] = [one for one in audit.everything(conn) if one.action == "history.exported"]
    assert entry.data["filters"] == {"period": "range", "from": "2026-11-20", "to": "2026-11-20", "group": "queue"}


def test_flows_with_what_callers_did(desk: Desk) -> None:
    write(desk)
    sam = desk.browser("auditor")
    page = sam.get(f"/desk/history/flows/main?{DAY}").text
    assert "choose" in page
    picture = sam.get(f"/desk/history/flows/main/picture.svg?{DAY}")
    assert (picture.mimetype, "300 came" in picture.text) == ("image/svg+xml", True)
    assert sam.get("/desk/history/flows/nowhere").status_code == 404
    assert sam.get("/desk/history/flows/nowhere/picture.svg").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "period=range&from=0001-01-01&to=9999-12-31",
        "period=range&from=2026-13-45&to=x",
        "period=range",
        "period=%00&group=%00",
        "period=<script>alert(1)</script>&group=<script>alert(1)</script>",
        "period=' OR 1=1 --&from=' OR 1=1 --&group=name",
        "period=range&from=2026-11-20&to=1999-01-01&group=" + "x" * 5000,
        "period=range&from=+02026-1-1&to=-1",
    ],
)
def test_nonsense_in_the_address_does_no_harm(desk: Desk, query: str) -> None:
    for path in ("/desk/history", "/desk/history.csv", "/desk/history/flows/main"):
        answer = desk.browser("supervisor").get(f"{path}?{query}")
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text


def test_a_queue_that_is_a_formula_stays_text(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        one = day.Writer(conn, NOW, "sip", "")
        one.fact("queue.joined", queue="=1+1", joined_at=NOW.timestamp())
        one.end("hung_up")
    assert "'=1+1" in rows(desk, "period=today")


@pytest.mark.parametrize(
    ("args", "first", "last"),
    [
        (("today", "", ""), date(2026, 11, 22), date(2026, 11, 22)),
        (("yesterday", "", ""), date(2026, 11, 21), date(2026, 11, 21)),
        (("7days", "", ""), date(2026, 11, 16), date(2026, 11, 22)),
        (("30days", "", ""), date(2026, 10, 24), date(2026, 11, 22)),
        (("range", "2026-10-05", "2026-10-01"), date(2026, 10, 1), date(2026, 10, 5)),
        (("range", "2026-10-01", ""), date(2026, 10, 1), date(2026, 10, 1)),
        (("range", "2026-11-01", "2099-01-01"), date(2026, 11, 1), date(2026, 11, 22)),
        (("range", "2001-01-01", "2026-01-01"), date(2026, 1, 1) - LONGEST, date(2026, 1, 1)),
        (("range", "1999-01-01", "x"), date(2026, 11, 22), date(2026, 11, 22)),
    ],
)
def test_periods(args: tuple[str, str, str], first: date, last: date) -> None:
    found = period(*args, NOW, MADRID)
    assert (found.first, found.last) == (first, last)


def test_the_day_on_which_the_clock_changes_has_25_hours() -> None:
    found = period("range", "2026-10-25", "2026-10-25", NOW, MADRID)
    assert (found.end - found.begin).total_seconds() == 25 * 3600


def bars(chart: Chart) -> list[dict[str, Any]]:
    root = ET.fromstring(str(chart.svg))
    return [dict(rect.attrib) for rect in root.iter("rect")]


def test_columns_are_as_high_as_their_values() -> None:
    drawn = bars(
        Chart("t", ["a", "b"], [Series("x", "good", [4.0, 2.0]), Series("y", "bad", [0.0, 2.0])], WORDS.number)
    )
    heights = [float(one["height"]) for one in drawn]
    assert [one["class"] for one in drawn] == ["good", "good", "bad"]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.2)
    assert float(drawn[2]["y"]) + heights[2] == pytest.approx(float(drawn[1]["y"]), abs=0.2)  # stacked


def test_what_was_not_measured_has_no_column_and_words_stay_words() -> None:
    chart = Chart("<b>", ["<i>", "b"], [Series("&", "accent", [None, 0.5])], WORDS.percent, 1.0)
    assert len(bars(chart)) == 1
    assert chart.rows() == [("<i>", ["–"]), ("b", ["50%"])]
    assert "&lt;b&gt;" in str(chart.svg)
    assert Chart("t", ["a"], [Series("x", "good", [None])], WORDS.number).empty
