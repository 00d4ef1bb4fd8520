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
from ivr.prompts.parts import Part, Prompt


def flow_prompts(flows: FlowSet) -> Iterator[Prompt]:
    """In every language of the company: the plain texts of steps, and the menus' choices with their keys, which are
    put together from several texts. The texts of the catalogue itself are `ivr.speech.prerender.static_prompts`."""
    session = Session("", "", "", VOICE, flows.hash, flows.default_language)
    for language in flows.company.languages:
        turn = Turn(flows, replace(session, language=language), datetime.now(UTC))
        for flow in flows.flows.values():
            for step in flow.steps.values():
                for _, reference in step.says():
                    if not (PROMPT_ID.match(reference) and flows.text(language, reference)):
                        yield from _literals(reference, language)
                if isinstance(step, Menu):
                    try:
                        yield from step.spoken(turn)
                    except ExprError:
                        continue  # a choice that names the caller's own values


def _literals(text: str, language: str) -> Iterator[Prompt]:
    for piece in template.parse(text).pieces:
        if isinstance(piece, str) and piece.strip():
            yield Prompt((Part("text", piece),), language)
