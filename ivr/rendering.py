"""Rendering ahead with a progress bar, for commands."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ivr.ahead import flow_prompts
from ivr.flow.model import FlowSet
from ivr.prompts.catalogue import Catalogue
from ivr.settings import Settings
from ivr.speech.prerender import prerender_all
from ivr.speech.renderer import Renderer


def render_all(settings: Settings, catalogue: Catalogue, flows: FlowSet, console: Console | None = None) -> list[str]:
    """Render what is missing; returns messages about what can't be. No event loop may be running in this thread.

    Without a terminal, a line at the end takes the place of the bar.
    """
    out = console or Console()
    renderer = Renderer(settings.audio_dir, catalogue)
    columns = (TextColumn("rendering prompts"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    total = 0
    try:
        with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as bar:
            task = bar.add_task("", total=None)

            def progress(done: int, of: int, what: str) -> None:
                nonlocal total
                total = of
                bar.update(task, completed=done, total=of)

            messages = prerender_all(renderer, catalogue, progress, flow_prompts(flows))
    finally:
        renderer.close_sync()
    out.print(f"{total - len(messages)} of {total} prompts are rendered", highlight=False)
    return messages
