"""Prompts that can be rendered before anybody calls: all that a flow says without filling in a caller's values; and
rendering them, with a progress bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from callcenter.counting import counted
from ivr.flow import template
from ivr.flow.expr import ExprError
from ivr.flow.model import PROMPT_ID, FlowSet
from ivr.flow.session import VOICE, Session
from ivr.flow.turn import Turn
from ivr.flow.verbs.menu import Menu
from ivr.prompts.catalogue import Catalogue
from ivr.prompts.parts import Prompt
from ivr.speech.prerender import prerender, static_prompts, text_prompts
from ivr.speech.renderer import Renderer

CONSTANTS = frozenset({"company"})
"""Names that mean the same in every call."""


def all_prompts(catalogue: Catalogue, flows: FlowSet) -> list[Prompt]:
    """Everything that can be rendered ahead, each once, in the order of the company's languages."""
    order = {language: place for place, language in enumerate(flows.company.languages)}
    every = dict.fromkeys((*_flow_prompts(flows), *static_prompts(catalogue)))
    return sorted(every, key=lambda prompt: order.get(prompt.language, len(order)))


def _flow_prompts(flows: FlowSet) -> Iterator[Prompt]:
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


async def render(renderer: Renderer, prompts: Sequence[Prompt], console: Console) -> list[str]:
    """Render what is missing; returns messages about what can't be. Without a terminal, a line at the end takes the
    place of the bar. May be cancelled: what is done stays done."""
    columns = (TextColumn("rendering prompts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(prompts))
        messages = await prerender(renderer, prompts, lambda done, of, what: bar.update(task, completed=done, total=of))
    for message in messages:
        console.print(message, markup=False, highlight=False)
    if not messages:
        console.print(f"{counted(len(prompts), 'prompt')} rendered", highlight=False)
    return messages
