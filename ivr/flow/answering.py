"""What all questions share: global keys and words, and what happens when nothing or nonsense comes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ivr.flow.effects import Collect
from ivr.flow.inputs import Input, Keys, Words
from ivr.flow.model import StepModel
from ivr.flow.turn import Goto, Leave, Turn

SYSTEM = ("system.no_input", "system.no_match")


def global_answer(turn: Turn, given: Keys | Words, own: Iterable[str] = ()) -> Goto | str | None:
    """What a global key or word asks for: a target, `"repeat"`, or `None` if it is no global one.

    `own` are the answers that the step itself knows; those win.
    """
    keys = turn.company.keys
    if isinstance(given, Keys):
        if given.digits in own:
            return None
        match given.digits:
            case keys.person:
                return Goto("person")
            case keys.back:
                return Goto("back")
            case keys.repeat:
                return "repeat"
        return None
    said = normal(given.text)
    if said in turn.words("system.words.person"):
        return Goto("person")
    if said in turn.words("system.words.back"):
        return Goto("back")
    return "repeat" if said in turn.words("system.words.repeat") else None


def normal(text: str) -> str:
    """Words without case, punctuation and double spaces."""
    return " ".join(re.sub(r"[^\w\s']", " ", text.casefold()).split())


def ask_again(turn: Turn, collect: Collect, kind: str, attempts: int, why: str, extra: Mapping[str, Any]) -> Leave:
    """Count a failed attempt; say why and ask again, or leave by `kind` (no_input or no_match)."""
    turn.event(kind, step=turn.stack[-1][1], attempt=turn.tries.get(kind, 0) + 1)
    if turn.tried(kind) >= attempts:
        return kind
    turn.say(why, extra)
    return ask(turn, collect)


def ask(turn: Turn, collect: Collect, **state: Any) -> Leave:
    """Ask, and wait for the answer."""
    turn.emit(collect)
    return turn.wait("Keys", "Words", **state)


def nothing(given: Input) -> bool:
    """Whether an answer is no input at all."""
    return (isinstance(given, Keys) and not given.digits) or (isinstance(given, Words) and not given.text.strip())


def timing(turn: Turn, step: StepModel) -> dict[str, Any]:
    """The times and barge-in of a question: the step's own, else the company's defaults."""
    defaults = turn.company.defaults
    chosen = {}
    for name, target in (("timeout", "first_timeout"), ("between_keys", "between_keys"), ("barge_in", "barge_in")):
        own = getattr(step, name, None)
        chosen[target] = getattr(defaults, name) if own is None else own
    return chosen
