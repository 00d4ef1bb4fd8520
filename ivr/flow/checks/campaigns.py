"""campaigns.yaml: its shape, and that its queues and wrap-up codes exist. Prompts are checked with all others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ivr.flow.checks._beside import file_lint, no_queue, queues
from ivr.flow.lint import View, error, warning
from ivr.flow.problems import Problem, nearest
from ivr.flow.yaml_source import Node

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
            for code in campaign.codes.keys() - codes:
                mark = node.at(("campaigns", name, "codes", code))
                fix = f"{nearest(code, codes)}; add it to `wrap_up.codes` of the queue '{campaign.queue}'"
                yield error(mark, f"the queue has no wrap-up code '{code}'", fix, "unknown_code")
        begins, _, ends = campaign.hours.partition("-")
        if begins < LEGAL[0] or ends > LEGAL[1]:
            mark = node.at(("campaigns", name, "hours"))
            what = f"`hours` go beyond {LEGAL[0]} to {LEGAL[1]}, which the US allows for sales calls"
            yield warning(mark, what, "keep within them, or ask your lawyer (docs/campaigns.md)", "calling_hours")
