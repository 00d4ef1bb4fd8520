"""alerts.yaml: its shape, and that the queues and people in it exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ivr.flow.checks._beside import file_lint, no_queue, queues
from ivr.flow.lint import View, error, warning
from ivr.flow.problems import Problem, nearest
from ivr.flow.yaml_source import Node


@file_lint("alerts", "callcenter.alerts", "AlertsFile")
def alerts(view: View, node: Node, file: Any) -> Iterator[Problem]:
    known = queues(view).keys()
    told: set[str] = set()
    for name, alert in file.alerts.items():
        for number, queue in enumerate(alert.queues):
            if queue not in known:
                yield no_queue(node.at(("alerts", name, "queues", number)), queue, known)
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
