"""The live floor: what it shows, what supervisors do there, and that it is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import Engine

from callcenter import control
from callcenter.db import reading
from callcenter.desk import audit
from callcenter.queues import closing
from tests.desk.floors import Board, arrive, drain, post, talk
from tests.desk.support import Desk, make_desk
from tests.valkey import Valkey, stream


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
    ordered = stream(queues.client, control.key(contact))
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


def test_a_presence_is_set_with_a_reason(desk: Desk, board: Board) -> None:
    queues, sam = board.queues(), desk.browser("supervisor")
    path = "/desk/floor/agents/presence"
    assert post(sam, path, agent="maria", to="lunch", why="fire drill").status_code == 422  # not signed in
    queues.sign_in("maria")
    for wrong in ({"to": "lunch"}, {"to": "lunch", "why": " "}, {"to": "asleep", "why": "x"}, {"to": "", "why": "x"}):
        assert post(sam, path, agent="maria", **wrong).status_code == 422
    assert post(sam, path, agent="maria", to="lunch", why="fire drill").json == {"done": True}
    assert queues.presence_of("maria")[:2] == ("unavailable", "lunch")
    assert post(sam, path, agent="maria", to="available", why="over").status_code == 200
    assert queues.presence_of("maria")[:2] == ("available", "")
    with reading(desk.engine) as conn:
        entry = next(one for one in audit.everything(conn) if one.data.get("why") == "fire drill")
    assert (entry.action, entry.target, entry.data["reason"]) == ("agent.presence", "agent:maria", "lunch")


def test_anothers_call_is_ended_for_both(desk: Desk, board: Board) -> None:
    queues, sam = board.queues(), desk.browser("supervisor")
    queues.sign_in("maria")
    contact = arrive(desk.engine, queues, "sales", caller="+12125550100")
    path = f"/desk/floor/calls/{contact}/end"
    assert "over" in post(sam, path, why="abuse").json["error"]  # nobody talks yet
    talk(queues, contact, "maria")
    assert "Say why" in post(sam, path).json["error"]
    assert post(sam, path, why="abuse").status_code == 200
    [(_, order)] = stream(queues.client, control.key(contact))
    assert (order[b"verb"], order[b"by"]) == (b"hang_up", b"maria")
    with reading(desk.engine) as conn:
        [entry] = [one for one in audit.everything(conn) if one.action == "call.ended"]
    assert (entry.login, entry.target, entry.data["why"]) == ("supervisor", f"contact:{contact}", "abuse")


def test_skills_are_changed_until_midnight(desk: Desk, board: Board) -> None:
    queues, sam = board.queues(), desk.browser("supervisor")
    queues.sign_in("maria")
    assert state(desk)["skills"] == ["sales", "spanish"]
    path = "/desk/floor/agents/skills"
    for wrong in ("11", "-1", "high", ""):
        assert post(sam, path, agent="maria", skill_sales=wrong).status_code == 422
    assert post(sam, path, agent="nobody", skill_sales="3").status_code == 422
    assert post(sam, path, agent="maria", skill_sales="5", skill_spanish="7").json == {"done": True}
    [shown] = state(desk)["agents"]
    assert shown["skills"] == [{"name": "sales", "level": 5, "usual": 5}, {"name": "spanish", "level": 7, "usual": 0}]
    midnight = datetime.fromtimestamp(shown["skills_until"], ZoneInfo("Europe/Madrid"))
    assert (midnight.hour, midnight.minute) == (0, 0)
    assert timedelta(0) < midnight - datetime.now(UTC) <= timedelta(hours=25)
    maria = queues.agent("maria")
    assert maria is not None
    assert maria.skills == {"sales": 5, "spanish": 7}
    assert post(sam, path, agent="maria").json == {"done": True}  # as usual again
    assert post(sam, path, agent="maria").json == {"done": False}
    assert state(desk)["agents"][0]["skills"] == [{"name": "sales", "level": 5, "usual": 5}]
    with reading(desk.engine) as conn:
        changes = [one.data["skills"] for one in audit.everything(conn) if one.action == "agent.skills"]
    assert changes == [{}, {"spanish": 7}]


def test_alerts_are_those_of_the_file(desk: Desk, board: Board) -> None:
    queues = board.queues()
    arrive(desk.engine, queues, "billing", caller="+12125550100", ago=100)
    back = arrive(desk.engine, queues, "sales", caller="+12125550103", ago=4000)
    queues.request_callback(back, "+12125550103")
    usual = [(one["queue"], one["text"]) for one in state(desk)["alerts"]]
    assert usual == [
        ("billing", "somebody has waited longer than 1:30"),
        ("billing", "somebody waits, no agent is available"),
    ]
    desk.flows.files["alerts"] = {"alerts": {"late": {"callbacks_overdue": "1h"}, "level": {"service_level": 50}}}
    queues.clock = _later(queues.clock)  # past what supervisors share
    assert [(one["queue"], one["text"]) for one in state(desk)["alerts"]] == [
        ("sales", "a callback is overdue by more than 1:00:00")
    ]


@pytest.mark.parametrize(
    "path",
    ["contacts/x/priority", "contacts/x/move", "calls/x/order", "calls/x/end", "agents/sign_out", "agents/presence",
     "agents/skills", "switch", "emergency", "emergency/end"],
)  # fmt: skip
def test_who_only_looks_changes_nothing(desk: Desk, path: str) -> None:
    for role in ("agent", "auditor"):
        assert post(desk.browser(role), f"/desk/floor/{path}", queue="sales", to="closed").status_code == 403


def test_without_queues_the_page_says_so(sqlite_engine: Engine, tmp_path: Path) -> None:
    desk = make_desk(sqlite_engine, tmp_path)
    sam = desk.browser("supervisor")
    assert sam.get("/desk/floor").status_code == 200
    answer: Any = sam.get("/desk/floor/state", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]) == (422, "There are no queues here.")
