"""The digit collector: a pure reducer that turns single keys and the passing of time into one answer.

Used by every channel that hears keys one by one (SIP, and the offline rehearsal); Twilio's `<Gather>` does the same
on its side. Two clocks, kept apart: until the first key (it runs from the end of the prompt) and between keys.
Keys that come early wait in `ahead` and are taken by the next question, across steps and flows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ivr.flow.effects import Collect

SWALLOW = 2.0
"""Seconds in which a finishing key after an answer of full length still belongs to that answer."""
MAX_AHEAD = 64


@dataclass(frozen=True, slots=True)
class Collector:
    """`digits` is what has come for the current question `ask`; `deadline` the time at which it ends by itself
    (`None` while the prompt still plays and nothing was pressed). Times are seconds on any one clock."""

    ask: Collect | None = None
    digits: str = ""
    ahead: str = ""
    deadline: float | None = None
    swallow: str = ""
    swallow_until: float = 0.0

    def __repr__(self) -> str:
        return f"Collector(asking={self.ask is not None}, keys={len(self.digits)}, ahead={len(self.ahead)})"


def begin(state: Collector, ask: Collect, now: float) -> tuple[Collector, str | None]:
    """A question starts. An answer comes back at once if it was keyed ahead (then the prompt need not be played)."""
    keys, state = state.ahead, replace(state, ask=ask, digits="", ahead="", deadline=None)
    answer = None
    for index, digit in enumerate(keys):
        state, answer = press(state, digit, now)
        if answer is not None:
            return replace(state, ahead=state.ahead + keys[index + 1 :]), answer
    return state, None


def press(state: Collector, digit: str, now: float) -> tuple[Collector, str | None]:
    """A key. Gives the answer when it is complete."""
    if state.swallow:
        late = now > state.swallow_until
        mine = digit == state.swallow
        state = replace(state, swallow="")
        if mine and not late:
            return state, None
    ask = state.ask
    if ask is None:
        return replace(state, ahead=(state.ahead + digit)[-MAX_AHEAD:]), None
    if ask.accept:
        return _menu(state, ask, state.digits + digit, now)
    return _number(state, ask, digit, now)


def _menu(state: Collector, ask: Collect, keys: str, now: float) -> tuple[Collector, str | None]:
    longer = any(answer != keys and answer.startswith(keys) for answer in ask.accept)
    if longer:
        return replace(state, digits=keys, deadline=now + ask.between_keys), None
    if keys not in ask.accept and state.digits in ask.accept:
        # The shorter answer was meant; this key is for the next question.
        done, answer = _done(state, state.digits)
        return replace(done, ahead=keys[len(state.digits) :]), answer
    return _done(state, keys)


def _number(state: Collector, ask: Collect, digit: str, now: float) -> tuple[Collector, str | None]:
    if digit == ask.finish_on:
        return _done(state, state.digits or digit)
    if digit in "*#" and not (digit == ask.point and state.digits):
        return _done(state, digit)
    keys = state.digits + digit
    if len(keys) >= ask.at_most:
        state, answer = _done(state, keys)
        return replace(state, swallow=ask.finish_on, swallow_until=now + SWALLOW), answer
    return replace(state, digits=keys, deadline=now + ask.between_keys), None


def prompt_ended(state: Collector, now: float) -> Collector:
    """The prompt is over: the first-key clock starts, unless a key has come."""
    if state.ask is None or state.digits:
        return state
    return replace(state, deadline=now + state.ask.first_timeout)


def tick(state: Collector, now: float) -> tuple[Collector, str | None]:
    """Time has passed. At the deadline the answer is what was keyed: perhaps nothing."""
    if state.ask is None or state.deadline is None or now < state.deadline:
        return state, None
    return _done(state, state.digits)


def cancel(state: Collector) -> Collector:
    """The question is over for another reason (words were understood, the caller is gone)."""
    return replace(state, ask=None, digits="", deadline=None)


def _done(state: Collector, answer: str) -> tuple[Collector, str]:
    return replace(state, ask=None, digits="", deadline=None), answer
