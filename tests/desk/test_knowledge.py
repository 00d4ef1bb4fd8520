"""The knowledge base on the desk: searching, reading, articles beside a conversation, what they were good for; in
Chromium, for axe and inserting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Route, expect
from sqlalchemy.engine import Engine

from callcenter import contacts, events
from callcenter.db import reading
from callcenter.desk.suggesting import last_words
from callcenter.tables import ANSWERS, messages
from callcenter.tables import events as events_table
from ivr.actions import specs
from ivr.flow.load import read_folders
from ivr.flow.model import FlowSet
from ivr.knowledge import PublishedKnowledge
from tests.browsers import chromium
from tests.desk.seed import seed
from tests.desk.support import NOW, Desk, make_desk
from tests.desk.test_browser import Served, Tab, served

__all__ = ["chromium", "served"]
NEWS = """document.dispatchEvent(new CustomEvent("desk:live",
  {detail: {kind: "message", topic: "contact:x", data: {}}}))"""
ROOT = Path(__file__).parents[2]


@cache
def demo() -> FlowSet:
    return read_folders(ROOT / "flows", ROOT / "prompts", specs())[0]


@pytest.fixture
def desk(sqlite_engine: Engine, tmp_path: Path) -> Desk:
    return make_desk(sqlite_engine, tmp_path, knowledge=PublishedKnowledge(demo, lambda: NOW))


def answered(desk: Desk, kind: str, minutes: int = 5, **data: str) -> str:
    """An event of a contact of its own; the contact."""
    at = NOW - timedelta(minutes=minutes)
    with desk.engine.begin() as conn:
        contact = contacts.start(conn, channel="sip", caller="+15550109999", called="1", at=at)
        events.record(conn, contact, None, kind, {"language": "en", **data}, at)
    return contact


@contextmanager
def written(desk: Desk, contact: str, text: str) -> Iterator[None]:
    """Another message of the customer, for a while."""
    made = {
        "id": "next",
        "contact_id": contact,
        "direction": "in",
        "channel": "sms",
        "sender": "+15550101010",
        "to": "us",
    }
    with desk.engine.begin() as conn:
        conn.execute(sa.insert(messages).values(**made, author="customer", body=text, provider_id="next",
                                                status="received", next_at=NOW, created_at=NOW))  # fmt: skip
    try:
        yield
    finally:
        with desk.engine.begin() as conn:
            conn.execute(sa.delete(messages).where(messages.c.id == "next"))


def test_articles_are_listed_found_and_read(desk: Desk) -> None:
    for role in ("agent", "auditor"):
        browser = desk.browser(role)
        page = browser.get("/desk/knowledge").text
        assert all(title in page for title in ("Direct debit", "La lectura del medidor"))
        found = browser.get("/desk/knowledge?q=how+do+I+read+the+meter&language=en").text
        assert "/desk/knowledge/en/meter_reading" in found
        assert "La lectura" not in found
        article = browser.get("/desk/knowledge/en/meter_reading").text
        assert "<strong>Black figures</strong> are whole units" in article
        assert 'href="/desk/knowledge/es/meter_reading"' in article
        assert browser.get("/desk/knowledge/en/nothing").status_code == 404
    assert "No article was found for “&lt;b&gt;”" in desk.browser("agent").get("/desk/knowledge?q=<b>").text


def test_html_in_an_article_is_text(sqlite_engine: Engine, tmp_path: Path) -> None:
    from tests.flow.knowledge.support import METER, company

    text = METER + "\n<script>alert(1)</script> [x](javascript:alert(1)) ![y](https://elsewhere.example/y.png)\n"
    flows = company(tmp_path / "files", {"en/meter.md": text.replace("black figures.", "black figures. <b>x</b>")})[0]
    desk = make_desk(sqlite_engine, tmp_path, knowledge=PublishedKnowledge(lambda: flows, lambda: NOW))
    page = desk.browser("agent").get("/desk/knowledge/en/meter").text
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;b&gt;x" in page
    assert 'href="javascript:' not in page
    assert "<img" not in page.partition("<main")[2]


def test_without_articles_the_page_says_where_they_come_from(sqlite_engine: Engine, tmp_path: Path) -> None:
    desk = make_desk(sqlite_engine, tmp_path)
    assert "flows/knowledge/" in desk.browser("admin").get("/desk/knowledge").text
    ids = seed(desk.engine, desk.folder)
    assert 'id="articles"' not in desk.browser("agent").get(f"/desk/contacts/{ids['contact']}").text


def test_what_the_customer_wrote_suggests_articles(desk: Desk) -> None:
    ids = seed(desk.engine, desk.folder)
    page = desk.browser("agent").get(f"/desk/contacts/{ids['contact']}").text
    beside = page.partition('id="articles"')[2].partition("</section>")[0]
    assert "A bill that is higher than usual" in beside
    assert "Reading the meter" not in beside


def test_a_question_to_the_flow_suggests_articles_on_a_call(desk: Desk) -> None:
    call = answered(desk, "answer_unknown", question="is my deposit refund coming")
    page = desk.browser("agent").get(f"/desk/contacts/{call}").text
    assert "Getting the deposit back" in page.partition('id="articles"')[2]
    with reading(desk.engine) as conn:
        assert last_words(conn, call) == ["is my deposit refund coming"]


def test_searching_beside_a_conversation(desk: Desk) -> None:
    ids = seed(desk.engine, desk.folder)
    part = desk.browser("agent").get(f"/desk/contacts/{ids['contact']}/knowledge?q=brown water").text
    assert 'data-insert="Our water meets every state' in part
    assert "<html" not in part
    assert desk.browser("agent").get("/desk/contacts/nothing/knowledge?q=x").status_code == 404


def test_inserting_is_counted(desk: Desk) -> None:
    ids = seed(desk.engine, desk.folder)
    agent = desk.browser("agent")
    path = f"/desk/contacts/{ids['contact']}/knowledge/en/high_bill"
    assert agent.post(path).status_code == 204
    assert agent.post(path.replace("high_bill", "nothing")).status_code == 404
    assert desk.browser("auditor").post(path).status_code == 403
    with reading(desk.engine) as conn:
        found = conn.execute(sa.select(events_table.c.contact_id, events_table.c.data).where(ANSWERS)).all()
    assert found == [(ids["contact"], {"article": "high_bill", "language": "en", "by": "agent:maria"})]


def test_what_helped_and_what_nobody_could_answer(desk: Desk) -> None:
    for kind in ("answer_shown", "answer_shown", "answer_helped", "answer_not_helped"):
        answered(desk, kind, article="deposit", question="q")
    for words in ("do you sell tulips", "can I buy tulips", "where can I park <b>"):
        answered(desk, "answer_unknown", question=words)
    answered(desk, "answer_unknown", 60 * 24 * 40, question="long ago")
    page = desk.browser("supervisor").get("/desk/knowledge/use").text
    assert "do you sell tulips" in page
    assert "where can I park &lt;b&gt;" in page
    assert "long ago" not in page
    assert "In all: 3." in page
    assert "50 %" in page
    assert "Not used: 13" in page
    assert "long ago" in desk.browser("supervisor").get("/desk/knowledge/use?days=90").text
    assert desk.browser("supervisor").get("/desk/knowledge/use?days=x").status_code == 200
    assert desk.browser("agent").get("/desk/knowledge/use").status_code == 403


@pytest.fixture
def used(served: Served) -> Iterator[Served]:
    for kind in ("answer_shown", "answer_helped"):
        answered(served.desk, kind, article="deposit", question="q")
    answered(served.desk, "answer_unknown", question="do you sell tulips")
    yield served
    with served.desk.engine.begin() as conn:
        conn.execute(sa.delete(events_table).where(ANSWERS))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Browser, used: Served, scheme: str) -> None:
    tab = Tab(chromium, used, "supervisor", color_scheme=scheme, viewport={"width": 1280, "height": 720})
    for path in (
        "/desk/knowledge",
        "/desk/knowledge?q=meter",
        "/desk/knowledge/en/meter_reading",
        "/desk/knowledge/use",
    ):
        tab.page.goto(path)
        assert tab.violations() == [], path
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert tab.complaints == []
    tab.context.close()


def test_a_short_answer_is_inserted_and_can_be_changed(chromium: Browser, used: Served) -> None:
    tab = Tab(chromium, used, "agent", viewport={"width": 1280, "height": 720})
    tab.page.goto(used.path("contact"))
    card = tab.page.locator("#articles")
    reply = tab.page.locator("#text")
    expect(card.get_by_role("link", name="A bill that is higher than usual")).to_be_visible()
    card.get_by_role("searchbox").fill("can I pay in installments")
    card.get_by_role("searchbox").press("Enter")
    first = card.get_by_role("button", name="Insert: Paying in installments")
    expect(first).to_be_visible()
    assert tab.violations() == []
    reply.fill("Hello Ana.")
    with tab.page.expect_response(lambda answer: answer.url.endswith("/knowledge/en/payment_plan")) as counted:
        first.click()
    assert counted.value.status == 204
    expect(reply).to_have_value(
        "Hello Ana. Yes. You can spread a bill over up to six months without interest, as long as "
        "it isn't more than sixty days overdue. Our agents set it up with you in a few minutes."
    )
    expect(reply).to_be_focused()
    assert tab.complaints == []
    tab.context.close()


def test_what_is_searched_for_is_shown_though_suggestions_come_before_it(chromium: Browser, used: Served) -> None:
    tab = Tab(chromium, used, "agent", viewport={"width": 1280, "height": 720})
    tab.page.goto(used.path("contact"))
    card = tab.page.locator("#articles")
    asked: list[Route] = []
    tab.page.route(re.compile(r"/knowledge\?q="), lambda route: asked.append(route))
    tab.page.evaluate(NEWS)
    card.get_by_role("searchbox").fill("deposit refund")
    card.get_by_role("searchbox").press("Enter")
    while len(asked) < 2:
        tab.page.wait_for_timeout(10)
    for route in asked:
        with tab.page.expect_response(re.compile(r"/knowledge\?q=")) as answer:
            route.continue_()
        answer.value.finished()
    expect(card.get_by_role("link", name="Getting the deposit back")).to_be_visible()
    assert tab.complaints == []
    tab.context.close()


def test_what_the_customer_writes_next_brings_other_articles_unless_somebody_searched(
    chromium: Browser, used: Served
) -> None:
    tab = Tab(chromium, used, "agent", viewport={"width": 1280, "height": 720})
    tab.page.goto(used.path("contact"))
    card = tab.page.locator("#articles")
    expect(card.get_by_role("link", name="A bill that is higher than usual")).to_be_visible()
    with (
        written(used.desk, used.ids["contact"], "the water smells of chlorine"),
        tab.page.expect_response(lambda answer: "/knowledge?q=" in answer.url) as answer,
    ):
        tab.page.evaluate(NEWS)
        answer.value.finished()
    expect(card.get_by_role("link", name="Water quality")).to_be_visible()
    card.get_by_role("searchbox").fill("deposit refund")
    card.get_by_role("searchbox").press("Enter")
    expect(card.get_by_role("link", name="Getting the deposit back")).to_be_visible()
    tab.page.locator("#text").focus()
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.page.evaluate(NEWS)
    tab.page.evaluate("fetch('/desk/knowledge?later').then(() => 0)")
    assert [url for url in asked if "/knowledge?" in url] == [f"{used.base}/desk/knowledge?later"]
    expect(card.get_by_role("link", name="Getting the deposit back")).to_be_visible()
    tab.context.close()
