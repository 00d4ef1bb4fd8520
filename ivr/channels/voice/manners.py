"""How a queue connects, as audio: its music, what the agent is whispered, what is said of recording."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog

from callcenter import regions
from callcenter.acd.config import Config, Record
from ivr.bridge.parts import Manner, Recording
from ivr.channels.leg import Clip
from ivr.flow import template
from ivr.flow.effects import Enqueue
from ivr.flow.model import PROMPT_ID, FlowSet
from ivr.flow.session import Session
from ivr.prompts.parts import Prompt
from ivr.speech.errors import SpeechError
from ivr.speech.music import music
from ivr.speech.prerender import prerender
from ivr.speech.renderer import Renderer

log = structlog.get_logger("callwright.voice")

ACCEPT_KEY = "1"
"""What an agent presses on a telephone that an answering machine might pick up."""


class Manners:
    """`flows` gives the published ones, `config` the queues' configuration."""

    def __init__(
        self, renderer: Renderer, flows: Callable[[], FlowSet], config: Callable[[], Config], recordings_dir: Path
    ) -> None:
        self._renderer, self._flows, self._config = renderer, flows, config
        self._recordings_dir = recordings_dir

    async def warm(self) -> None:
        """Render ahead what every queue says to agents: while a telephone could ring, nothing is rendered."""
        flows = self._flows()
        wanted = [self._whispered(name, flows.default_language) for name in self._config().queues]
        for ref in ("system.recorded", "system.callback_greeting"):
            wanted += [self._prompt(ref, language) for language in flows.company.languages]
        if any(queue.record.regions for queue in self._config().queues.values()):
            await asyncio.to_thread(regions.load)
        for message in await prerender(self._renderer, [prompt for prompt in wanted if prompt is not None]):
            log.warning("can't be rendered", why=message)

    async def music(self, effect: Enqueue, language: str) -> list[Clip]:
        """What a contact of this queue hears while it waits: the step's, the queue's, or a tune of our own."""
        if effect.music is not None:
            clips = await self._clips(effect.music)
            if clips:
                return clips
        queue = self._config().queues.get(effect.queue)
        named = queue.music if queue is not None else None
        return (await self.said(named, language) if named else []) or [music()]

    async def of(self, queue_name: str, device: str, session: Session) -> Manner:
        """How an agent on this device is connected with this contact."""
        queue = self._config().queues.get(queue_name)
        recording = None
        if queue is not None and queue.record.on:
            told = await self._announced(queue.record, session.caller)
            consent = await self.said("system.recorded", session.language) if told else []
            recording = Recording(self._recordings_dir, consent=consent)
        number = re.fullmatch(r"\+?\d+", device) is not None
        whispered = self._whispered(queue_name, self._flows().default_language)
        return Manner(
            music=await self.music(Enqueue(queue_name), session.language),
            whisper=[] if whispered is None else await self._clips(whispered),
            accept_key=ACCEPT_KEY if number else "",
            language=session.language,
            recording=recording,
        )

    async def _announced(self, record: Record, number: str) -> bool:
        """Whether a customer with this number is told of a recording."""
        return await asyncio.to_thread(regions.announced, record.consent, record.regions, number)

    async def said(self, ref: str, language: str) -> list[Clip]:
        """A prompt's audio, by its id or as it stands; nothing where it can't be said."""
        prompt = self._prompt(ref, language)
        return [] if prompt is None else await self._clips(prompt)

    def _whispered(self, queue_name: str, language: str) -> Prompt | None:
        queue = self._config().queues.get(queue_name)
        label = (queue.label if queue is not None else "") or queue_name
        whisper = (queue.whisper if queue is not None else None) or "system.queue_whisper"
        return self._prompt(whisper, language, {"queue": label})

    def _prompt(self, ref: str, language: str, values: Mapping[str, Any] | None = None) -> Prompt | None:
        flows = self._flows()
        text = flows.text(language, ref) if PROMPT_ID.match(ref) else ref
        if text is None:
            return None
        known = {"company": flows.company.name, "language": language, **(values or {})}
        parts = template.parse(text).fill(known, flows.company.currency)
        return Prompt(parts, language, ref if PROMPT_ID.match(ref) else "")

    async def _clips(self, prompt: Prompt) -> list[Clip]:
        try:
            return await self._renderer.clips(prompt)
        except SpeechError as error:
            log.error("can't speak", why=str(error))
            return []
