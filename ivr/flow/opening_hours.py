"""Which files beside the flows hold opening hours: for the checks and for the desk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ivr.flow.model import FlowSet

MAIN: Final = "business_hours"
"""The company's own, which the action `opening_hours` and the chat go by."""


def queues_by_hours(flows: FlowSet) -> dict[str, tuple[str, ...]]:
    """The labels of the queues that name each file of hours, by the file's name. `MAIN` isn't among them unless a queue
    names it. Bears a queues.yaml with any mistake in it."""
    data = flows.files.get("queues")
    queues = data.get("queues") if isinstance(data, Mapping) else None
    found: dict[str, dict[str, None]] = {}
    for name, queue in queues.items() if isinstance(queues, Mapping) else ():
        for hours in _named(queue):
            found.setdefault(hours, {})[str(queue.get("label") or name)] = None
    return {name: tuple(labels) for name, labels in found.items()}


def _named(queue: Any) -> Iterator[str]:
    if not isinstance(queue, Mapping):
        return
    callback = queue.get("callback")
    for place in (queue, callback) if isinstance(callback, Mapping) else (queue,):
        for key in ("hours", "offer_hours"):
            if isinstance(name := place.get(key), str):
                yield name
