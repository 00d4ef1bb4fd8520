"""campaigns.yaml: its shape, and that its queues and wrap-up codes exist. Prompts are checked with all others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ivr.flow.checks._beside import file_lint, no_queue, queues
from ivr.flow.lint import View, error, warning
from ivr.flow.problems import Mark, Problem, nearest
from ivr.flow.turn import BUILTINS
from ivr.flow.verbs.call import Call
from ivr.flow.verbs.hang_up import HangUp
from ivr.flow.yaml_source import Node

ASKING = ("menu", "ask")
LEGAL = ("08:00", "21:00")
"""16 CFR 310.4(c): telephone sales calls only between 8 a.m. and 9 p.m. at the called person's location."""


@file_lint("campaigns", "callcenter.campaigns.config", "CampaignsFile")
def campaigns(view: View, node: Node, file: Any) -> Iterator[Problem]:
    known = queues(view)
    for name, campaign in file.campaigns.items():
        if campaign.queue not in known:
            yield no_queue(node.at(("campaigns", name, "queue")), campaign.queue, known)
        elif isinstance(known[campaign.queue], dict):
            codes = set((known[campaign.queue].get("wrap_up") or {}).get("codes") or ())
            outcomes = _outcomes(view) if campaign.flow is not None else set()
            for code in campaign.codes.keys() - codes - outcomes:
                mark = node.at(("campaigns", name, "codes", code))
                what = f"the queue has no wrap-up code '{code}'"
                fix = f"{nearest(code, codes | outcomes)}; add it to `wrap_up.codes` of the queue '{campaign.queue}'"
                if campaign.flow is not None:
                    what += ", and no flow ends with it"
                    fix += ", or write `hang_up: ...` with this `outcome`"
                yield error(mark, what, fix, "unknown_code")
        if campaign.flow is not None:
            yield from _flow(view, node.at(("campaigns", name, "flow")), campaign.flow)
            for index, column in enumerate(campaign.columns):
                if column in BUILTINS:
                    mark = node.at(("campaigns", name, "columns", index))
                    what = f"the slot '{column}' has a meaning of its own, and no column fills it"
                    yield error(mark, what, "give the column another name", "reserved_slot")
        begins, _, ends = campaign.hours.partition("-")
        if begins < LEGAL[0] or ends > LEGAL[1]:
            mark = node.at(("campaigns", name, "hours"))
            what = f"`hours` go beyond {LEGAL[0]} to {LEGAL[1]}, which the US allows for sales calls"
            yield warning(mark, what, "keep within them, or ask your lawyer (docs/campaigns.md)", "calling_hours")


def _flow(view: View, mark: Mark, name: str) -> Iterator[Problem]:
    """It is there, and asks something by keys: that is how a person is told from an answering machine."""
    flows = view.flows.flows
    if name not in flows:
        yield error(mark, f"there is no flow '{name}'", nearest(name, flows), "unknown_flow")
    elif not any(step.verb in ASKING for flow in _called(view, name) for step in flows[flow].steps.values()):
        what = f"the flow '{name}' asks for no key, so that a person can't be told from an answering machine"
        yield error(mark, what, "begin it with a `menu` (press 1 to hear more)", "no_question")


def _called(view: View, name: str) -> set[str]:
    """The flow, and those that it calls."""
    flows, found, waiting = view.flows.flows, set[str](), [name]
    while waiting:
        flow = waiting.pop()
        if flow in flows and flow not in found:
            found.add(flow)
            waiting += [step.call for step in flows[flow].steps.values() if isinstance(step, Call)]
    return found


def _outcomes(view: View) -> set[str]:
    """What calls end with: `outcome` of hang_up."""
    return {step.outcome for _, _, step in view.places if isinstance(step, HangUp)}
