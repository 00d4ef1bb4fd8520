"""The interpreter: `step(flows, session, input, now) -> (session, effects)`. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from ivr.flow import announcing, resuming
from ivr.flow.effects import Effect, End
from ivr.flow.expr import ExprError
from ivr.flow.inputs import Announced, Fault, HungUp, Input, Started
from ivr.flow.model import FlowSet
from ivr.flow.session import Session
from ivr.flow.turn import WAITING, CallFlow, Goto, Leave, Turn, Waiting

MAX_STEPS = 200
"""Steps in one turn; a flow that takes more never waits for the caller."""
MAX_DEPTH = 12
"""Flows that call each other."""


class WrongInput(Exception):
    """An Input that the session does not wait for. The session stands as it was: late and repeated requests do this."""


def step(flows: FlowSet, session: Session, given: Input, now: dt.datetime) -> tuple[Session, Sequence[Effect]]:
    """Take one Input. `now` is an aware datetime.

    Raises `WrongInput` for an Input that isn't due. Any other fault inside the flow is taken as its exit `failed`
    and in the end leads to a person or a spoken apology: it never leaves the caller in silence.
    """
    if session.ended:
        raise WrongInput("the session has ended")
    turn = Turn(flows, session, now)
    leave: Leave
    match given:
        case Started(earlier, announcement, flow):
            if session.stack:
                raise WrongInput("the session has started already")
            _jump(turn, flow or flows.company.start_for(session.capabilities))
            turn.answered = earlier.answered if earlier is not None else ()
            if announcement is not None and announcing.tell(turn, announcement, every_language=True):
                leave = _announced(turn, announcement.then)
            else:
                leave = (resuming.begin(turn, earlier) if earlier is not None else None) or _enter(turn)
        case HungUp(lost):
            outcome = "lost" if lost else "hung_up"
            turn.end(outcome)
            turn.event(outcome)
            return turn.session(), turn.effects
        case Fault(what):
            if not session.stack:
                raise WrongInput("the session has not started")
            turn.event("fault", what=what)
            leave = "failed"
        case Announced(announcement) if announcing.interrupts(turn):
            if announcing.tell(turn, announcement):
                leave = _announced(turn, announcement.then)
            else:
                turn.waiting, leave = session.waiting, WAITING
        case _:
            kind = type(given).__name__
            if session.waiting is None or kind not in session.waiting["for"]:
                raise WrongInput(f"{kind} is not due")
            leave = _resumed(turn, given) if "resume" in turn.state else _guarded(turn, given)
    for _ in range(MAX_STEPS):
        if isinstance(leave, Waiting) or turn.ended:
            break
        leave = _follow(turn, leave)
    else:
        turn.event("fault", what=f"{MAX_STEPS} steps without waiting")
        _apologise(turn)
    if turn.ended:
        turn.emit(End(turn.outcome))
    return turn.session(), turn.effects


def _announced(turn: Turn, then: str) -> Leave:
    """Where an announcement leads that isn't followed by what would have come without it."""
    if then == "voicemail":
        assert turn.company.voicemail is not None
        _jump(turn, turn.company.voicemail)
        return _enter(turn)
    turn.end("announced")
    return WAITING


def _resumed(turn: Turn, given: Input) -> Leave:
    """Whether to go on where an earlier conversation was has been answered."""
    where = resuming.answer(turn, given)
    if isinstance(where, Waiting | Goto):
        return where
    if where is None:
        _jump(turn, turn.company.start_for(turn.before.capabilities))
    else:
        turn.stack = list(where)
    return _enter(turn)


def _guarded(turn: Turn, given: Input | None) -> Leave:
    """Enter or resume the current step; a fault in it is its exit `failed`."""
    try:
        return turn.step.enter(turn) if given is None else turn.step.resume(turn, given)
    except ExprError as error:
        turn.event("fault", what=str(error), step=turn.stack[-1][1])
        return "failed"


def _enter(turn: Turn) -> Leave:
    """Arrive at the step on top of the stack."""
    flow, name = turn.stack[-1]
    turn.tries = {}
    turn.state = {}
    turn.event("step", flow=flow, step=name, **({"assisted": True} if turn.can("assisted") else {}))
    if not all(turn.can(capability) for capability in turn.step.needs()):
        return "unsupported"
    if turn.step.asks:
        here = tuple(turn.stack)
        if not turn.trail or turn.trail[-1] != here:
            turn.trail.append(here)
        turn.asked_again()
    return _guarded(turn, None)


def _follow(turn: Turn, leave: str | Goto | CallFlow) -> Leave:
    """Leave the current step and enter where it leads."""
    flow, name = turn.stack[-1]
    if isinstance(leave, CallFlow):
        if len(turn.stack) >= MAX_DEPTH:
            turn.event("fault", what=f"flows call each other {MAX_DEPTH} deep")
            return _person(turn, because="failed")
        turn.stack.append((leave.flow, turn.flows.flows[leave.flow].start))
        return _enter(turn)
    exit, target = (leave.target, leave.target) if isinstance(leave, Goto) else (leave, turn.step.target(leave))
    turn.event("exit", flow=flow, step=name, exit=exit)
    match (target or "person").split():
        case ["end"]:
            turn.end("completed")
            return exit
        case ["person"]:
            return _person(turn, because=exit)
        case ["back"]:
            return _back(turn)
        case ["start", "over"]:
            return _start_over(turn)
        case ["return", *names]:
            turn.stack.pop()
            if not turn.stack:
                turn.end("completed")
                return exit
            return names[0] if names else "done"
        case [step, *_]:
            turn.stack[-1] = (flow, step)
            return _enter(turn)
    raise AssertionError(f"no target at {flow}.{name}")


def _jump(turn: Turn, flow: str) -> None:
    turn.stack = [(flow, turn.flows.flows[flow].start)]


def _person(turn: Turn, because: str) -> Leave:
    """The route to a person; from within that route there is only an apology left."""
    person = turn.company.person
    if turn.can("assisted"):  # a person is on the line
        turn.event("to_agent", because=because)
        if because in ("failed", "unsupported"):
            turn.say("system.fault")
        turn.end("to_agent")
        return because
    turn.event("to_person", because=because)
    if person is None or any(flow == person for flow, _ in turn.stack):
        _apologise(turn)
        return "failed"
    if because in ("failed", "unsupported"):
        turn.say("system.fault")
    _jump(turn, person)
    return _enter(turn)


def _back(turn: Turn) -> Leave:
    """To the question before this one; at the first question, that one again."""
    if len(turn.trail) > 1 and turn.trail[-1] == tuple(turn.stack):
        turn.trail.pop()
    if turn.trail:
        turn.stack = list(turn.trail[-1])
    return _enter(turn)


def _start_over(turn: Turn) -> Leave:
    """To the first of the secrets that are asked for one after the other here."""
    while len(turn.trail) > 1 and turn.is_secret(turn.trail[-2][-1]):
        turn.trail.pop()
    if turn.trail:
        turn.stack = list(turn.trail[-1])
    return _enter(turn)


def _apologise(turn: Turn) -> None:
    try:
        turn.say("system.sorry")
    except ExprError:
        turn.event("fault", what="system.sorry can't be said")
    turn.end("failed")
