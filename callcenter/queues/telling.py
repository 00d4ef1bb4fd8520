"""What happens in queues, told to pages at once: to the agent whom it concerns, and to the floor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from callcenter.queues.journal import Fact

HIDDEN = frozenset({"data", "note"})
"""What pages read where it is kept: it may be long."""


class Publisher(Protocol):
    """`callcenter.live.Live`."""

    def publish(self, topic: str, kind: str, data: Mapping[str, Any]) -> str | None: ...


class Telling:
    """Give it the router's facts; one thread tells them in order. Of several routers each tells what it read: pages
    take an event for a reason to look, so hearing it twice is no harm."""

    def __init__(self, live: Publisher) -> None:
        self._live = live
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="telling")

    def take(self, facts: Iterable[Fact]) -> None:
        self._thread.submit(self._tell, list(facts))

    def close(self) -> None:
        self._thread.shutdown(cancel_futures=True)

    def _tell(self, facts: list[Fact]) -> None:
        for fact in facts:
            data = {name: value for name, value in fact.data.items() if name not in HIDDEN}
            data |= {
                "contact": fact.contact,
                "queue": fact.queue,
                "agent": fact.agent,
                "offer": fact.offer,
                "at": fact.at,
            }
            self._live.publish("floor", fact.kind, data)
            if fact.agent:
                self._live.publish(f"agent:{fact.agent}", fact.kind, data)
