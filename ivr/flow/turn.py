"""One run of `step`: the mutable workbench that verbs use, thrown away when the next session is made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from zoneinfo import ZoneInfo

from ivr.flow import expr, template
from ivr.flow.effects import Effect, Event, Say
from ivr.flow.model import PROMPT_ID, Flow, FlowSet, StepModel
from ivr.flow.secret import Secret, masked
from ivr.flow.session import Place, Session
from ivr.prompts.parts import Prompt

TRAIL: Final = 30


class Waiting:
    """What a verb gives back when the session now waits for an Input. Made by `Turn.wait` only."""


WAITING: Final = Waiting()


@dataclass(frozen=True, slots=True)
class Goto:
    """Leave for a target directly, rather than by a named exit."""

    target: str


@dataclass(frozen=True, slots=True)
class CallFlow:
    """Enter another flow, to come back to the current step's exits."""

    flow: str


Leave = str | Waiting | Goto | CallFlow
"""How a verb leaves: by an exit's name, or not yet, or elsewhere."""


class Turn:
    """A session while it is being stepped. `now` is an aware datetime."""

    def __init__(self, flows: FlowSet, session: Session, now: dt.datetime) -> None:
        self.flows = flows
        self.company = flows.company
        self.before = session
        self.now = now.astimezone(ZoneInfo(flows.company.timezone))
        self.language = session.language
        self.stack: list[Place] = list(session.stack)
        self.slots: dict[str, Any] = dict(session.slots)
        self.tries: dict[str, int] = dict(session.tries)
        self.trail = list(session.trail)
        self.calls = session.calls
        self.answered = session.answered
        self.announced = session.announced
        self.waiting: Mapping[str, Any] | None = None
        self.state: Mapping[str, Any] = (session.waiting or {}).get("state", {})
        self.effects: list[Effect] = []
        self.ended = session.ended
        self.outcome = session.outcome

    # Where the call stands

    @property
    def flow(self) -> Flow:
        return self.flows.flows[self.stack[-1][0]]

    @property
    def step(self) -> StepModel:
        flow, step = self.stack[-1]
        return self.flows.flows[flow].steps[step]

    def is_secret(self, place: Place) -> bool:
        """Whether a step asks for a secret."""
        flow, step = place
        return bool(getattr(self.flows.flows[flow].steps[step], "is_secret", False))

    def can(self, capability: str) -> bool:
        """Whether the channel can do this, in the language that is spoken now."""
        has = self.before.capabilities
        return capability in has or f"{capability}.{self.language.split('-')[0]}" in has

    # What verbs do

    def emit(self, effect: Effect) -> None:
        self.effects.append(effect)

    def event(self, kind: str, **data: Any) -> None:
        """Put a fact in the event log; secrets in it become dots."""
        self.effects.append(Event(kind, masked(data)))

    def say(self, ref: str, extra: Mapping[str, Any] | None = None, *, barge_in: bool | None = None) -> None:
        barge_in = self.company.defaults.barge_in if barge_in is None else barge_in
        self.emit(Say(self.prompt(ref, extra), barge_in))

    def wait(self, *kinds: str, **state: Any) -> Waiting:
        """Wait for one of these kinds of Input; `state` comes back as `turn.state` when it has come."""
        self.waiting = {"for": list(kinds), "state": state}
        return WAITING

    def fill(self, slot: str, value: Any) -> None:
        self.slots[slot] = value
        self.event("slot_filled", slot=slot, value=value)

    def asked_again(self) -> None:
        """Count the current question if the customer has answered it lately, in an earlier conversation."""
        slot = getattr(self.step, "into", None) or self.stack[-1][1]
        if slot in self.answered and slot not in self.slots and getattr(self.step, "as_", "") != "yes_no":
            self.answered = tuple(name for name in self.answered if name != slot)
            self.event("asked_again", slot=slot)

    def tried(self, kind: str) -> int:
        """Count one more failed attempt of this kind at the current step."""
        self.tries[kind] = self.tries.get(kind, 0) + 1
        return self.tries[kind]

    def end(self, outcome: str) -> None:
        self.ended = True
        self.outcome = self.outcome or outcome

    # Values and prompts

    def names(self, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """All that an expression may read: the slots, and what is always there."""
        return {**builtins(self.before, self.company.name, self.now, self.language), **self.slots, **(extra or {})}

    def evaluate(self, source: str | int | float | bool) -> Any:
        """An expression's value; a slot's own `Secret` only where it stands alone. Raises `ExprError`."""
        if not isinstance(source, str):
            return source
        alone = self.slots.get(source.strip())
        return alone if isinstance(alone, Secret) else expr.parse(source).evaluate(self.names())

    def prompt(self, ref: str, extra: Mapping[str, Any] | None = None) -> Prompt:
        """A prompt in the caller's language with its slots filled in."""
        key = self._key(ref)
        constant: Prompt | None = self.flows.memo.get(key)
        if constant is not None:
            return constant
        text, id = None, ""
        if PROMPT_ID.match(ref):
            if self.variant:
                text, id = self.flows.text(self.language, ref + self.variant), ref + self.variant
            if text is None:
                text, id = self.flows.text(self.language, ref), ref
        if text is None:
            text, id = ref, ""
        parsed = template.parse(text)
        if next(parsed.holes, None) is None:
            constant = self.flows.memo[key] = Prompt(parsed.fill({}, self.company.currency), self.language, id)
            return constant
        return Prompt(parsed.fill(self.names(extra), self.company.currency), self.language, id)

    @property
    def variant(self) -> str:
        """The end of a prompt's id that replaces it here: `_text` in messages, `_speech` where the caller may speak."""
        if not self.can("voice"):
            return "_text"
        heard = self.can("words") and not self.hushed
        return "_speech" if heard and self.tries.get("speech", 0) < self.company.defaults.keys_only_after else ""

    @property
    def hushed(self) -> bool:
        """Whether this step asks for a secret that nobody should say here: others would recognise it, and keep it."""
        return self.is_secret(self.stack[-1]) and not self.can("spoken_secrets")

    def constant(self, ref: str) -> bool:
        """Whether this prompt, once it has been made, is the same for every caller."""
        return self._key(ref) in self.flows.memo

    def _key(self, ref: str) -> tuple[Any, ...]:
        return ("prompt", self.language, self.variant, ref)

    def words(self, id: str) -> tuple[str, ...]:
        """A catalogue text that lists words: `yes, yeah, yep`."""
        text = self.flows.text(self.language, id) or ""
        return tuple(word.strip().casefold() for word in text.split(",") if word.strip())

    def session(self) -> Session:
        """The next session."""
        return replace(
            self.before,
            seq=self.before.seq + 1,
            language=self.language,
            stack=tuple(self.stack),
            slots=self.slots,
            waiting=None if self.ended else self.waiting,
            tries=self.tries,
            trail=tuple(self.trail[-TRAIL:]),
            calls=self.calls,
            answered=self.answered,
            announced=self.announced,
            ended=self.ended,
            outcome=self.outcome,
        )


def builtins(session: Session, company: str, now: dt.datetime, language: str) -> dict[str, Any]:
    """The names that expressions may always read."""
    return {
        "caller": session.caller,
        "called": session.called,
        "attestation": session.attestation,
        "channel": session.channel,
        "language": language,
        "company": company,
        "today": now.date().isoformat(),
        "time": now.strftime("%H:%M"),
    }


BUILTINS = frozenset({"attestation", "caller", "called", "channel", "language", "company", "today", "time"})
