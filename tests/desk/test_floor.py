"""The live floor: what it shows, what supervisors do there, and that it is written down."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from callcenter import control
from callcenter.db import reading
from callcenter.desk import audit
from callcenter.queues import closing
from tests.desk.floors import Board, arrive, drain, post, talk
from tests.desk.support import Desk, make_desk
from tests.valkey import Valkey


@pytest.fixture
def board(valkey: Valkey) -> Board:
    return Board(valkey)


@pytest.fixture
def desk(sqlite_engine: Engine, tmp_path: Path, board: Board) -> Desk:
    return make_desk(sqlite_engine, tmp_path, clock=lambda: datetime.now(UTC), switchboard=board)


def state(desk: Desk, role: str = "supervisor") -> Any:
    answer = desk.browser(role).get("/desk/floor/state", headers={"Accept": "application/json"})
    assert answer.status_code == 200
    return answer.json


def actions(desk: Desk) -> list[tuple[str, str]]:
    with reading(desk.engine) as conn:
        return [(entry.action, entry.target) for entry in audit.everything(conn)]


def test_it_shows_what_is_so(desk: Desk, board: Board) -> None:
    queues = board.queues()
    queues.sign_in("maria")
    served = arrive(desk.engine, queues, "sales", caller="+12125550100", name="Ana Silva", ago=2)
    talk(queues, served, "maria")
    first = arrive(desk.engine, queues, "billing", caller="+12125550101", ago=40, priority=3)
    second = arrive(desk.engine, queues, "sales", channel="chat", caller="visitor")
    gone = arrive(desk.engine, queues, "billing", caller="+12125550102", ago=30)
    queues.leave(gone, "abandoned")
    back = arrive(desk.engine, queues, "sales", caller="+12125550103", ago=5)
    queues.request_callback(back, "+12125550103")
    drain(desk.engine, queues)
    found = state(desk, "auditor")
    sales, billing = found["queues"]
    assert (sales["waiting"], sales["answered"], sales["service_level"], sales["agents"]) == (1, 1, 1.0, {"busy": 1})
    assert (billing["waiting"], billing["abandoned"], billing["service_level"]) == (1, 1, 0.0)
    assert found["now"] - billing["longest_since"] == pytest.approx(40, abs=5)
    assert [one["contact"] for one in found["waiting"]] == [first, second]
    [agent] = found["agents"]
    assert (agent["name"], agent["state"]) == ("Maria Ortiz", "busy")
    assert agent["contacts"] == [{"id": served, "medium": "voice", "state": "connected"}]
    [call] = found["calls"]
    assert (call["contact"], call["name"], call["agent_name"]) == (served, "Ana Silva", "Maria Ortiz")
    [callback] = found["callbacks"]
    assert (callback["contact"], callback["number"], callback["at"]) == (back, "+12125550103", 0)


def test_the_days_figures_follow_what_happens_without_counting_twice(desk: Desk, board: Board) -> None:
    queues = board.queues()
    queues.sign_in("maria")
    for count in (1, 2, 3):
        contact = arrive(desk.engine, queues, "sales", caller=f"+1212555010{count}", ago=10)
        queues.announce(contact, 1, None)
        queues.leave(contact, "abandoned")
        drain(desk.engine, queues)
        desk_state = state(desk)["queues"][0]
        assert desk_state["abandoned"] == count
        queues.clock = _later(queues.clock)  # past what supervisors share


def _later(clock: Any) -> Any:
    at = clock() + 1
    return lambda: at


def test_priority_and_queue_are_changed_and_written_down(desk: Desk, board: Board) -> None:
    queues, sam = board.queues(), desk.browser("supervisor")
    contact = arrive(desk.engine, queues, "sales", caller="+12125550100")
    path = f"/desk/floor/contacts/{contact}"
    assert post(sam, f"{path}/priority", priority="70").status_code == 200
    for wrong in ("101", "-1", "high", ""):
        assert post(sam, f"{path}/priority", priority=wrong).status_code == 422
    assert post(sam, f"{path}/move", queue="billing").status_code == 200
    assert post(sam, f"{path}/move", queue="nowhere").status_code == 422
    entry = queues.entry(contact)
    assert (entry["priority"], entry["queue"]) == ("70", "billing")
    assert post(sam, "/desk/floor/contacts/nobody/move", queue="billing").status_code == 422
    assert actions(desk)[:2] == [("queue.moved", f"contact:{contact}"), ("queue.priority", f"contact:{contact}")]


def test_a_supervisor_without_a_telephone_is_told(desk: Desk, board: Board) -> None:
    queues = board.queues()
    queues.sign_in("maria")
    contact = arrive(desk.engine, queues, "sales", caller="+12125550100")
    sam, path = desk.browser("supervisor"), f"/desk/floor/calls/{contact}/order"
    assert "no agent" in post(desk.browser("admin"), path, verb="listen").json["error"]
    assert "Sign in on the page Work" in post(sam, path, verb="listen").json["error"]
    queues.sign_in("sam")
    assert "over" in post(sam, path, verb="listen").json["error"]  # nobody talks yet
    talk(queues, contact, "maria")
    for verb in ("listen", "whisper", "join", "take_over", "hang_up"):
        assert post(sam, path, verb=verb).status_code == 200
    for verb in ("hold", "transfer", "explode", ""):
        assert post(sam, path, verb=verb).status_code == 422
    ordered: Any = queues.client.xrange(control.key(contact))
    assert [(fields[b"verb"], fields[b"by"]) for _, fields in ordered] == [
        (verb, b"sam") for verb in (b"listen", b"whisper", b"join", b"take_over", b"hang_up")
    ]
    assert actions(desk)[0] == ("call.hang_up", f"contact:{contact}")


def test_an_agent_is_signed_out(desk: Desk, board: Board) -> None:
    board.queues().sign_in("maria")
    sam = desk.browser("supervisor")
    assert post(sam, "/desk/floor/agents/sign_out", agent="maria").status_code == 200
    assert post(sam, "/desk/floor/agents/sign_out", agent="maria").status_code == 200  # again is no mistake
    assert post(sam, "/desk/floor/agents/sign_out", agent="nobody").status_code == 422
    assert board.queues().agents() == {}
    assert ("agent.signed_out", "agent:maria") in actions(desk)


def test_queues_are_closed_and_reopened(desk: Desk, board: Board) -> None:
    sam = desk.browser("supervisor")
    for name, shown in (("sales", [True, False]), (closing.ALL, [True, True])):
        assert post(sam, "/desk/floor/switch", queue=name, to="closed").json == {"done": True}
        assert post(sam, "/desk/floor/switch", queue=name, to="closed").json == {"done": False}
        assert [queue["closed"] for queue in state(desk)["queues"]] == shown
        assert post(sam, "/desk/floor/switch", queue=name, to="open").json == {"done": True}
    assert not any(queue["closed"] for queue in state(desk)["queues"])
    assert post(sam, "/desk/floor/switch", queue="nowhere", to="closed").status_code == 422
    assert post(sam, "/desk/floor/switch", queue="sales", to="burnt").status_code == 404
    assert [action for action, _ in actions(desk) if action.startswith("queue.")] == [
        "queue.reopened", "queue.closed", "queue.reopened", "queue.closed"
    ]  # fmt: skip
    assert ("floor", "queue.switched", {"queue": "sales", "to": "closed"}) in desk.messaging.told


@pytest.mark.parametrize(
    "path", ["contacts/x/priority", "contacts/x/move", "calls/x/order", "agents/sign_out", "switch"]
)
def test_who_only_looks_changes_nothing(desk: Desk, path: str) -> None:
    for role in ("agent", "auditor"):
        assert post(desk.browser(role), f"/desk/floor/{path}", queue="sales", to="closed").status_code == 403


def test_without_queues_the_page_says_so(sqlite_engine: Engine, tmp_path: Path) -> None:
    desk = make_desk(sqlite_engine, tmp_path)
    sam = desk.browser("supervisor")
    assert sam.get("/desk/floor").status_code == 200
    answer: Any = sam.get("/desk/floor/state", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]) == (422, "There are no queues here.")
