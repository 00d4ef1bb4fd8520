"""What lints of files beside the flows share: they are called with a file that is there and well-formed, and may ask
whether the queues that it names are."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import wraps
from typing import Any

from ivr.flow.lint import View, error, lint
from ivr.flow.load import validated
from ivr.flow.problems import FlowError, Mark, Problem, nearest
from ivr.flow.yaml_source import Node

KNOWN: set[str] = set()
"""The files' names, without `.yaml`."""

Lint = Callable[[View, Node, Any], Iterator[Problem]]


def file_lint(name: str, module: str, model: str) -> Callable[[Lint], Lint]:
    """Register a lint of `name`.yaml, whose shape is `model` of `module`: by name, since the flow engine imports
    nothing of the call centre."""
    KNOWN.add(name)

    def register(check: Lint) -> Lint:
        @wraps(check)
        def checked(view: View) -> Iterator[Problem]:
            node = view.flows.nodes.get(name)
            if node is None:
                return
            try:
                file = validated(getattr(importlib.import_module(module), model), node)
            except FlowError as mistakes:
                yield from mistakes.problems
                return
            yield from check(view, node, file)

        lint(checked)
        return check

    return register


def queues(view: View) -> Mapping[str, Any]:
    """As queues.yaml has them, unchecked."""
    data = view.flows.files.get("queues")
    return (data.get("queues") or {}) if isinstance(data, dict) else {}


def no_queue(mark: Mark, name: str, known: Collection[str]) -> Problem:
    return error(mark, f"there is no queue '{name}'", nearest(name, known), "unknown_queue")
