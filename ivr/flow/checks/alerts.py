"""alerts.yaml: its shape, and that the queues and people in it exist."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from ivr.flow.lint import View, error, lint, warning
from ivr.flow.load import validated
from ivr.flow.problems import FlowError, Problem, nearest


@lint
def alerts(view: View) -> Iterator[Problem]:
    node = view.flows.nodes.get("alerts")
    if node is None:
        return
    try:
        # By name: the flow engine imports nothing of the call centre.
        file: Any = validated(importlib.import_module("callcenter.alerts").AlertsFile, node)
    except FlowError as mistakes:
        yield from mistakes.problems
        return
    data = view.flows.files.get("queues")
    queues = set(data.get("queues") or {}) if isinstance(data, dict) else set()
    told: set[str] = set()
    for name, alert in file.alerts.items():
        for number, queue in enumerate(alert.queues):
            if queue not in queues:
                mark = node.at(("alerts", name, "queues", number))
                yield error(mark, f"there is no queue '{queue}'", nearest(queue, queues), "unknown_queue")
        for number, group in enumerate(alert.to):
            if group not in file.people:
                mark = node.at(("alerts", name, "to", number))
                fix = f"{nearest(group, file.people)}; `people:` says who they are"
                yield error(mark, f"nobody is called '{group}' here", fix, "unknown_people")
        told |= {*alert.to}
    for group in file.people.keys() - told:
        mark = node.at(("people", group))
        yield warning(
            mark, f"no alert tells '{group}'", "add it to the `to:` of an alert, or remove it", "unused_people"
        )
