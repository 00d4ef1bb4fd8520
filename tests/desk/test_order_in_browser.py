"""Answers come late, or in another order than they were asked for; keys are pressed before a page's scripts are there:
nothing that an agent does is lost. The races are made to happen: requests are held until what matters has happened."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect

from callcenter import contacts
from callcenter.acd.match import match
from callcenter.tables import messages
from tests.browsers import chromium
from tests.desk.floors import Board
from tests.desk.support import NOW, Desk
from tests.desk.test_browser import Served, Tab
from tests.desk.test_budget_in_browser import floor
from tests.waiting import until

__all__ = ["chromium", "floor"]


class Held:
    """Requests of a page that wait until they are let go, the first that was asked first; later ones don't wait."""

    def __init__(self, page: Page, url: str) -> None:
        self._page = page
        self._routes: list[Route] = []
        self._holding = True
        page.route(re.compile(url), self._asked)

    def _asked(self, route: Route) -> None:
        if self._holding:
            self._routes.append(route)
        else:
            route.continue_()

    def come(self, count: int = 1) -> None:
        while len(self._routes) < count:
            self._page.wait_for_timeout(10)

    def let_go(self) -> None:
        self._holding = False
        for route in self._routes:
            with self._page.expect_response(lambda answer, asked=route.request: answer.request == asked) as answer:  # type: ignore[misc]
                route.continue_()
            answer.value.finished()


class Told:
    """The live process of a page, which says when to look."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._sockets: list[WebSocketRoute] = []
        page.route_web_socket(re.compile("/live/desk$"), self._serve)
        page.route("**/desk/ticket", lambda route: route.fulfill(json={"ticket": "t", "url": "ws://live.example/live"}))

    def _serve(self, socket: WebSocketRoute) -> None:
        socket.on_message(lambda _: self._sockets.append(socket))

    def look(self) -> None:
        while not self._sockets:
            self._page.wait_for_timeout(10)
        self._sockets[0].send('{"kind": "welcome", "data": {"after": {}}}')


@contextmanager
def at_the_desk(chromium: Browser, floor: tuple[Served, Board]) -> Iterator[tuple[Tab, Served, Board]]:
    served, board = floor
    tab = Tab(chromium, served, "agent", viewport={"width": 1280, "height": 720})
    yield tab, served, board
    assert tab.complaints == []
    tab.context.close()


def test_a_call_that_connects_while_its_card_is_fetched_opens_its_page(
    chromium: Browser, floor: tuple[Served, Board]
) -> None:
    with at_the_desk(chromium, floor) as (tab, served, board):
        queues = board.queues()
        tab.page.goto("/desk/work")
        expect(tab.page.locator("#state")).to_have_text("signed out")
        cards = Held(tab.page, "/card$")
        with served.desk.engine.begin() as conn:
            contact = contacts.start(conn, channel="sip", caller="+12125550100", called="1", at=NOW, served_by="queue")
        queues.sign_in("maria")
        queues.join(contact, "sales", channel="sip")
        [proposal] = match(queues.snapshot(), queues.clock())
        [offer] = queues.claim(proposal)
        cards.come()  # because it is offered
        assert queues.accept(offer)
        assert queues.connected(offer)
        cards.let_go()
        expect(tab.page.locator("[data-offer]")).to_have_attribute("data-state", "connected")
        expect(tab.page).to_have_url(re.compile(f"at=.*contacts.*{contact}"))


def test_an_answer_chosen_before_the_script_is_there_is_put_in(chromium: Browser, floor: tuple[Served, Board]) -> None:
    with at_the_desk(chromium, floor) as (tab, served, _):
        scripts = Held(tab.page, r"/inbox\.js")
        tab.page.goto(f"/desk/contacts/{served.ids['contact']}", wait_until="commit")
        tab.page.get_by_label("Canned answer").select_option(label="We are late")
        scripts.come()
        scripts.let_go()
        expect(tab.page.get_by_role("textbox", name="Your answer")).to_have_value(re.compile("sorry"))


def write(desk: Desk, contact: str, text: str) -> None:
    """Another message of the customer."""
    with desk.engine.begin() as conn:
        conn.execute(
            sa.insert(messages).values(
                id="next", contact_id=contact, direction="in", channel="sms", sender="+15550101010", to="us",
                author="customer", body=text, provider_id="next", status="received", next_at=NOW, created_at=NOW,
            )
        )  # fmt: skip


@pytest.mark.parametrize("keys", [False, True])
def test_a_thread_that_has_news_while_it_is_chosen_is_chosen(
    chromium: Browser, floor: tuple[Served, Board], keys: bool
) -> None:
    """Between pressing and letting go of the button, or while it has the focus."""
    with at_the_desk(chromium, floor) as (tab, served, _):
        page, live = tab.page, Told(tab.page)
        page.goto("/desk/")
        thread = page.locator(f"#threads a[href*='{served.ids['contact']}']")
        if keys:
            thread.focus()
        else:
            thread.hover()
            page.mouse.down()
        write(served.desk, served.ids["contact"], "Are you there?")
        live.look()
        expect(thread).to_contain_text("Are you there?")
        if keys:
            page.keyboard.press("Enter")
        else:
            page.mouse.up()
        page.wait_for_url(f"**/contacts/{served.ids['contact']}*")


def test_threads_come_and_go_and_the_open_one_is_marked(chromium: Browser, floor: tuple[Served, Board]) -> None:
    with at_the_desk(chromium, floor) as (tab, served, _):
        page, live = tab.page, Told(tab.page)
        page.goto(f"/desk/contacts/{served.ids['contact']}")
        shown = "[...document.querySelectorAll('#threads a')].map((link) => [link.href, link.ariaCurrent])"
        there = page.evaluate(shown)
        assert "true" in there[0]
        page.evaluate("""() => {
          const list = document.getElementById("threads"), line = list.firstElementChild.cloneNode(true);
          line.querySelector("a").href = "/desk/contacts/gone";
          list.replaceChildren(line);
        }""")
        assert page.evaluate(shown) != there
        live.look()
        assert until(lambda: page.evaluate(shown) == there)
