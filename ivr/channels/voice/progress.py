"""Tells an agent's pages how a payment goes (`ivr.bridge.progress`), on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import structlog

from ivr.bridge import progress
from ivr.bridge.parts import Paid
from ivr.flow.effects import Effect

log = structlog.get_logger("callwright.voice")

Tell = Callable[[str, Mapping[str, Any]], None]


class Progress:
    """Of one payment. Changes are told in their order, the newest for several that came meanwhile; what can't be told
    delays nothing. Belongs to the event loop; `tell` blocks and runs on `executor`."""

    def __init__(self, contact_id: str, agent_id: str, order: str, tell: Tell, executor: Executor) -> None:
        self._agent_id, self._tell, self._executor = agent_id, tell, executor
        self._shown = progress.begun(contact_id, order)
        self._changed = False
        self._telling: asyncio.Task[None] | None = None
        self._set({})

    def took(self, effects: Sequence[Effect]) -> None:
        """The flow has taken a step."""
        if changes := progress.took(self._shown, effects):
            self._set(changes)

    def keyed(self, count: int) -> None:
        """So many digits of what is asked now have come."""
        if changes := progress.keyed(self._shown, count):
            self._set(changes)

    def charging(self) -> None:
        self._set(progress.charging())

    def ended(self, paid: Paid) -> None:
        self._set(progress.ended(self._shown, paid))

    def _set(self, changes: Mapping[str, Any]) -> None:
        self._shown |= {"number": self._shown["number"] + 1, **changes}
        self._changed = True
        if self._telling is None or self._telling.done():
            self._telling = asyncio.ensure_future(self._tell_on())

    async def _tell_on(self) -> None:
        loop = asyncio.get_running_loop()
        while self._changed:
            self._changed = False
            try:
                await loop.run_in_executor(self._executor, self._tell, self._agent_id, dict(self._shown))
            except Exception as error:  # the payment goes on; the page shows the next change
                log.warning("a payment's progress can't be told", error=type(error).__name__)

    async def settled(self) -> None:
        """Wait until the last change has been told."""
        if self._telling is not None:
            await self._telling
