"""Rendering ahead of calls: everything of the catalogue that is the same in every call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ivr.flow.expr import ExprError
from ivr.flow.template import Hole, parse
from ivr.prompts.catalogue import Catalogue
from ivr.prompts.parts import Part, Prompt
from ivr.prompts.spoken import pieces
from ivr.speech.errors import SpeechError
from ivr.speech.renderer import Renderer

_VALUE = Part("digits", "")  # has no pieces of its own
Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what)."""


def static_prompts(catalogue: Catalogue) -> Iterator[Prompt]:
    """Prompts whose pieces cover the catalogue's static audio: single keys, whole texts and recordings, and the
    text around placeholders."""
    for language in catalogue.languages:
        for key in "0123456789*#":
            yield Prompt((Part("digits", key),), language)
        for id in catalogue.ids(language):
            yield from text_prompts(catalogue.text(language, id) or "", language, id)


def text_prompts(text: str, language: str, id: str = "") -> Iterator[Prompt]:
    """Prompts whose pieces are those of this text that are the same whatever its values are."""
    parts = _parts(text)
    if _VALUE not in parts:
        yield Prompt(parts, language, id)
        return
    for piece in pieces(Prompt(parts, language)):
        if not piece.seconds:
            yield Prompt((Part("text", piece.text, "", piece.rate, piece.emphasis),), language)


def _parts(text: str) -> tuple[Part, ...]:
    """A text's parts with `_VALUE` for what differs from call to call: a value, and also the whole run of words
    around a value of words ("Hello, {name}."), which is said as one. A text with mistakes has nothing static."""
    parts: list[Part] = []
    try:
        found = parse(text).pieces
    except ExprError:
        return (_VALUE,)
    run: list[Part | Hole] = []  # words of one manner, which are said as one
    for piece in (*found, _VALUE):
        if run and (piece.kind != "text" or (piece.rate, piece.emphasis) != (run[0].rate, run[0].emphasis)):
            texts = [part for part in run if isinstance(part, Part)]
            whole = "".join(str(part.value) for part in texts)
            parts.append(replace(texts[0], value=whole) if len(texts) == len(run) else _VALUE)
            run = []
        if piece.kind == "text":
            run.append(piece)
        else:
            parts.append(piece if isinstance(piece, Part) else _VALUE)
    return tuple(parts[:-1])


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
