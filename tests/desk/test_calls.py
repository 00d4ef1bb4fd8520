"""Offers, presence and orders from the agent's page, on a real Valkey."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy.engine import Engine

from callcenter import contacts, control
from callcenter.acd.config import Config
from callcenter.acd.match import match
from callcenter.db import reading
from callcenter.desk import audit
from callcenter.desk.calling import Calling
from callcenter.queues.store import Queues
from callcenter.softphones import Softphones
from tests.desk.support import NOW, Browser, Desk, make_desk
from tests.valkey import Valkey, stream

CONFIG = Config.from_files(
    {
        "queues": {
            "queues": {
                "sales": {"label": "Sales", "wrap_up": {"seconds": 60, "codes": ["sold", "lost"], "required": True},
                          "guide": "Be **kind**."}
            }
        },
        "agents": {"agents": {"maria": {"queues": ["sales"]}, "sam": {"queues": []}}},
    }
)  # fmt: skip


class Board:
    """The switchboard without a voice engine."""

    def __init__(self, valkey: Valkey) -> None:
        self._client = valkey.client(socket_timeout=2)
        self._queues = Queues(self._client, CONFIG)
        self.back: list[tuple[str, str]] = []

    def queues(self) -> Queues:
        return self._queues

    def softphones(self) -> Softphones:
        return Softphones(self._client)

    def served(self, contact_id: str, agent_id: str) -> None:
        self.back.append((contact_id, agent_id))


@pytest.fixture
def board(valkey: Valkey) -> Board:
    return Board(valkey)


@pytest.fixture
def desk(sqlite_engine: Engine, tmp_path: Path, board: Board) -> Desk:
    return make_desk(sqlite_engine, tmp_path, switchboard=board)


def post(browser: Browser, path: str, **body: Any) -> Any:
    answer = browser.client.post(
        path, json=body, headers={"X-CSRF-Token": browser.csrf, "Accept": "application/json"},
        environ_base={"REMOTE_ADDR": browser.address},
    )  # fmt: skip
    return answer


def got(browser: Browser, path: str) -> Any:
    return browser.get(path).get_json()


def offered(desk: Desk, board: Board, channel: str = "chat") -> tuple[str, str]:
    """A contact that is offered to maria, and the offer."""
    with desk.engine.begin() as conn:
        contact = contacts.start(conn, channel=channel, caller="+12125550100", called="1", at=NOW, served_by="queue")
    board.queues().join(contact, "sales", channel=channel)
    [proposal] = match(board.queues().snapshot(), board.queues().clock())
    [offer] = board.queues().claim(proposal)
    return contact, offer


def test_presence(desk: Desk, board: Board) -> None:
    maria = desk.browser("agent")
    assert got(maria, "/desk/agent")["presence"] == "offline"
    assert post(maria, "/desk/agent/presence", presence="available").json["state"] == "idle"
    assert post(maria, "/desk/agent/presence", presence="unavailable", reason="lunch").json["reason"] == "lunch"
    assert post(maria, "/desk/agent/presence", presence="asleep").status_code == 422
    assert post(maria, "/desk/agent/presence", presence="offline").json["state"] == "offline"
    assert board.queues().agents() == {}


def test_who_is_no_agent_takes_nothing(desk: Desk) -> None:
    assert post(desk.browser("admin"), "/desk/agent/presence", presence="available").status_code == 422
    assert desk.browser("auditor").get("/desk/agent", headers={"Accept": "application/json"}).status_code == 403


def test_a_chat_is_offered_taken_and_wrapped_up(desk: Desk, board: Board) -> None:
    maria = desk.browser("agent")
    post(maria, "/desk/agent/presence", presence="available")
    contact, offer = offered(desk, board)
    [shown] = got(maria, "/desk/agent")["offers"]
    assert (shown["id"], shown["state"], shown["label"], shown["guide"]) == (offer, "offered", "Sales", "Be **kind**.")
    answer = post(maria, f"/desk/offers/{offer}/accept")
    assert answer.json["go"] == f"/desk/contacts/{contact}"
    with reading(desk.engine) as conn:
        assert contacts.get(conn, contact).served_by == "agent:maria"  # type: ignore[union-attr]
    assert ("contact:" + contact, "served_by", {"served_by": "agent:maria"}) in desk.messaging.told
    assert post(maria, f"/desk/offers/{offer}/done").status_code == 422  # a code is wanted
    assert post(maria, f"/desk/offers/{offer}/done", code="free").status_code == 422
    assert post(maria, f"/desk/offers/{offer}/done", code="sold", note="Two of them").json["offers"] == []
    assert board.back == [(contact, "maria")]


def test_an_offer_is_left_to_others(desk: Desk, board: Board) -> None:
    maria = desk.browser("agent")
    post(maria, "/desk/agent/presence", presence="available")
    contact, offer = offered(desk, board)
    assert post(maria, f"/desk/offers/{offer}/reject").json["offers"] == []
    place = board.queues().place(contact)
    assert place is not None
    assert place.state == "waiting"
    assert post(maria, f"/desk/offers/{offer}/accept").status_code == 422


@pytest.mark.parametrize("path", ["offers/{offer}/accept", "offers/{offer}/reject", "offers/{offer}/done"])
def test_another_agents_offer_is_refused(desk: Desk, board: Board, path: str) -> None:
    post(desk.browser("agent"), "/desk/agent/presence", presence="available")
    _, offer = offered(desk, board)
    assert post(desk.browser("supervisor"), "/desk/" + path.format(offer=offer)).status_code == 422
    assert board.queues().offer(offer).state == "offered"


def test_orders_to_ones_own_call_only(desk: Desk, board: Board) -> None:
    maria, sam = desk.browser("agent"), desk.browser("supervisor")
    post(maria, "/desk/agent/presence", presence="available")
    contact, offer = offered(desk, board, "sip")
    assert post(maria, f"/desk/calls/{contact}/order", verb="hold").status_code == 422  # not accepted yet
    assert board.queues().accept(offer)
    assert board.queues().connected(offer)
    answer = post(maria, f"/desk/calls/{contact}/order", verb="transfer", args=json.dumps({"to": {"queue": "sales"}}))
    assert answer.status_code == 200
    assert post(maria, f"/desk/calls/{contact}/order", verb="listen").status_code == 422
    assert post(maria, f"/desk/calls/{contact}/order", verb="explode").status_code == 422
    assert post(maria, f"/desk/calls/{contact}/order", verb="hold", args="[1]").status_code == 422
    assert post(sam, f"/desk/calls/{contact}/order", verb="hold").status_code == 422
    assert post(sam, f"/desk/calls/{contact}/order", verb="listen").status_code == 200
    entries = stream(board.queues().client, control.key(contact))
    assert [fields[b"verb"] for _, fields in entries] == [b"transfer", b"listen"]
    with reading(desk.engine) as conn:
        actions = [entry.action for entry in audit.everything(conn)]
    assert {"call.transfer", "call.listen", "agent.presence"} <= set(actions)


def test_without_a_gateway_or_redis_it_says_so(desk: Desk, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callcenter.softphones.REPLY_SECONDS", 1)
    maria = desk.browser("agent")
    post(maria, "/desk/agent/presence", presence="available")
    assert post(maria, "/desk/phone", page="one", sdp="v=0").status_code == 503
    board.queues().client = redis.Redis(unix_socket_path="/nowhere")
    assert maria.get("/desk/agent", headers={"Accept": "application/json"}).status_code == 503


def test_a_call_that_is_over_is_no_colleagues(desk: Desk, board: Board) -> None:
    maria = desk.browser("agent")
    post(maria, "/desk/agent/presence", presence="available")
    _, offer = offered(desk, board, "sip")
    state = {"page": "one", "call": {"id": "c", "caller": "+12125550100", "up": True}}
    board.queues().client.set("cw:softphone:state:maria", json.dumps(state))
    assert board.queues().accept(offer)
    assert board.queues().connected(offer)
    mine = Calling(board, "maria")
    assert mine.telephone()["call"] is None
    board.queues().complete(offer)
    assert mine.telephone()["call"] is None
    board.softphones().ask_for("maria", "another", "sam", "consult")
    assert mine.telephone()["call"]["by"] == "sam"


def test_who_is_no_agent_is_told_how_to_become_one(desk: Desk) -> None:
    admin = desk.browser("admin")
    assert "Be this agent" in admin.get("/desk/work").text
    assert post(admin, "/desk/work/agent", agent_id="nobody").status_code == 422
    assert post(admin, "/desk/work/agent", agent_id="tom").status_code == 303
    assert 'id="offers"' in admin.get("/desk/work").text
    assert post(desk.browser("agent"), "/desk/work/agent", agent_id="tom").status_code == 403


def test_what_every_page_asks_for_costs_the_same_however_many_agents_there_are(
    sqlite_engine: Engine, tmp_path: Path, valkey: Valkey
) -> None:
    board = Board(valkey)
    people = {f"agent{number}": {"queues": ["sales"], "name": f"Agent {number}"} for number in range(40)}
    board.queues().config = Config.from_files(
        {"queues": {"queues": {"sales": {}}}, "agents": {"agents": {"maria": {"queues": ["sales"]}, **people}}}
    )
    maria = make_desk(sqlite_engine, tmp_path, switchboard=board).browser("agent")
    post(maria, "/desk/agent/presence", presence="available")
    client = valkey.client()

    def commands() -> int:
        before = int(client.info("stats")["total_commands_processed"])
        assert maria.get("/desk/agent").status_code == 200
        return int(client.info("stats")["total_commands_processed"]) - before

    commands()  # scripts are loaded
    alone = commands()
    for number in range(40):
        board.queues().sign_in(f"agent{number}")
    assert commands() == alone
    told = got(maria, "/desk/agent/targets")
    assert told["queues"] == {"sales": "sales"}
    assert told["agents"] == {id: one["name"] for id, one in people.items()}
    client.close()
