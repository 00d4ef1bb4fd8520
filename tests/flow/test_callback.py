"""The steps `queue` and `callback`, and callbacks that are offered by rule, wait already, or are given up."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.effects import Effect, Enqueue, RequestCallback, Say
from ivr.flow.inputs import CallbackBooked, Input, Keys, Queued, Refused, Words
from ivr.flow.inputs import from_json as input_from_json
from ivr.flow.inputs import to_json as input_to_json
from ivr.flow.model import FlowSet
from ivr.flow.session import TEXT, VOICE
from ivr.prompts.written import written
from tests.flow import sample
from tests.flow.playing import run

QUEUES = {"flows/bill.yaml": None, "flows/queues.yaml": "queues: {billing: {}}\n"}
FLOW = """\
steps:
  wait:
    queue: billing
    say: Please wait.
    hold: Still there.
    choices:
      - {key: 1, label: be called, words: [callback], by_rule: true, go: book}
      - {key: 2, label: leave word, go: shut}
    exits: {callback: known, closed: shut, full: shut, nobody: shut}
  known:
    branch:
      - {if: "callback.on == ''", go: in_turn}
      - else: at_a_time
  in_turn: {say: You are called in turn., next: here}
  at_a_time: {say: "You are called on {callback.on|date} at {callback.time|time}.", next: give_up}
  here:
    queue: billing
    takes_callback: true
    say: Please wait here.
    exits: {closed: shut, full: shut, nobody: shut}
  give_up:
    callback: billing
    cancel: true
    exits: {done: gone, none: shut}
  gone: {hang_up: Nobody calls.}
  book:
    callback: billing
    at: "'2026-11-24T03:00'"
    exits: {done: booked, bad_number: shut, closed: later}
  later: {hang_up: "Then at {callback.time|time}."}
  booked: {hang_up: "We call at {callback.time|time}."}
  shut: {hang_up: Nobody is here.}
