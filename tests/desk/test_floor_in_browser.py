"""The floor in Chromium: it keeps itself up, what supervisors do is done, nothing is wrong for axe."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy.engine import Engine
from werkzeug.serving import make_server

from callcenter import control
from tests.browsers import chromium
from tests.desk.floors import Board, arrive, drain, talk
from tests.desk.support import make_desk
from tests.desk.test_browser import Quiet, Served, Tab
from tests.valkey import Valkey, stream

__all__ = ["chromium"]


LATER = """
const [set, clear] = [setTimeout, clearTimeout];
window.hiding = [];
window.setTimeout = (what, wait, ...more) => (wait === 2500 ? -window.hiding.push(what) : set(what, wait, ...more));
window.clearTimeout = (one) => (one < 0 ? delete window.hiding[-1 - one] : clear(one));
"""
"""What hides the line that says "Done." waits to be told."""


BROKEN = """
[...document.querySelectorAll("#queues td > span, #agents td > span")].filter((part) => {
  const text = document.createRange();
  text.selectNodeContents(part);
  return new Set([...text.getClientRects()].map((line) => line.top)).size > 1;
}).map((part) => part.textContent)
"""
"""Names, states and numbers that take more than one line."""


@pytest.fixture
def board(valkey: Valkey) -> Board:
    return Board(valkey)


@pytest.fixture
def served(sqlite_engine: Engine, tmp_path: Path, board: Board) -> Iterator[Served]:
    desk = make_desk(sqlite_engine, tmp_path, clock=lambda: datetime.now(UTC), switchboard=board)
    server = make_server("127.0.0.1", 0, desk.app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Served(desk, {}, f"http://127.0.0.1:{server.port}")
    server.shutdown()
    thread.join()
    server.server_close()


def busy(engine: Engine, board: Board) -> dict[str, str]:
    """A bit of everything."""
    queues, found = board.queues(), {}
    for agent in ("maria", "tom"):
        queues.sign_in(agent)
    found["talks"] = arrive(engine, queues, "sales", caller="+12125550100", name="Ana Silva", ago=70)
    queues.announce(found["talks"], 1, None)
    talk(queues, found["talks"], "maria")
    queues.set_presence("tom", "unavailable", "lunch")
    found["waits"] = arrive(engine, queues, "billing", caller="+12125550101", name="Joe Silva", ago=200, priority=10)
    found["chats"] = arrive(engine, queues, "sales", channel="chat", caller="<img src=x onerror=alert(1)>", ago=8)
    for number in range(6):
        gone = arrive(engine, queues, "billing", caller="+12125550102", ago=30 + number)
        queues.leave(gone, "abandoned")
    back = arrive(engine, queues, "sales", caller="+12125550103", ago=500)
    queues.request_callback(back, "+12125550103")
    drain(engine, queues)
    return found


def test_an_auditor_asks_for_nothing_that_is_refused(chromium: Browser, served: Served, board: Board) -> None:
    """The page has leave to follow the floor, like a supervisor's."""
    busy(served.desk.engine, board)
    tab = Tab(chromium, served, "auditor")
    with tab.page.expect_response("**/floor/ticket") as answer:
        tab.page.goto("/desk/floor")
    assert answer.value.status == 200
    assert answer.value.json()["ticket"] == f"{served.desk.people['auditor'].id} floor"
    expect(tab.page.locator("#waiting tbody tr[data-key]")).to_have_count(2)
    expect(tab.page.get_by_role("button", name="Actions")).to_have_count(0)
    assert tab.complaints == []
    tab.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(chromium: Browser, served: Served, board: Board, scheme: str) -> None:
    busy(served.desk.engine, board)
    tab = Tab(chromium, served, "supervisor", color_scheme=scheme, viewport={"width": 1280, "height": 720})
    tab.page.goto("/desk/floor")
    expect(tab.page.locator("#waiting tbody tr[data-key]")).to_have_count(2)
    assert tab.violations() == []
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert tab.page.evaluate(BROKEN) == []
    tab.page.get_by_role("button", name="Actions: Joe Silva").click()
    expect(tab.page.get_by_role("dialog", name="Joe Silva")).to_be_visible()
    assert tab.violations() == []
    assert tab.complaints == []
    tab.context.close()


def test_it_keeps_itself_up_and_does_what_it_is_told(chromium: Browser, served: Served, board: Board) -> None:
    ids, queues = busy(served.desk.engine, board), board.queues()
    tab = Tab(chromium, served, "supervisor")
    page = tab.page
    page.goto("/desk/floor")
    waiting = page.locator("#waiting tbody tr[data-key]")
    expect(page.get_by_role("list", name="Alerts")).to_contain_text("Billing: somebody has waited longer than 1:30")
    expect(waiting.nth(1)).to_contain_text("<img src=x")  # words, no picture
    opener = page.get_by_role("button", name="Actions: Joe Silva")
    opener.focus()
    arrive(served.desk.engine, queues, "sales", caller="+12125550109", name="Zoe New")
    expect(waiting).to_have_count(3)
    expect(opener).to_be_focused()  # rows that stay are left alone
    opener.click()
    dialog = page.get_by_role("dialog", name="Joe Silva")
    dialog.get_by_label("Priority, 0 to 100").fill("55")
    dialog.get_by_role("button", name="Change").click()
    expect(waiting.first.locator("td").nth(3)).to_have_text("55")
    opener.click()
    dialog.get_by_label("Queue").select_option(label="Sales")
    dialog.get_by_role("button", name="Move").click()
    expect(waiting.first).to_contain_text("Sales")
    assert queues.entry(ids["waits"])["queue"] == "sales"

    page.get_by_role("button", name="Actions: Ana Silva – Maria Ortiz").click()
    page.get_by_role("button", name="Listen").click()
    expect(page.get_by_role("alert")).to_contain_text("Sign in on the page Work first")
    page.get_by_role("button", name="Actions: Tom Baker").click()
    page.get_by_role("dialog", name="Tom Baker").get_by_role("button", name="Sign out").click()
    expect(page.locator("#agents tbody tr[data-key]")).to_have_count(1)

    page.on("dialog", lambda asked: asked.accept())
    page.get_by_role("button", name="Close all queues").click()
    expect(page.locator("#queues")).to_contain_text("closed")
    page.get_by_role("button", name="Reopen all queues").click()
    expect(page.get_by_role("button", name="Close all queues")).to_be_visible()
    assert [line for line in tab.complaints if "422" not in line] == []
    tab.context.close()


