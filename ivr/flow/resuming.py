"""Going on where an earlier conversation was cut off: the offer, and what its answer leads to. Pure.

The channel that starts a session hands over what is known of the earlier one (`Earlier`). It is offered if the flows of
today still have the steps that it stood at, and it goes on at a question: never in the middle of an action, and never
behind a secret, which isn't carried over and has to be asked for again. A conversation that was handed over (a link
to the chat) goes on without being asked about, by the exit that says so of the step that handed it over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ivr.flow.answering import ask, global_answer, nothing
from ivr.flow.answers.yes_no import KEYS, YesNo, choices, meaning, phrases
from ivr.flow.effects import Collect
from ivr.flow.inputs import Earlier, Input, Keys, Words
from ivr.flow.model import FlowSet, StepModel
from ivr.flow.session import Place
from ivr.flow.turn import Goto, Turn, Waiting

PROMPT = "system.resume"
ATTEMPTS = 2
Stack = tuple[Place, ...]


def place(flows: FlowSet, earlier: Earlier) -> Stack | None:
    """The question to go on at; `None` if there is none, or nothing was given yet."""
    if not earlier.slots:
        return None
    visited = [_stack(stack) for stack in earlier.trail]
    if not visited or visited[-1] != _stack(earlier.stack):
        visited.append(_stack(earlier.stack))
    visited = [stack for stack in visited if _stands(flows, stack)]
    if not visited or _stack(earlier.stack)[:1] != visited[-1][:1]:
        return None
    for stack in visited:
        flow, name = stack[-1]
        if getattr(flows.flows[flow].steps[name], "is_secret", False):
            return stack
    return visited[-1]


def begin(turn: Turn, earlier: Earlier) -> Waiting | str | None:
    """How a conversation begins that goes on with an earlier one: by asking whether it should, or at once by an exit of
    the step that handed it over. `None` if it begins at the flow's start, where the stack stands already."""
    return _handed_over(turn, earlier) if earlier.exit else offer(turn, earlier)


def _handed_over(turn: Turn, earlier: Earlier) -> str | None:
    """What today's flows don't have any more begins anew; what was given stays given."""
    stack = _stack(earlier.stack)
    there = _called(turn.flows, stack) and earlier.exit in _top(turn.flows, stack).ways_out(turn.flows)
    turn.event("resume", accepted=there, contact=earlier.contact, session=earlier.session,
               slots=sorted(earlier.slots), handed_over=True)  # fmt: skip
    _take_over(turn, earlier)
    if not there:
        return None
    turn.stack = list(stack)
    turn.trail = [each for each in map(_stack, earlier.trail) if _stands(turn.flows, each)]
    return earlier.exit


def offer(turn: Turn, earlier: Earlier) -> Waiting | None:
    """Ask whether to go on; `None` if there is nothing to go on with. The stack is the start's already."""
    if turn.company.resume is None or place(turn.flows, earlier) is None:
        return None
    turn.event("resume_offered", contact=earlier.contact)
    return _ask(turn, earlier)


def answer(turn: Turn, given: Input) -> Stack | Waiting | Goto | None:
    """Where to go on: a stack to enter, `None` for the flow's start, elsewhere (a person), or not yet."""
    assert isinstance(given, Keys | Words)
    state = turn.state["resume"]
    earlier = Earlier(**state)
    asked = None if nothing(given) else global_answer(turn, given, KEYS)
    if asked == "repeat":
        return _ask(turn, earlier)
    if isinstance(asked, Goto) and asked.target == "person":
        return asked
    yes = None if nothing(given) or asked else meaning(turn, given)
    if yes is None and turn.tried("resume") < ATTEMPTS:
        turn.event("no_input" if nothing(given) else "no_match", step=PROMPT, attempt=turn.tries["resume"])
        if not nothing(given):
            turn.say("system.no_match")
        return _ask(turn, earlier)
    where = place(turn.flows, earlier) if yes else None
    data: dict[str, Any] = {"accepted": where is not None, "contact": earlier.contact, "session": earlier.session,
                            "slots": sorted(earlier.slots)}  # fmt: skip
    turn.event("resume", **data)
    if where is None:
        return None
    _take_over(turn, earlier)
    visited = [*(_stack(stack) for stack in earlier.trail), _stack(earlier.stack)]
    turn.trail = [stack for stack in visited[: visited.index(where)] if _stands(turn.flows, stack)]
    return where


def _ask(turn: Turn, earlier: Earlier) -> Waiting:
    assert turn.company.resume is not None
    defaults = turn.company.defaults
    collect = Collect(
        (turn.prompt(turn.company.resume.offer),),
        YesNo.name,
        KEYS,
        choices=choices(turn),
        phrases=phrases(turn),
        first_timeout=defaults.timeout,
        between_keys=defaults.between_keys,
        barge_in=defaults.barge_in,
        voice_barge_in=defaults.voice_barge_in,
        speech=defaults.speech and turn.can("words"),
        language=turn.language,
        end_silence=YesNo.end_silence,
        max_seconds=YesNo.max_seconds,
        open=True,
    )
    waiting = ask(turn, collect, resume=asdict(earlier))
    assert isinstance(waiting, Waiting)
    return waiting


def _take_over(turn: Turn, earlier: Earlier) -> None:
    turn.slots = {**turn.slots, **earlier.slots}
    if earlier.language in turn.company.languages:
        turn.language = earlier.language


def _stands(flows: FlowSet, stack: Stack) -> bool:
    """Whether today's flows have this place, the flows in it calling each other, a question on top."""
    return _called(flows, stack) and _top(flows, stack).asks


def _called(flows: FlowSet, stack: Stack) -> bool:
    """Whether today's flows have this place, the flows in it calling each other."""
    for number, (flow, name) in enumerate(stack):
        step = flows.flows[flow].steps.get(name) if flow in flows.flows else None
        if step is None:
            return False
        if number + 1 < len(stack) and getattr(step, "call", None) != stack[number + 1][0]:
            return False
    return bool(stack)


def _top(flows: FlowSet, stack: Stack) -> StepModel:
    flow, name = stack[-1]
    return flows.flows[flow].steps[name]


def _stack(places: Sequence[Any]) -> Stack:
    return tuple((flow, step) for flow, step in places)
