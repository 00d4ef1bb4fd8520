"""The prompts that can be rendered before anybody calls: all that a flow says without filling in a caller's values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from ivr.flow import template
from ivr.flow.expr import ExprError
from ivr.flow.model import PROMPT_ID, FlowSet
from ivr.flow.session import VOICE, Session
from ivr.flow.turn import Turn
from ivr.flow.verbs.menu import Menu
from ivr.prompts.parts import Prompt
from ivr.speech.prerender import text_prompts

CONSTANTS = frozenset({"company"})
"""Names that mean the same in every call."""


def flow_prompts(flows: FlowSet) -> Iterator[Prompt]:
    """In every language of the company: the plain texts of steps, and the menus' choices with their keys, which are
    put together from several texts. The texts of the catalogue itself are `ivr.speech.prerender.static_prompts`."""
    session = Session("", "", "", VOICE, flows.hash, flows.default_language)
    for language in flows.company.languages:
        turn = Turn(flows, replace(session, language=language), datetime.now(UTC))
        for flow in flows.flows.values():
            for step in flow.steps.values():
                for _, reference in step.says():
                    text = flows.text(language, reference) if PROMPT_ID.match(reference) else None
                    if _names(text or reference) <= CONSTANTS:
                        yield turn.prompt(reference)
                    else:
                        yield from text_prompts(text or reference, language)
                if isinstance(step, Menu):
                    try:
                        yield from step.spoken(turn)
                    except ExprError:
                        continue  # a choice that names the caller's own values


def _names(text: str) -> set[str]:
    """What a text reads; of a text with a mistake, nothing that could be known ahead."""
    try:
        return {name for hole in template.parse(text).holes for name, _ in hole.value.names()}
    except ExprError:
        return {""}
