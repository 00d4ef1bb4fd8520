"""The simulated phone: time, keys over prompts, keys ahead, recordings, text."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from ivr.flow.effects import RunAction
from ivr.flow.inputs import ActionDone, TransferEnded
from ivr.flow.session import Session
from ivr.rehearsal.actions import Answer
from ivr.rehearsal.phone import Heard
from ivr.rehearsal.simulator import Simulator
from tests.flow import sample

BEGIN = dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
RESULTS = {"find_bill": ("found", {"balance": 8450, "due_on": "2026-12-01"}), "charge": ("approved", {})}


def answer(action: RunAction, session: Session, now: dt.datetime) -> Answer:
    exit, data = RESULTS[action.name]
    return ActionDone(action.call, exit, dict(data)), 0.0


def phone(folder: Path, changes: dict[str, str] | None = None, **more: Any) -> Simulator:
    actions = more.pop("actions", answer)
    return Simulator(sample.usable(folder, changes), actions, begin=BEGIN, **more).start()


def ids(call: Simulator) -> list[str]:
    return [heard.id or heard.text for heard in call.listen(lambda heard: False)]


def test_a_paid_bill(tmp_path: Path) -> None:
    call = phone(tmp_path)
    assert ids(call)[:2] == ["main.welcome", "main.menu"]
    call.press("1")
    assert ids(call) == ["bill.account"]
    call.press("1234")
    assert ids(call) == ["bill.owes", "bill.card"]
    call.press("4242424242424242")
    assert call.asking is not None  # a card may have up to 19 digits
    assert ids(call) == ["main.bye"]  # listening lets the pause between keys pass
    facts = call.facts()
    assert facts.outcome == "completed"
    assert facts.actions == ["find_bill", "charge"]
    assert facts.slots["account"] == "1234"
    assert "4242" not in repr(facts)


def test_keys_ahead_are_not_lost(tmp_path: Path) -> None:
    call = phone(tmp_path)
    call.press("11234")
    assert "system.no_match" not in ids(call)
    assert call.asking is not None
    assert call.asking.kind == "card"


def test_silence_takes_its_time(tmp_path: Path) -> None:
    call = phone(tmp_path)
    until = call.speaking
    assert until > 3
    call.wait(5.9)
    assert call.clock == until + 5.9
    assert "system.no_input" not in ids(call)
    call.wait(0.2)
    assert "system.no_input" in ids(call)
    for _ in range(20):
        call.pass_time()
    assert call.recording is not None or call.ended  # nobody answers: the route to a person


def test_a_key_cuts_a_prompt_short(tmp_path: Path) -> None:
    call = phone(tmp_path)
    call.press("2")
    assert call.ended
    assert call.clock < 3


def test_a_finishing_key_does_not_silence_the_next_question(tmp_path: Path) -> None:
    call = phone(tmp_path)
    call.press("1")
    call.press("1234#")
    assert call.asking is not None
    assert call.asking.kind == "card"
    assert call.speaking
    call.wait(6.1)
    assert "system.no_input" in ids(call)


def test_recording(tmp_path: Path) -> None:
    call = phone(tmp_path)
    call.press("0")
    assert call.recording is not None
    call.say("Please call me back.")
    call.wait(4.1)
    assert call.facts().slots["recording"]
    silent = phone(tmp_path)
    silent.press("0")
    silent.wait(10)
    assert silent.ended
    assert "recording" not in silent.facts().slots


def test_slow_and_late_actions(tmp_path: Path) -> None:
    def slow(seconds: float) -> Any:
        return lambda action, session, now: (answer(action, session, now)[0], seconds)

    call = phone(tmp_path, actions=slow(3))
    call.press("11234")
    assert "system.one_moment" in ids(call)
    late = phone(tmp_path, actions=slow(11))
    late.press("11234")
    assert "system.fault" in ids(late)  # past its budget of ten seconds


def test_text(tmp_path: Path) -> None:
    call = phone(tmp_path, text=True)
    assert [heard.text for heard in call.listen(lambda heard: False)] == [
        "Welcome to Sample.", "What is it?", "1. pay a bill", "2. Goodbye."
    ]  # fmt: skip
    call.say("I want to pay")
    call.press("1234")
    assert "bill.owes" in ids(call)
    call.wait(1000)
    call.hang_up()
    assert call.facts().outcome == "hung_up"
    call.say("hello?")
    call.press("1")


def test_transfers_and_listening(tmp_path: Path) -> None:
    exits = "{busy: go, no_answer: end, done: end, unsupported: end}"
    main = f"steps: {{go: {{transfer: called, say: Hold on., exits: {exits}}}}}"
    ends = [TransferEnded("busy"), TransferEnded("answered")]
    call = phone(tmp_path, {"flows/main.yaml": main}, transfers=lambda transfer: ends.pop(0))
    assert call.ended
    assert [one.text for one in call.listen(lambda heard: True)] == ["Hold on."]
    assert [one.text for one in call.listen(lambda heard: True)] == ["Hold on."]
    assert call.listen(lambda heard: True) == []
    assert isinstance(call.heard[0], Heard)
