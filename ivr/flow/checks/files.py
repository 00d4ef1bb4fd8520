"""Data files beside the flows, checked by the models of those who use them."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from ivr.flow.checks import _beside
from ivr.flow.lint import View, lint, warning
from ivr.flow.load import validated
from ivr.flow.opening_hours import MAIN, queues_by_hours
from ivr.flow.problems import FlowError, Problem, nearest
from ivr.flow.verbs.ask import Ask
from ivr.flow.yaml_source import Node

OTHERS = {"agents", "customer", "intents", "queues", "reminders"}
"""Files that other lints look into, beside those of `file_lint`."""


def _is_name(options: object) -> bool:
    return isinstance(options, str)


@lint
def files(view: View) -> Iterator[Problem]:
    specs = [spec for intent in view.flows.intents.file.intents.values() for spec in intent.slots.values()]
    asks = [step for _, _, step in view.places if isinstance(step, Ask)]
    lists = {name for name in (*(step.options for step in asks), *(spec.options for spec in specs)) if _is_name(name)}
    others = OTHERS | _beside.KNOWN
    hours = {MAIN, *queues_by_hours(view.flows)} - others
    for name, node in view.flows.nodes.items():
        if name not in view.flows.files or name in others or name in lists:
            continue
        if name in hours:
            yield from _hours(node)
        else:
            fix = f"a flow has `steps:`; {nearest(name, (*hours, *others))}"
            yield warning(node.mark, f"nothing uses the file '{name}.yaml'", fix, "unused_file")


def _hours(node: Node) -> Iterator[Problem]:
    """Opening hours. By name, since the flow engine imports nothing beside it."""
    try:
        read = validated(importlib.import_module("ivr.hours").BusinessHours, node)
    except FlowError as found:
        yield from found.problems
        return
    for path, what, fix in read.doubts():
        yield warning(node.at(path), what, fix, "doubtful_hours")