"""


@pytest.fixture
def flows(tmp_path: Path) -> FlowSet:
    return sample.usable(tmp_path, {"flows/main.yaml": FLOW, **QUEUES})


def said(flows: FlowSet, *given: Input, capabilities: frozenset[str] = VOICE) -> list[str]:
    _, effects = run(flows, *given, capabilities=capabilities)
    return [written(effect.prompt) for effect in effects if isinstance(effect, Say)]


def place(effects: list[Effect]) -> Enqueue:
    return next(effect for effect in effects if isinstance(effect, Enqueue))


def test_a_callback_is_spoken_of_while_the_rule_holds(flows: FlowSet) -> None:
    leave, called = "To leave word, press 2.", "To be called, press 1."
    assert said(flows, Queued()) == ["Please wait.", leave]
    assert said(flows, Queued(), Queued()) == ["Still there.", leave]
    assert said(flows, Queued(), Queued(callback=True)) == ["Still there.", called, leave]
    assert said(flows, Queued(callback=True), Queued(callback=True)) == ["Still there.", called, leave]
    assert said(flows, Queued(callback=True), Queued()) == ["Still there.", leave]


def test_in_messages_it_is_written_once(flows: FlowSet) -> None:
    leave, called = "To leave word, press 2.", "To be called, press 1."
    assert said(flows, Queued(), capabilities=TEXT) == ["Please wait.", leave]
    assert said(flows, Queued(), Queued(callback=True), capabilities=TEXT) == ["Still there.", called]
    assert said(flows, Queued(), Queued(callback=True), Queued(callback=True), capabilities=TEXT) == ["Still there."]
    news = ((Queued(),), (Queued(), Words("hello")), (Queued(), Queued(callback=True), Words("hello")))
    waiting = [run(flows, *given, capabilities=TEXT)[0].waiting for given in news]
    assert [state is not None and state["state"]["offered"] for state in waiting] == [False, False, True]


@pytest.mark.parametrize("asked", [Keys("1"), Words("callback please")])
def test_whoever_asks_gets_it_all_the_same(flows: FlowSet, asked: Input) -> None:
    _, effects = run(flows, Queued(), asked, capabilities=TEXT if isinstance(asked, Words) else VOICE)
    request = next(effect for effect in effects if isinstance(effect, RequestCallback))
    assert (request.queue, request.at, request.cancel) == ("billing", "2026-11-24T03:00", False)


def test_a_step_without_a_rule_has_nothing_left_to_offer(tmp_path: Path) -> None:
    flows = sample.usable(tmp_path, {"flows/main.yaml": FLOW.replace(", by_rule: true", ""), **QUEUES})
    session, effects = run(flows, Queued(), capabilities=TEXT)
    assert session.waiting["state"]["offered"]  # type: ignore[index]
    assert "To be called, press 1." in [written(effect.prompt) for effect in effects if isinstance(effect, Say)]


def test_a_callback_that_waits_is_told_and_its_place_taken(flows: FlowSet) -> None:
    assert place(run(flows)[1]).callback == "tell"
    session, effects = run(flows, Refused("callback", number="+12125550142"))
    assert session.slots["callback"] == {"on": "", "time": "", "number": "+12125550142"}
    assert place(effects).callback == "take"
    assert said(flows, Refused("callback")) == ["You are called in turn."]
    assert said(flows, Refused("callback"), Queued()) == ["Please wait here."]


def test_a_callback_at_a_time_is_given_up(flows: FlowSet) -> None:
    told = Refused("callback", at="2026-11-24T15:30", number="+12125550142")
    _, effects = run(flows, told)
    assert [written(effect.prompt) for effect in effects if isinstance(effect, Say)] == [
        "You are called on Tuesday, November 24, 2026 at 3:30 PM."
    ]
    request = next(effect for effect in effects if isinstance(effect, RequestCallback))
    assert request.cancel
    assert said(flows, told, CallbackBooked(True)) == ["Nobody calls."]
    assert said(flows, told, CallbackBooked(False, "none")) == ["Nobody is here."]


def test_when_it_is_made_and_when_it_could_be(flows: FlowSet) -> None:
    asked = (Queued(), Keys("1"))
    assert said(flows, *asked, CallbackBooked(True, at="2026-11-24T03:00")) == ["We call at 3:00 AM."]
    assert said(flows, *asked, CallbackBooked(False, "closed", "2026-11-24T08:00")) == ["Then at 8:00 AM."]
    session, _ = run(flows, *asked, CallbackBooked(False, "closed", "2026-11-24T08:00"))
    assert session.slots["callback"] == {"on": "2026-11-24", "time": "08:00", "number": "+12125550100"}


def test_too_far_ahead_is_what_the_flow_makes_of_it(flows: FlowSet, tmp_path: Path) -> None:
    late = (Queued(), Keys("1"), CallbackBooked(False, "too_far", "2026-12-07T23:59"))
    assert said(flows, *late) == ["Then at ."], "as `closed`, with no next possible time"
    own = FLOW.replace("closed: later}", "closed: later, too_far: far}").replace(
        "  shut:", '  far: {hang_up: "By {callback.on|date}."}\n  shut:'
    )
    told = sample.usable(tmp_path, {"flows/main.yaml": own, **QUEUES})
    assert said(told, *late) == ["By Monday, December 7, 2026."]


def test_a_step_that_asks_for_nothing_joins_beside(tmp_path: Path) -> None:
    flow = "steps:\n  wait:\n    queue: billing\n    exits: {closed: end, full: end, nobody: end}\n"
    flows = sample.usable(tmp_path, {"flows/main.yaml": flow, **QUEUES})
    assert place(run(flows)[1]).callback == "beside"


def test_what_a_slot_holds_is_checked(tmp_path: Path) -> None:
    flow = FLOW.replace("callback.on ==", "callback.day ==")
    _, found = sample.flow_set(tmp_path, {"flows/main.yaml": flow, **QUEUES})
    assert any("'callback' has no 'day'" in str(problem) for problem in found)


@pytest.mark.parametrize(
    "given",
    [
        Queued(2, 10.0, 60.0, callback=True),
        Refused("callback", at="2026-11-24T15:30", number="+12125550142"),
        CallbackBooked(False, "closed", "2026-11-24T08:00"),
    ],
)
def test_inputs_are_stored_and_read_again(given: Input) -> None:
    assert input_from_json(input_to_json(given)) == given
