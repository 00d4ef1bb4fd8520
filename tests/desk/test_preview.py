"""An agent looks at whom a campaign would call, and calls or skips."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect
from sqlalchemy.engine import Engine
from werkzeug.serving import make_server

from callcenter import contacts, customers
from callcenter.acd.match import match
from callcenter.campaigns import calls
from callcenter.campaigns.config import BY_AGENTS, from_data
from callcenter.campaigns.deciding import Lists
from callcenter.db import reading
from callcenter.queues import previewing
from callcenter.tables import campaign_people
from tests.browsers import chromium
from tests.desk.support import NOW, Desk, make_desk
from tests.desk.test_browser import Quiet, Served, Tab
from tests.desk.test_calls import Board, got, post
from tests.valkey import Valkey

__all__ = ["chromium"]
PLAN = {"campaigns": {"plan": {"queue": "sales", "preview": True, "skips": {"not_now": "later", "moved": "close"}}}}


@pytest.fixture
def board(valkey: Valkey) -> Board:
    return Board(valkey)


@pytest.fixture
def desk(sqlite_engine: Engine, tmp_path: Path, board: Board) -> Desk:
    return make_desk(sqlite_engine, tmp_path, switchboard=board)


@pytest.fixture
def offer(desk: Desk, board: Board) -> str:
    """Whom maria looks at: Dana, on the list of a campaign."""
    queues, lists = board.queues(), Lists(from_data(PLAN))
    with desk.engine.begin() as conn:
        customer = customers.create(conn, at=NOW, name="Dana")
        conn.execute(
            sa.insert(campaign_people).values(
                id=uuid.uuid4().hex, campaign="plan", number="+12125550142", customer_id=customer, state="queued",
                attributes={"due": "7 May"}, contact_id="c1", next_at=NOW, imported_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip
        contacts.start(conn, channel="sip", caller="", called="+12125550142", at=NOW, direction="out", contact_id="c1")
        person = row(desk, conn)
    data = {"slots": calls.slots_of(person), BY_AGENTS: calls.settings_of(lists, person, lists.campaigns["plan"], "en")}
    queues.request_callback("c1", "+12125550142", queue="sales", customer_id=customer, priority=-1, data=data)
    queues.sign_in("maria")
    (proposal,) = match(queues.snapshot(), queues.clock())
    (made,) = queues.claim(proposal)
    return made


def row(desk: Desk, conn: Any = None) -> Any:
    if conn is not None:
        return conn.execute(sa.select(campaign_people)).one()
    with reading(desk.engine) as found:
        return found.execute(sa.select(campaign_people)).one()


def test_the_card_says_whom_and_asks(desk: Desk, offer: str) -> None:
    maria = desk.browser("agent")
    (shown,) = got(maria, "/desk/agent")["offers"]
    assert (shown["id"], shown["preview"]) == (offer, True)
    card = maria.get(f"/desk/offers/{offer}/card").text
    assert "7 May" in card
    assert 'data-do="call"' in card
    assert '<option value="not_now">not now</option>' in card
    assert 'data-do="accept"' not in card


def test_the_agent_calls(desk: Desk, board: Board, offer: str) -> None:
    maria = desk.browser("agent")
    (shown,) = post(maria, f"/desk/offers/{offer}/call").json["offers"]
    assert shown["preview"] is False
    assert previewing.decision(board.queues(), offer) == "call"
    assert 'data-do="accept"' in maria.get(f"/desk/offers/{offer}/card").text
    assert post(maria, f"/desk/offers/{offer}/skip", reason="not_now").status_code == 422
    assert row(desk).state == "queued"


@pytest.mark.parametrize(("reason", "state"), [("not_now", "waiting"), ("moved", "done")])
def test_the_agent_skips(desk: Desk, board: Board, offer: str, reason: str, state: str) -> None:
    maria = desk.browser("agent")
    assert post(maria, f"/desk/offers/{offer}/skip", reason="lazy").status_code == 422
    assert post(maria, f"/desk/offers/{offer}/skip", reason=reason).status_code == 200
    found = row(desk)
    assert (found.state, found.result, found.code, found.agent) == (state, "skipped", reason, "maria")
    assert got(maria, "/desk/agent")["offers"] == []
    assert board.queues().requested("c1") is None
    assert board.queues().agents()["maria"].state == "idle"
    assert post(maria, f"/desk/offers/{offer}/call").status_code == 422


def test_another_agents_is_not_decided(desk: Desk, board: Board, offer: str) -> None:
    assert not previewing.decide(board.queues(), "sam", offer, "call")
    assert post(desk.browser("admin"), f"/desk/offers/{offer}/call").status_code == 422
    assert previewing.decision(board.queues(), offer) == ""


@pytest.fixture
def site(desk: Desk) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, desk.app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_in_a_browser_the_reason_is_wanted_and_both_buttons_work(
    chromium: Browser, desk: Desk, board: Board, offer: str, site: str
) -> None:
    tab = Tab(chromium, Served(desk, {}, site), "agent", viewport={"width": 1000, "height": 800})
    tab.page.goto("/desk/work")
    card = tab.page.locator(f"[data-offer='{offer}']")
    expect(card.get_by_role("button", name="Call now")).to_be_visible(timeout=30_000)
    assert tab.violations() == []
    card.get_by_role("button", name="Skip").click()  # without a reason: the browser wants one
    card.get_by_role("button", name="Call now").click()
    expect(card.get_by_role("button", name="Accept")).to_be_visible(timeout=30_000)
    assert previewing.decision(board.queues(), offer) == "call"
    tab.context.close()


def test_in_a_browser_whoever_is_skipped_is_gone(
    chromium: Browser, desk: Desk, board: Board, offer: str, site: str
) -> None:
    tab = Tab(chromium, Served(desk, {}, site), "agent", viewport={"width": 1000, "height": 800})
    tab.page.goto("/desk/work")
    card = tab.page.locator(f"[data-offer='{offer}']")
    card.get_by_label("Reason").select_option("moved", timeout=30_000)
    card.get_by_role("button", name="Skip").click()
    expect(card).to_have_count(0, timeout=30_000)
    assert (row(desk).result, row(desk).code) == ("skipped", "moved")
    tab.context.close()
