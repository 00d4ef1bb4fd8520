"""What the desk offers to take a payment for, on which calls, and what a page shows of one."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import assisted, contacts, control, customers, events, identifiers
from callcenter.tables import contacts as contacts_table
from ivr.actions.bills.importing import DEMO, import_bills
from tests.desk.floors import Board, drain, post, talk
from tests.desk.support import NOW, Browser, Desk, make_desk
from tests.valkey import Valkey, stream

JSON = {"Accept": "application/json"}


@pytest.fixture
def board(valkey: Valkey) -> Board:
    return Board(valkey)


@pytest.fixture
def desk(sqlite_engine: Engine, tmp_path: Path, board: Board) -> Desk:
    import_bills(sqlite_engine, DEMO, dt.date(2026, 11, 22))
    return make_desk(sqlite_engine, tmp_path, switchboard=board)


@pytest.fixture
def maria(desk: Desk) -> Browser:
    browser = desk.browser("agent")
    post(browser, "/desk/agent/presence", presence="available")
    return browser


def got(browser: Browser, path: str) -> Any:
    answer = browser.get(path, headers=JSON)
    assert answer.status_code == 200
    return answer.json


def call(desk: Desk, board: Board, *, channel: str = "sip", account: str = "", said: str = "") -> str:
    """Somebody on the line of maria: whose `account` is known, and who `said` another."""
    with desk.engine.begin() as conn:
        contact = contacts.start(conn, channel=channel, caller="+12125550100", called="1", at=NOW, served_by="queue")
        if account:
            who = customers.create(conn, name="Dana", at=NOW)
            identifiers.add(conn, who, "account", account, at=NOW)
            conn.execute(sa.update(contacts_table).where(contacts_table.c.id == contact).values(customer_id=who))
        if said:
            events.record(conn, contact, None, "slot_filled", {"slot": "account", "value": said}, NOW)
    board.queues().join(contact, "sales", channel=channel, caller="+12125550100")
    talk(board.queues(), contact, "maria")
    drain(desk.engine, board.queues())
    return contact


def test_the_next_bill_of_each_account_of_the_caller(desk: Desk, board: Board, maria: Browser) -> None:
    contact = call(desk, board, account="10203040", said="99999999")
    other, bill = got(maria, f"/desk/calls/{contact}/bills")
    assert (other["account"], other["balance"]) == ("99999999", None)  # in another system's books
    assert (bill["account"], bill["balance"], bill["currency"]) == ("10203040", 8450, "USD")
    assert bill["name"]
    assert "2026" in bill["due_on"]


def test_an_account_that_owes_nothing_is_left_out(desk: Desk, board: Board, maria: Browser) -> None:
    with desk.engine.begin() as conn:
        conn.execute(sa.text("UPDATE bills SET balance = 0"))
    contact = call(desk, board, account="10203040")
    assert got(maria, f"/desk/calls/{contact}/bills") == []


def test_another_agents_caller_owes_me_nothing(desk: Desk, board: Board, maria: Browser) -> None:
    contact = call(desk, board, account="10203040")
    assert maria.get(f"/desk/calls/{contact}/bills", headers=JSON).status_code == 200
    assert desk.browser("supervisor").get(f"/desk/calls/{contact}/bills", headers=JSON).status_code == 422


def test_the_order_goes_to_the_line(desk: Desk, board: Board, maria: Browser) -> None:
    contact = call(desk, board)
    args = {"account": "10203040", "amount": 5000}
    assert post(maria, f"/desk/calls/{contact}/order", verb="pay", args=json.dumps(args)).status_code == 200
    assert post(maria, f"/desk/calls/{contact}/order", verb="pay_stop").status_code == 200
    supervisor = desk.browser("supervisor")
    assert post(supervisor, f"/desk/calls/{contact}/order", verb="pay_stop").status_code == 422
    entries = stream(board.queues().client, control.key(contact))
    assert [fields[b"verb"] for _, fields in entries] == [b"pay", b"pay_stop"]
    assert json.loads(entries[0][1][b"args"]) == args


@pytest.mark.parametrize("channel", ["sip", "twilio"])
def test_it_is_offered_whichever_way_the_call_came(desk: Desk, board: Board, maria: Browser, channel: str) -> None:
    contact = call(desk, board, channel=channel)
    [offer] = got(maria, "/desk/agent")["offers"]
    assert 'data-dialog="payment"' in maria.get(f"/desk/offers/{offer['id']}/card").text
    assert post(maria, f"/desk/calls/{contact}/order", verb="pay").status_code == 200
    assert board.queues().client.xlen(control.key(contact)) == 1


def test_a_page_that_comes_later_shows_how_it_goes(desk: Desk, board: Board, maria: Browser) -> None:
    contact = call(desk, board)
    assert got(maria, "/desk/agent")["offers"][0]["payment"] is None
    progress = {"contact": contact, "state": "asking", "field": "card", "keyed": {"card": 7}}
    told: list[object] = []
    assisted.tell(board.queues().client, lambda *event: told.append(event), "maria", progress)
    assert got(maria, "/desk/agent")["offers"][0]["payment"] == progress
    assert told == [("agent:maria", "payment", progress)]
