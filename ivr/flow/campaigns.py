"""What flows/campaigns.yaml says to people, and which flows its calls run: for the checks of those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ivr.flow.model import PROMPT_ID, FlowSet

FILE = "campaigns"
SAID = (("greeting",), ("machine", "say"), ("machine", "text"))
ENGINE = ("system.campaign_greeting", "system.campaign_declined")


LISTED = ("name", "reference")
"""Columns that every list may have."""


def run_by_campaigns(flows: FlowSet) -> dict[str, frozenset[str]]:
    """The flows that calls of campaigns run, each with the slots that it begins with on every such call: columns that
    its campaigns require. Those of `LISTED` may be filled besides."""
    found: dict[str, frozenset[str]] = {}
    for campaign in _campaigns(flows).values():
        flow = campaign.get("flow") if isinstance(campaign, Mapping) else None
        if isinstance(flow, str) and flow in flows.flows:
            columns = campaign.get("columns")
            given = frozenset(one for one in columns if isinstance(one, str)) if isinstance(columns, list) else ()
            found[flow] = found.get(flow, frozenset(given)) & frozenset(given)
    return found


def _campaigns(flows: FlowSet) -> Mapping[str, Any]:
    data = flows.files.get(FILE)
    campaigns = data.get("campaigns") if isinstance(data, Mapping) else None
    return campaigns if isinstance(campaigns, Mapping) else {}


def said_by_campaigns(flows: FlowSet) -> list[tuple[tuple[Any, ...], str]]:
    """Every (path in the file, prompt) that they use; the engine's own where there is any campaign."""
    campaigns = _campaigns(flows)
    with_agents = any(not (isinstance(one, Mapping) and "flow" in one) for one in campaigns.values())
    found: list[tuple[tuple[Any, ...], str]] = [(("campaigns",), ref) for ref in ENGINE if with_agents]
    for name, campaign in campaigns.items():
        for path in SAID:
            value: Any = campaign
            for part in path:
                value = value.get(part) if isinstance(value, Mapping) else None
            if isinstance(value, str) and PROMPT_ID.match(value):
                found.append((("campaigns", name, *path), value))
    return found
