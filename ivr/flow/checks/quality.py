"""quality.yaml: its shape, and that the queues in it exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ivr.flow.checks._beside import file_lint, no_queue, queues
from ivr.flow.lint import View, warning
from ivr.flow.problems import Problem
from ivr.flow.yaml_source import Node


@file_lint("quality", "callcenter.quality", "QualityFile")
def quality(view: View, node: Node, file: Any) -> Iterator[Problem]:
    known = queues(view).keys()
    for name, form in file.forms.items():
        for number, queue in enumerate(form.queues):
            if queue not in known:
                yield no_queue(node.at(("forms", name, "queues", number)), queue, known)
    if all(form.queues for form in file.forms.values()):
        for queue in sorted(known - {queue for form in file.forms.values() for queue in form.queues}):
            fix = "add it to the `queues:` of a form, or let a form be for every queue by leaving them out"
            what = f"no form is for the queue '{queue}': nobody's conversations of it are evaluated"
            yield warning(node.at(("forms",)), what, fix, "no_form")
