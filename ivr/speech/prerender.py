"""Rendering ahead of calls: everything of the catalogue that is the same in every call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from ivr.prompts.catalogue import PLACEHOLDER, Catalogue
from ivr.prompts.parts import Part, Prompt
from ivr.prompts.spoken import static_pieces
from ivr.speech.errors import SpeechError
from ivr.speech.renderer import Renderer

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what)."""


def static_prompts(catalogue: Catalogue) -> Iterator[Prompt]:
    """Prompts whose pieces cover the catalogue's static audio: single keys, whole texts and recordings, and the
    text around placeholders."""
    for language in catalogue.languages:
        for key in "0123456789*#":
            yield Prompt((Part("digits", key),), language)
        for id in catalogue.ids(language):
            text = catalogue.text(language, id) or ""
            if PLACEHOLDER.search(text):
                for piece in static_pieces(text):
                    yield Prompt((Part("text", piece),), language)
            else:
                yield Prompt((Part("text", text),), language, id)


async def prerender(renderer: Renderer, prompts: Iterable[Prompt], progress: Progress | None = None) -> list[str]:
    """Render prompts; returns what could not be rendered, as messages for the admin, each once."""
    todo = list(dict.fromkeys(prompts))
    messages: dict[str, None] = {}
    gate = asyncio.Semaphore(2)  # a call's own rendering waits behind at most these
    done = 0

    async def one(prompt: Prompt) -> None:
        nonlocal done
        async with gate:
            try:
                path = renderer.recording_path(prompt)
                if path:
                    await renderer.recording(path)
                else:
                    await renderer.clips(prompt, None)
            except SpeechError as error:
                messages[str(error)] = None
        done += 1
        if progress:
            progress(done, len(todo), f"{prompt.language} {prompt.id}".strip())

    await asyncio.gather(*(one(prompt) for prompt in todo))
    return list(messages)


def prerender_all(
    renderer: Renderer,
    catalogue: Catalogue,
    on_progress: Progress | None = None,
    more: Iterable[Prompt] = (),
) -> list[str]:
    """For commands and jobs (no event loop may be running): render all static audio of the catalogue and `more`,
    such as the plain texts of flows. What is in the cache already takes no time. Returns messages for the admin."""
    return renderer.run_sync(prerender(renderer, [*static_prompts(catalogue), *more], on_progress))
