"""PURE: how a live call stands, folded from its `call.*` facts: what the agent's page may offer now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from callcenter.events import Event


@dataclass(frozen=True, slots=True)
class CallState:
    """`third` says whether somebody else was called in: "" nobody, `rings`, or `up`; `who` that is. While `private` the
    customer hears music and the two talk alone. `serving` is the agent who has the customer."""

    serving: str = ""
    held: bool = False
    third: str = ""
    who: str = ""
    private: bool = False
    leaving: bool = False
    paused: bool = False
    secret: bool = False
    paying: bool = False
    over: bool = True


def fold(events: Iterable[Event]) -> CallState:
    """Of a contact's events, in order. Each `call.connected` begins anew: a contact may have had several calls."""
    state = CallState()
    for event in events:
        if event.kind.startswith("call."):
            state = after(state, event)
    return state


def after(state: CallState, event: Event) -> CallState:
    """How it stands after one more `call.*` fact."""
    what, data = event.kind.removeprefix("call."), event.data
    match what:
        case "connected":
            return CallState(serving=str(data.get("agent", "")), over=False)
        case "hold" | "resume":
            return replace(state, held=what == "hold")
        case "consult":
            return replace(state, third="rings", who="", private=True, held=False)
        case "conference" if not state.third:
            return replace(state, third="rings", who="")
        case "merge" | "conference":
            return replace(state, private=False, held=False)
        case "joined" if data.get("role") == "consulted":
            return replace(state, third="up", who=str(data.get("party", "")))
        case "return":
            return replace(state, third="", who="", private=False, held=False)
        case "consulted_left":
            return replace(state, third="", who="", private=False, held=state.held and not state.private)
        case "transfer":
            return replace(state, leaving=True)
        case "complete":
            return replace(state, third="", who="", private=False, held=False, leaving=state.third == "rings")
        case "transferred" | "taken_over":
            return replace(
                state, serving=str(data.get("to", "")), third="", who="", private=False, held=False, leaving=False,
                secret=False, paying=False,
            )  # fmt: skip
        case "transfer_failed":
            return replace(state, leaving=False)
        case "record_pause" | "record_resume":
            return replace(state, paused=what == "record_pause")
        case "secret_start" | "secret_end":
            return replace(state, secret=what == "secret_start")
        case "pay" | "payment_ended":
            return replace(state, paying=what == "pay")
        case "ended":
            return CallState(serving=state.serving)
    return state
