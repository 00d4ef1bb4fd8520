"""Three tabs of an agent, and what fails beneath them: the network is cut for ten seconds, the server is killed and
started again. Nothing is lost, nothing is there twice, no page has to be loaded again."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from callcenter import contacts, events
from callcenter.db import reading
from callcenter.desk import passwords
from callcenter.tables import messages
from tests.browsers import chromium
from tests.desk.processes import Processes
from tests.desk.support import PASSWORD, QUICK_HASHER
from tests.valkey import Valkey

__all__ = ["chromium"]
pytestmark = pytest.mark.timeout(300)
ANA = "+12025550101"
CUT = 10.0
"""Seconds without a network: longer than what a page notices at once, shorter than what ends a session."""


@pytest.fixture
def served(tmp_path: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    monkeypatch.setattr(passwords, "_hasher", QUICK_HASHER)
    made = Processes(tmp_path, valkey)
    try:
        made.start("web", "live", "router")
        yield made
    finally:
        made.close()


@dataclass
class Tabs:
    """Two pages Work, and a thread of text messages that is hers."""

    context: BrowserContext
    work: tuple[Page, Page]
    thread: Page
    contact: str

    @property
    def all(self) -> tuple[Page, ...]:
        return (*self.work, self.thread)

    def same(self) -> bool:
        """No page was loaded again."""
        return all(tab.evaluate("window.mark") == 1 for tab in self.all)


@pytest.fixture
def tabs(chromium: Browser, served: Processes) -> Iterator[Tabs]:
    context = chromium.new_context(base_url=served.base, viewport={"width": 1280, "height": 720})
    contact = served.text_comes(ANA, "Hello", "one")
    with served.engine.begin() as conn:
        contacts.set_served_by(conn, contact, "agent:maria", datetime.now(UTC))
    first = context.new_page()
    first.goto("/desk/login?next=/desk/work")
    first.get_by_label("Login").fill("maria")
    first.get_by_label("Password").fill(PASSWORD)
    first.get_by_role("button", name="Sign in").click()
    first.wait_for_url("**/desk/work*")
    second, third = context.new_page(), context.new_page()
    second.goto("/desk/work")
    third.goto(f"/desk/contacts/{contact}")
    first.get_by_label("Presence").last.select_option("available")
    for tab in (first, second):
        expect(tab.locator("#state")).to_have_text("ready")
    made = Tabs(context, (first, second), third, contact)
    for tab in made.all:
        tab.evaluate("window.mark = 1")
    yield made
    context.close()


def until(tab: Page, true: Callable[[], bool], what: str) -> None:
    """Wait for something that no page shows."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, what
        tab.wait_for_timeout(50)


def all_came(served: Processes, tabs: Tabs, waits: str) -> None:
    """What happened meanwhile is on each page once; taken in two tabs at once, the chat is taken once."""
    for tab in tabs.work:
        expect(tab.locator("[data-offer]")).to_have_count(1)
        expect(tab.locator("[data-offer]")).to_have_attribute("data-state", "offered")
    expect(tabs.thread.locator(".message.in .pre")).to_have_text(["Hello", "Are you there?"])
    assert tabs.same()
    for tab in tabs.work:
        tab.get_by_role("button", name="Accept").evaluate("(button) => button.click()")
    for tab in tabs.work:
        expect(tab.locator("[data-offer]")).to_have_attribute("data-state", "connected")
        expect(tab.locator("[data-offer]")).to_have_count(1)

    def kinds() -> Counter[str]:
        with reading(served.engine) as conn:
            return Counter(event.kind for event in events.of_contact(conn, waits))

    until(tabs.thread, lambda: kinds()["offer.connected"] > 0, "the event log has the conversation")
    assert {kind: kinds()[kind] for kind in ("queue.joined", "offer.made", "offer.accepted", "offer.connected")} == {
        "queue.joined": 1, "offer.made": 1, "offer.accepted": 1, "offer.connected": 1,
    }  # fmt: skip


def written(served: Processes) -> list[str]:
    with reading(served.engine) as conn:
        return list(conn.execute(sa.select(messages.c.body).where(messages.c.author == "agent:maria")).scalars())


def test_the_network_is_cut_for_ten_seconds(served: Processes, tabs: Tabs) -> None:
    cut_at = time.monotonic()
    tabs.context.set_offline(True)
    for wire in served.wires.values():
        wire.cut()
    waits = served.chat_waits("v1")
    served.text_comes(ANA, "Are you there?", "two")
    until(tabs.thread, lambda: len(served.queues.offers_of("maria")) == 1, "the router offers the chat")
    for tab in tabs.all:
        expect(tab.locator("#live-state")).to_have_text("Connection lost. Trying again…")
    until(tabs.thread, lambda: time.monotonic() - cut_at > CUT, "the time of the cut")
    for wire in served.wires.values():
        wire.mend()
    tabs.context.set_offline(False)
    all_came(served, tabs, waits)


def test_the_server_is_killed_and_started_again(served: Processes, tabs: Tabs) -> None:
    answer = tabs.thread.get_by_role("textbox", name="Your answer")
    answer.fill("I am looking")
    served.kill("web", "live")
    waits = served.chat_waits("v1")
    served.text_comes(ANA, "Are you there?", "two")
    answer.press("Control+Enter")
    expect(tabs.thread.locator("#reply-fault")).to_have_text("That didn't work. Try again.")
    expect(answer).to_have_value("I am looking")
    for tab in tabs.all:
        expect(tab.locator("#live-state")).to_have_text("Connection lost. Trying again…")
    until(tabs.thread, lambda: len(served.queues.offers_of("maria")) == 1, "the router offers the chat")
    served.start("web", "live")
    all_came(served, tabs, waits)
    answer.press("Control+Enter")
    expect(tabs.thread.locator(".message.out")).to_contain_text("I am looking")
    expect(answer).to_have_value("")
    assert written(served) == ["I am looking"]


def test_an_answer_of_the_server_is_lost_and_the_message_sent_again(served: Processes, tabs: Tabs) -> None:
    def lost(route: Route) -> None:
        """The server has it; the page isn't told."""
        assert route.fetch().status == 200
        route.abort("connectionreset")

    tabs.thread.route("**/reply", lost, times=1)
    answer = tabs.thread.get_by_role("textbox", name="Your answer")
    answer.fill("I am looking")
    answer.press("Control+Enter")
    expect(tabs.thread.locator("#reply-fault")).to_be_visible()
    tabs.thread.reload()
    expect(answer).to_have_value("I am looking")  # who can't know whether it has arrived is left what was written
    answer.press("Control+Enter")
    expect(answer).to_have_value("")
    expect(tabs.thread.locator(".message.out")).to_have_count(1)
    assert written(served) == ["I am looking"]
