"""The registry of actions, what `perform` promises, and the opening hours as an action."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import Engine

import ivr.actions
from ivr.actions import Action, ActionContext, ActionResult, Args, Secret, action, actions, perform, specs
from ivr.actions.payments import Card
from ivr.flow.secret import Secret as FlowSecret
from tests.actions.support import context

HOURS = {"weekly": {"friday": ["08:00-12:00", "13:00-17:00"]}, "holidays": [{"date": "2026-11-27", "name": "Fair"}]}


class PinArgs(Args):
    pin: Secret
    how: str = ""


@pytest.fixture
def check_pin() -> Iterator[type[Action]]:
    actions()

    @action
    class CheckPin(Action):
        """Check a PIN.

        More about it.
        """

        name: ClassVar[str] = "check_pin"
        Args = PinArgs
        exits: ClassVar[tuple[str, ...]] = ("right",)

        def run(self, context: ActionContext, args: PinArgs) -> ActionResult:
            if args.how == "crash":
                raise ValueError(f"bad PIN {args.pin.get_secret_value()}")
            return ActionResult(args.how or "right")

    yield CheckPin
    del ivr.actions._registry["check_pin"]


def test_what_flows_are_told(check_pin: type[Action]) -> None:
    known = specs()
    assert {"find_bill", "pay_bill", "opening_hours", "http"} < set(known)
    pay = known["pay_bill"]
    assert {name for name, argument in pay.arguments.items() if argument.secret} == {"card", "expiry", "security_code"}
    assert all(argument.required for argument in pay.arguments.values())
    assert pay.changes_world
    assert "json" in known["http"].arguments
    assert not known["http"].arguments["params"].required
    assert known["check_pin"].summary == "Check a PIN."
    assert all(spec.summary and "failed" not in spec.exits for spec in known.values())


def test_a_name_is_taken_once(check_pin: type[Action]) -> None:
    with pytest.raises(ValueError, match="two actions are called 'check_pin'"):
        action(type("Other", (Action,), {"name": "check_pin"}))


@pytest.mark.parametrize("pin", ["4711", FlowSecret("4711")])
def test_a_crash_is_failed_and_shows_no_secret(
    check_pin: type[Action], sqlite_engine: Engine, caplog: pytest.LogCaptureFixture, pin: Any
) -> None:
    with caplog.at_level(logging.DEBUG):
        result = perform("check_pin", context(sqlite_engine), {"pin": pin, "how": "crash"})
    assert result == ActionResult("failed", {"error": "ValueError"})
    assert "bad PIN ••••" in caplog.text
    assert "4711" not in caplog.text


@pytest.mark.parametrize("wrong", [{}, {"pin": 4711}, {"pin": "4711", "pim": "4711"}, {"pin": "4711", "how": ["4711"]}])
def test_wrong_arguments_are_failed_and_show_no_secret(
    check_pin: type[Action], sqlite_engine: Engine, wrong: dict[str, Any]
) -> None:
    result = perform("check_pin", context(sqlite_engine), wrong)
    assert result.exit == "failed"
    assert result.data["error"]
    assert "4711" not in repr(result)


def test_unknown_actions_and_exits_are_failed(check_pin: type[Action], sqlite_engine: Engine) -> None:
    assert perform("dance", context(sqlite_engine), {}).exit == "failed"
    assert perform("check_pin", context(sqlite_engine), {"pin": "1", "how": "left"}).exit == "failed"
    assert perform("check_pin", context(sqlite_engine), {"pin": "1"}).exit == "right"


def test_a_card_shows_nothing_and_stays_in_memory() -> None:
    card = Card("4242424242424242", "0429", "123")
    assert "42" not in repr(card) + str(card) + f"{card}"
    with pytest.raises(TypeError):
        pickle.dumps(card)
    with pytest.raises(TypeError):
        json.dumps(card)


def hours(engine: Engine, when: str, files: Any) -> ActionResult:
    now = datetime.fromisoformat(when).replace(tzinfo=ZoneInfo("America/Chicago"))
    return perform("opening_hours", context(engine, now=now, files=files), {})


def test_open_with_a_break(sqlite_engine: Engine) -> None:
    result = hours(sqlite_engine, "2026-11-20T12:30", {"business_hours": HOURS})
    assert result.exit == "closed"
    assert result.data["today"] == [
        {"opens_at": "08:00", "closes_at": "12:00"},
        {"opens_at": "13:00", "closes_at": "17:00"},
    ]
    assert (result.data["next_opens_at"], result.data["next_is_today"]) == ("13:00", True)
    later = hours(sqlite_engine, "2026-11-20T14:00", {"business_hours": HOURS})
    assert (later.exit, later.data["closes_at"], later.data["next_opens_on"]) == ("open", "17:00", "2026-12-04")
    json.dumps(later.data)
    assert set(later.data) == set(specs()["opening_hours"].returns)


def test_a_holiday_has_its_name(sqlite_engine: Engine) -> None:
    result = hours(sqlite_engine, "2026-11-27T10:00", {"business_hours": HOURS})
    assert (result.exit, result.data["reason"], result.data["today_closed"]) == ("closed", "Fair", True)


@pytest.mark.parametrize("files", [{}, {"business_hours": {"weekly": 3}}])
def test_hours_that_are_missing_or_wrong_are_failed(sqlite_engine: Engine, files: Any) -> None:
    result = hours(sqlite_engine, "2026-11-20T12:30", files)
    assert result.exit == "failed"
    assert "business_hours.yaml" in result.data["error"]
