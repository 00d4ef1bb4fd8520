"""Staffing in Chromium: nothing is wrong for axe, light and dark, in both languages' widths; keyboard and form."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from tests.browsers import chromium
from tests.desk.test_browser import Served, Tab, served
from tests.desk.test_staffing import QUEUES, TODAY
from tests.reports import weeks

__all__ = ["chromium", "served"]


@pytest.fixture(scope="module")
def filled(served: Served) -> Served:
    served.desk.flows.files["queues"] = QUEUES
    with served.desk.engine.begin() as conn:
        weeks.write(conn, TODAY, ZoneInfo("Europe/Madrid"))
    return served


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Browser, filled: Served, scheme: str) -> None:
    tab = Tab(chromium, filled, "supervisor", color_scheme=scheme, viewport={"width": 1280, "height": 720})
    for query in ("", "day=2026-11-24&shrinkage=99", "queue=sales"):
        path = f"/desk/staffing?{query}"
        tab.page.goto(path)
        for folded in tab.page.locator("main details").all():
            folded.evaluate("one => { one.open = true; }")
        assert tab.violations() == [], path
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 1280, path
    assert tab.complaints == []
    tab.context.close()


def test_a_narrow_screen_has_no_sideways_scrolling(chromium: Browser, filled: Served) -> None:
    tab = Tab(chromium, filled, "supervisor", viewport={"width": 390, "height": 800})
    tab.page.goto("/desk/staffing?day=2026-11-24")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
    tab.context.close()


def test_by_keyboard_to_an_address_that_shows_the_same(chromium: Browser, filled: Served) -> None:
    tab = Tab(chromium, filled, "supervisor")
    page = tab.page
    page.goto("/desk/staffing")
    main = page.locator("main")
    main.get_by_label("More contacts, %").focus()
    page.keyboard.type("100")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("volume=100"))
    main.get_by_role("link", name=re.compile("Nov 24, 2026")).press("Enter")
    page.wait_for_url(re.compile("volume=100.*day=2026-11-24"))
    ten = main.get_by_role("region", name="By half-hour").get_by_role("row").filter(has_text=re.compile("^10:00"))
    expect(ten.get_by_role("cell").first).to_have_text("12.0")
    with page.expect_download() as download:
        main.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "staffing-2026-W48-billing.csv"
    tab.context.close()
