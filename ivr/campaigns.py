"""Campaigns as the published files have them, for those parts that don't know flows."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from callcenter.campaigns.config import FILE, Campaign, from_data
from callcenter.campaigns.deciding import Lists
from ivr import messaging
from ivr.flow.model import PROMPT_ID, FlowSet
from ivr.published import Published


def lists(flows: FlowSet | None) -> Lists:
    """None where nothing has been published yet, or there is no campaigns.yaml."""
    if flows is None:
        return Lists()

    def say(words: str, language: str) -> str:
        return messaging.say(flows, words, language) if PROMPT_ID.match(words) else words

    return Lists(named(flows), ZoneInfo(flows.company.timezone), say, flows.default_language)


def named(flows: FlowSet) -> dict[str, Campaign]:
    """By name."""
    known = flows.memo.get(FILE)
    if known is None:
        known = flows.memo[FILE] = dict(from_data(flows.files.get(FILE)))
    found: dict[str, Campaign] = known
    return found


def published_lists(published: Published) -> Lists:
    """Of the version that answers calls now."""
    return lists(messaging.current(published))
