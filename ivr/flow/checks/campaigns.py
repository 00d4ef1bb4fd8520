"""campaigns.yaml: its shape, and that its queues and wrap-up codes exist. Prompts are
checked with all others."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from ivr.flow.lint import View, error, lint, warning
from ivr.flow.load import validated
from ivr.flow.problems import FlowError, Problem, nearest

LEGAL = ("08:00", "21:00")
"""16 CFR 310.4(c): telephone sales calls only between 8 a.m. and 9 p.m. at the called person's location."""


@lint
def campaigns(view: View) -> Iterator[Problem]:
    node = view.flows.nodes.get("campaigns")
    if node is None:
        return
    try:
        # By name: the flow engine imports nothing of the call centre.
        module = importlib.import_module("callcenter.campaigns.config")
        file: Any = validated(module.CampaignsFile, node)
    except FlowError as mistakes:
        yield from mistakes.problems
        return
    data = view.flows.files.get("queues")
    queues: Mapping[str, Any] = (data.get("queues") or {}) if isinstance(data, dict) else {}
    for name, campaign in file.campaigns.items():
        if campaign.queue not in queues:
            mark = node.at(("campaigns", name, "queue"))
            yield error(mark, f"there is no queue '{campaign.queue}'", nearest(campaign.queue, queues), "unknown_queue")
        elif isinstance(queues[campaign.queue], dict):
            codes = set((queues[campaign.queue].get("wrap_up") or {}).get("codes") or ())
            for code in campaign.codes.keys() - codes:
                mark = node.at(("campaigns", name, "codes", code))
                fix = f"{nearest(code, codes)}; add it to `wrap_up.codes` of the queue '{campaign.queue}'"
                yield error(mark, f"the queue has no wrap-up code '{code}'", fix, "unknown_code")
        begins, _, ends = campaign.hours.partition("-")
        if begins < LEGAL[0] or ends > LEGAL[1]:
            mark = node.at(("campaigns", name, "hours"))
            what = f"`hours` go beyond {LEGAL[0]} to {LEGAL[1]}, which the US allows for sales calls"
            yield warning(mark, what, "keep within them, or ask your lawyer (docs/campaigns.md)", "calling_hours")
