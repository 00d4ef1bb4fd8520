"""PURE: what an agent sees of a payment while the caller keys: how many digits, never which (`callcenter.assisted` says
what the fields are). Each function gives what changes in what was shown before; `number` is up to who tells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ivr.bridge.parts import Paid
from ivr.flow.effects import Collect, Effect, Event, RunAction

FIELDS = ("card", "expiry", "security_code")
REFUSED = ("declined", "insufficient_funds", "expired_card", "invalid_card")
"""Exits of an action by which no money was taken."""

Shown = Mapping[str, Any]


def begun(contact_id: str, order: str) -> dict[str, Any]:
    """The first of all, complete."""
    return {"contact": contact_id, "state": "asking", "field": "", "order": order, "number": 1, "keyed": {},
            "problem": ""}  # fmt: skip


def took(shown: Shown, effects: Sequence[Effect]) -> dict[str, Any]:
    """The flow has taken a step."""
    changes: dict[str, Any] = {}
    problem = ""
    for effect in effects:
        match effect:
            case Event("invalid", data):
                problem = str(data.get("reason", ""))
            case Event("no_input" | "no_match" as kind, _):
                problem = problem or kind
            case Event("action_done", {"exit": exit}) if exit in REFUSED:
                problem = str(exit)
            case Collect():
                changes |= _asked({**shown, **changes}, effect, problem)
            case RunAction():
                changes |= {"field": "", "problem": ""}
    return changes


def _asked(shown: Shown, ask: Collect, problem: str) -> dict[str, Any]:
    field = ask.kind if ask.secret and ask.kind in FIELDS else ""
    keyed = {} if field == "card" else dict(shown["keyed"])
    if field:
        keyed[field] = 0
    return {"state": "asking", "field": field, "keyed": keyed, "problem": problem}


def keyed(shown: Shown, count: int) -> dict[str, Any]:
    """So many digits of what is asked now have come."""
    field = shown["field"]
    return {"keyed": {**shown["keyed"], field: count}, "problem": ""} if field else {}


def charging() -> dict[str, Any]:
    return {"state": "charging", "field": "", "problem": ""}


def ended(shown: Shown, paid: Paid) -> dict[str, Any]:
    known = {"confirmation": "confirmation", "amount": "amount", "currency": "currency", "last4": "card"}
    more = {name: paid.data[key] for key, name in known.items() if key in paid.data}
    problem = str(paid.data.get("why") or shown["problem"])
    return {"state": "ended", "field": "", "result": paid.result, "problem": problem, **more}
