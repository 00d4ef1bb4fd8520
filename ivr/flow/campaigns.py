"""What flows/campaigns.yaml says to people, for the checks of prompts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ivr.flow.model import PROMPT_ID, FlowSet

FILE = "campaigns"
SAID = (("greeting",), ("machine", "say"), ("machine", "text"))
ENGINE = ("system.campaign_greeting", "system.campaign_declined")


def said_by_campaigns(flows: FlowSet) -> list[tuple[tuple[Any, ...], str]]:
    """Every (path in the file, prompt) that they use; the engine's own where there is any campaign."""
    data = flows.files.get(FILE)
    campaigns = data.get("campaigns") if isinstance(data, Mapping) else None
    if not isinstance(campaigns, Mapping):
        return []
    found: list[tuple[tuple[Any, ...], str]] = [(("campaigns",), ref) for ref in ENGINE if campaigns]
    for name, campaign in campaigns.items():
        for path in SAID:
            value: Any = campaign
            for part in path:
                value = value.get(part) if isinstance(value, Mapping) else None
            if isinstance(value, str) and PROMPT_ID.match(value):
                found.append((("campaigns", name, *path), value))
    return found
