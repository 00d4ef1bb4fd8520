"""customer.yaml and reminders.yaml: their shape."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from ivr.flow.lint import View, error, lint
from ivr.flow.load import validated
from ivr.flow.problems import FlowError, Problem
from ivr.flow.reminders import FILE, RemindersFile


@lint
def reminders(view: View) -> Iterator[Problem]:
    node = view.flows.nodes.get(FILE)
    if node is None:
        return
    try:
        validated(RemindersFile, node)
    except FlowError as found:
        yield from found.problems


@lint
def customer(view: View) -> Iterator[Problem]:
    """The schema of customers' attributes."""
    node = view.flows.nodes.get("customer")
    if node is None:
        return
    # By name: the flow engine imports nothing of the call centre.
    attributes = importlib.import_module("callcenter.attributes")
    try:
        attributes.Schema.from_data(view.flows.files["customer"])
    except attributes.AttributeProblem as found:
        yield error(node.mark, str(found), "docs/customers.md shows what may stand here", "bad_attributes")
