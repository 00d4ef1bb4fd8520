"""What an agent sees of a payment while the caller keys: how many digits, never which (`callcenter.assisted`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import structlog

from ivr.flow.effects import Collect, Effect, Event, RunAction

log = structlog.get_logger("callwright.voice")

Tell = Callable[[str, Mapping[str, Any]], None]
FIELDS = ("card", "expiry", "security_code")
REFUSED = ("declined", "insufficient_funds", "expired_card", "invalid_card")
"""Exits of an action by which no money was taken."""


class Progress:
    """Of one payment. Changes are told in their order, the newest for several that came meanwhile; what can't be told
    delays nothing. Belongs to the event loop; `tell` blocks and runs on `executor`."""

    def __init__(self, contact_id: str, agent_id: str, order: str, tell: Tell, executor: Executor) -> None:
        self._agent_id, self._tell, self._executor = agent_id, tell, executor
        self._state: dict[str, Any] = {"contact": contact_id, "state": "asking", "field": ""}
        self._state |= {"order": order, "number": 0, "keyed": {}, "problem": ""}
        self._changed = False
        self._telling: asyncio.Task[None] | None = None
        self._set()

    def took(self, effects: Sequence[Effect]) -> None:
        """The flow has taken a step."""
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
                    self._asked(effect, problem)
                case RunAction():
                    self._set(field="", problem="")

    def _asked(self, ask: Collect, problem: str) -> None:
        field = ask.kind if ask.secret and ask.kind in FIELDS else ""
        keyed = {} if field == "card" else dict(self._state["keyed"])
        if field:
            keyed[field] = 0
        self._set(state="asking", field=field, keyed=keyed, problem=problem)

    def keyed(self, count: int) -> None:
        """So many digits of what is asked now have come."""
        field = self._state["field"]
        if field:
            self._set(keyed={**self._state["keyed"], field: count}, problem="")

    def charging(self) -> None:
        self._set(state="charging", field="", problem="")

    def ended(self, result: str, data: Mapping[str, object]) -> None:
        known = {"confirmation": "confirmation", "amount": "amount", "currency": "currency", "last4": "card"}
        more = {name: data[key] for key, name in known.items() if key in data}
        problem = str(data.get("why") or self._state["problem"])
        self._set(state="ended", field="", result=result, problem=problem, **more)

    def _set(self, **changes: Any) -> None:
        self._state |= {"number": self._state["number"] + 1, **changes}
        self._changed = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._tell_on())

    async def _tell_on(self) -> None:
        loop = asyncio.get_running_loop()
        while self._changed:
            self._changed = False
            try:
                await loop.run_in_executor(self._executor, self._tell, self._agent_id, dict(self._state))
            except Exception as error:  # the payment goes on; the page shows the next change
                log.warning("a payment's progress can't be told", error=type(error).__name__)

    async def settled(self) -> None:
        """Wait until the last change has been told."""
        if self._telling is not None:
            await self._telling
