"""quality.yaml: its shape, and that the queues in it exist."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from ivr.flow.lint import View, error, lint, warning
from ivr.flow.load import validated
from ivr.flow.problems import FlowError, Problem, nearest


@lint
def quality(view: View) -> Iterator[Problem]:
    node = view.flows.nodes.get("quality")
    if node is None:
        return
    try:
        # By name: the flow engine imports nothing of the call centre.
        file: Any = validated(importlib.import_module("callcenter.quality").QualityFile, node)
    except FlowError as mistakes:
        yield from mistakes.problems
        return
    data = view.flows.files.get("queues")
    queues = set(data.get("queues") or {}) if isinstance(data, dict) else set()
    for name, form in file.forms.items():
        for number, queue in enumerate(form.queues):
            if queue not in queues:
                mark = node.at(("forms", name, "queues", number))
                yield error(mark, f"there is no queue '{queue}'", nearest(queue, queues), "unknown_queue")
    if all(form.queues for form in file.forms.values()):
        for queue in sorted(queues - {queue for form in file.forms.values() for queue in form.queues}):
            fix = "add it to the `queues:` of a form, or let a form be for every queue by leaving them out"
            what = f"no form is for the queue '{queue}': nobody's conversations of it are evaluated"
            yield warning(node.at(("forms",)), what, fix, "no_form")