def test_who_only_looks_has_no_buttons(chromium: Browser, served: Served, board: Board) -> None:
    busy(served.desk.engine, board)
    tab = Tab(chromium, served, "auditor")
    tab.page.goto("/desk/floor")
    expect(tab.page.locator("#waiting tbody tr[data-key]")).to_have_count(2)
    expect(tab.page.get_by_role("button", name=re.compile("Actions|Close all"))).to_have_count(0)
    tab.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_emergency_is_announced_and_everybody_on_the_floor_sees_it(
    chromium: Browser, served: Served, board: Board, scheme: str
) -> None:
    busy(served.desk.engine, board)
    other = Tab(chromium, served, "auditor", color_scheme=scheme)
    other.page.goto("/desk/floor")
    tab = Tab(chromium, served, "supervisor", color_scheme=scheme, viewport={"width": 1280, "height": 720})
    page = tab.page
    page.goto("/desk/floor")
    page.get_by_role("button", name="Emergency announcement").click()
    dialog = page.get_by_role("dialog", name="Emergency announcement")
    dialog.get_by_label("What is said").select_option("emergency.outage")
    expect(dialog.get_by_text("No hay luz.")).to_be_visible()
    expect(dialog.get_by_label("Words in English")).to_be_hidden()
    dialog.get_by_label("What is said").select_option("")
    dialog.get_by_label("Words in English").fill("The <b>office</b> is on fire.")
    dialog.get_by_label("And then").select_option("hang_up")
    assert tab.violations() == []
    page.once("dialog", lambda asked: asked.dismiss())
    dialog.get_by_role("button", name="Announce it now").click()
    assert served.desk.messaging.told == []  # thought better of it
    page.on("dialog", lambda asked: asked.accept())
    dialog.get_by_role("button", name="Announce it now").click()
    for seen in (other.page, page):
        seen.bring_to_front()  # a page that nobody sees doesn't ask
        expect(seen.locator("#emergencies")).to_contain_text("The <b>office</b> is on fire.", timeout=30_000)
    assert tab.violations() == []
    expect(other.page.get_by_role("button", name="End it")).to_have_count(0)
    page.get_by_role("button", name="End it").click()
    expect(page.get_by_text("It is announced no longer.")).to_be_visible()
    for seen in (page, other.page):
        seen.bring_to_front()
        expect(seen.locator("#emergencies [data-emergency]")).to_have_count(0, timeout=30_000)
    assert tab.complaints == []
    assert [line for line in other.complaints if "403" not in line] == []  # an auditor follows nothing live
    tab.context.close()
    other.context.close()


def test_skills_and_presence_are_changed_and_a_call_ended(chromium: Browser, served: Served, board: Board) -> None:
    ids, queues = busy(served.desk.engine, board), board.queues()
    tab = Tab(chromium, served, "supervisor")
    page = tab.page
    page.add_init_script(LATER)
    page.goto("/desk/floor")
    page.get_by_role("button", name="Actions: Tom Baker").click()
    dialog = page.get_by_role("dialog", name="Tom Baker")
    expect(dialog.get_by_label("spanish")).to_have_value("3")
    dialog.get_by_label("sales").fill("4")
    assert tab.violations() == []
    dialog.get_by_role("button", name="Change until midnight").click()
    row = page.locator("#agents tbody tr[data-key=tom]")
    expect(row).to_contain_text("sales 4 spanish 3 today")
    tom = queues.agent("tom")
    assert tom is not None
    assert tom.skills == {"sales": 4, "spanish": 3}
    page.get_by_role("button", name="Actions: Tom Baker").click()
    expect(dialog).to_contain_text("usually 0")
    dialog.get_by_role("button", name="As usual again").click()
    expect(row).not_to_contain_text("today")
    page.get_by_role("button", name="Actions: Tom Baker").click()
    dialog.get_by_label("Why").fill("needed now")
    dialog.get_by_role("button", name="Set").click()
    expect(row).to_contain_text("ready")
    page.get_by_role("button", name="Actions: Ana Silva – Maria Ortiz").click()
    talking = page.get_by_role("dialog", name="Ana Silva – Maria Ortiz")
    talking.get_by_label("Why").fill("threats")
    talking.get_by_role("button", name="End the call for both").click()
    expect(page.get_by_text("Done.")).to_be_visible()
    page.evaluate("hiding.slice(0, -1).forEach((hide) => hide())")
    expect(page.get_by_text("Done.")).to_be_visible()  # what was done before hides only what it said itself
    page.evaluate("hiding.at(-1)()")
    expect(page.get_by_text("Done.")).to_be_hidden()
    [(_, order)] = stream(queues.client, control.key(ids["talks"]))
    assert (order[b"verb"], order[b"by"]) == (b"hang_up", b"maria")
    assert tab.complaints == []
    tab.context.close()
