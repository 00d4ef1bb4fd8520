"""Rendering prompts ahead of calls, with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ivr.ahead import flow_prompts
from ivr.flow.model import FlowSet
from ivr.prompts.catalogue import Catalogue
from ivr.prompts.parts import Prompt
from ivr.speech.prerender import prerender, static_prompts
from ivr.speech.renderer import Renderer


def all_prompts(catalogue: Catalogue, flows: FlowSet) -> list[Prompt]:
    """Everything that can be rendered ahead, each once, in the order of the company's languages."""
    order = {language: place for place, language in enumerate(flows.company.languages)}
    every = dict.fromkeys((*flow_prompts(flows), *static_prompts(catalogue)))
    return sorted(every, key=lambda prompt: order.get(prompt.language, len(order)))


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
        console.print(f"{len(prompts)} prompts are rendered", highlight=False)
    return messages
