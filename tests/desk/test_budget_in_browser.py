"""What a first look costs: bytes as they come over the network, other hosts, errors, things that jump about."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.engine import Engine
from werkzeug.serving import make_server

from tests.browsers import chromium
from tests.desk.floors import Board
from tests.desk.seed import seed
from tests.desk.support import make_desk
from tests.desk.test_browser import Quiet, Served, Tab
from tests.desk.test_floor_in_browser import busy
from tests.valkey import Valkey

__all__ = ["chromium"]
MOST_BYTES = 100_000
MOST_SHIFT = 0.1
"""Cumulative layout shift that counts as good (https://web.dev/articles/cls)."""
SHIFTS = """() => new Promise((done) => {
  const seen = new PerformanceObserver((list) => list.getEntries().forEach(add));
  let sum = 0;
  const add = (entry) => { if (!entry.hadRecentInput) sum += entry.value; };
  seen.observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => { seen.takeRecords().forEach(add); done(sum); }));
})"""


@pytest.fixture
def floor(sqlite_engine: Engine, tmp_path: Path, valkey: Valkey) -> Iterator[tuple[Served, Board]]:
    board = Board(valkey)
    desk = make_desk(sqlite_engine, tmp_path, clock=lambda: datetime.now(UTC), switchboard=board)
    ids = seed(sqlite_engine, tmp_path)
    server = make_server("127.0.0.1", 0, desk.app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield Served(desk, ids, f"http://127.0.0.1:{server.port}"), board
    server.shutdown()
    thread.join()
    server.server_close()


def settled(page: Page, name: str) -> None:
    """What comes after the page itself is there."""
    match name:
        case "login":
            expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        case "work":
            expect(page.locator("#state")).to_have_text("signed out")
            expect(page.frame_locator("#page").locator("#threads")).to_be_visible()
        case "floor":
            expect(page.locator("#waiting tbody tr[data-key]")).to_have_count(2)
        case _:
            expect(page.locator("#threads")).to_be_visible()
    page.wait_for_load_state("load")


@pytest.mark.parametrize(("name", "role"), [("login", ""), ("work", "agent"), ("inbox", "agent"),
                                            ("contact", "agent"), ("floor", "supervisor")])  # fmt: skip
def test_a_first_look(chromium: Browser, floor: tuple[Served, Board], name: str, role: str) -> None:
    served, board = floor
    if name == "floor":
        busy(served.desk.engine, board)
    tab = Tab(chromium, served, role, viewport={"width": 1280, "height": 720})
    path = {"login": "/desk/login", "work": "/desk/work", "inbox": "/desk/", "floor": "/desk/floor",
            "contact": f"/desk/contacts/{served.ids['contact']}"}[name]  # fmt: skip
    wire = tab.context.new_cdp_session(tab.page)
    wire.send("Network.enable")
    wire.send("Network.clearBrowserCache")
    bytes: list[float] = []
    wire.on("Network.loadingFinished", lambda told: bytes.append(told["encodedDataLength"]))
    tab.page.goto(path)
    settled(tab.page, name)
    shift = tab.page.evaluate(SHIFTS)
    assert 5_000 < sum(bytes) < MOST_BYTES, [round(one) for one in bytes]
    assert shift < MOST_SHIFT
    assert {re.sub(r"/desk/.*", "", host) for host in tab.hosts} == {served.base}
    assert tab.complaints == []
    print(f"{name}: {len(bytes)} requests, {sum(bytes) / 1000:.1f} kB, shift {shift:.3f}")
    tab.context.close()
