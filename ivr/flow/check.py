"""What is wrong with a set of flows, beyond the shape of the files: every lint in `ivr/flow/checks/`, run once."""

from __future__ import annotations

from ivr.flow.lint import LINTS, View
from ivr.flow.model import FlowSet
from ivr.flow.problems import Problem
from ivr.flow.registry import import_all


def check(flows: FlowSet) -> list[Problem]:
    """Every mistake and warning, in the order of files. Never raises, whatever the files hold."""
    import_all("ivr.flow.checks")
    view = View(flows)
    return sorted({problem for lint in LINTS.values() for problem in lint(view)})
