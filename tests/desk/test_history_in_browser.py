"""The history in Chromium: nothing is wrong for axe, light and dark; the form leads to the address that shows it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.browsers import chromium
from tests.desk.test_browser import Served, Tab, served
from tests.reports import day

__all__ = ["chromium", "served"]
DAY = "period=range&from=2026-11-20&to=2026-11-20"


@pytest.fixture(scope="module")
def filled(served: Served) -> Served:
    with served.desk.engine.begin() as conn:
        day.write(conn)
    return served


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Browser, filled: Served, scheme: str) -> None:
    tab = Tab(chromium, filled, "supervisor", color_scheme=scheme, viewport={"width": 1280, "height": 720})
    for path in (f"/desk/history?{DAY}&group=hour", "/desk/history?period=today", f"/desk/history/flows/main?{DAY}"):
        tab.page.goto(path)
        for folded in tab.page.locator("main details").all():
            folded.evaluate("one => { one.open = true; }")
        assert tab.violations() == [], path
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 1280, path
    assert tab.complaints == []
    tab.context.close()


def test_who_chooses_a_day_means_it(chromium: Browser, filled: Served) -> None:
    tab = Tab(chromium, filled, "supervisor")
    tab.page.goto("/desk/history?period=today")
    tab.page.get_by_label("From", exact=True).fill("2026-11-20")
    expect(tab.page.get_by_role("combobox", name="Period")).to_have_value("range")
    tab.context.close()


def test_the_form_leads_to_an_address_that_shows_the_same(chromium: Browser, filled: Served) -> None:
    tab = Tab(chromium, filled, "supervisor")
    page = tab.page
    page.goto(f"/desk/history?{DAY}")
    main = page.locator("main")
    main.get_by_role("combobox", name="By").select_option("agent")
    main.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("group=agent"))
    said = main.get_by_role("region", name="Queues and agents").inner_text()
    assert "cleo" in said
    page.goto(page.url)
    expect(main.get_by_role("region", name="Queues and agents")).to_contain_text("cleo")
    assert main.get_by_role("region", name="Queues and agents").inner_text() == said
    with page.expect_download() as download:
        main.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "history-2026-11-20-2026-11-20-agent.csv"
    tab.context.close()
