"""Outbound campaigns that have a list: how far they are; paused and resumed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from callcenter.api.models import Out
from callcenter.api.operations import Call, operation
from callcenter.api.problems import Problem
from callcenter.campaigns import figures, people


class CampaignOut(Out):
    name: str
    paused: bool
    people: int
    waiting: int = Field(description="still to be called")
    queued: int = Field(description="in the queue, or being called")
    done: int
    calls: int = Field(description="calls made")
    results: dict[str, int] = Field(description="those who are done, by result")
    next_at: datetime | None = Field(description="when the next person may be called; null: nobody is left")


class CampaignList(Out):
    items: list[CampaignOut]


@operation("GET", "/campaigns", scope="campaigns:read", answer=CampaignList)
def list_campaigns(call: Call[None, None]) -> CampaignList:
    """How far all campaigns are"""
    found = figures.progress(call.conn).values()
    return CampaignList(items=[CampaignOut.model_validate(one, from_attributes=True) for one in found])


@operation("GET", "/campaigns/{name}", scope="campaigns:read", answer=CampaignOut, problems=(404,))
def get_campaign(call: Call[None, None]) -> CampaignOut:
    """How far a campaign is"""
    return _found(call)


@operation("POST", "/campaigns/{name}/pause", scope="campaigns:write", answer=CampaignOut, problems=(404,))
def pause_campaign(call: Call[None, None]) -> CampaignOut:
    """Call nobody until the campaign is resumed; conversations go on"""
    people.pause(call.conn, _found(call).name, by=call.by, at=call.now)
    return _found(call)


@operation("POST", "/campaigns/{name}/resume", scope="campaigns:write", answer=CampaignOut, problems=(404,))
def resume_campaign(call: Call[None, None]) -> CampaignOut:
    """Go on calling"""
    people.resume(call.conn, _found(call).name, by=call.by, at=call.now)
    return _found(call)


def _found(call: Call[Any, Any]) -> CampaignOut:
    found = figures.progress(call.conn).get(call.path["name"])
    if found is None or not found.people:
        raise Problem(404, "no campaign of this name has a list")
    return CampaignOut.model_validate(found, from_attributes=True)
