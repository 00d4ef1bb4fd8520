"""How a queue connects: whom a recording is announced to."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from callcenter.acd.config import Config
from ivr.actions import specs
from ivr.channels.leg import Clip
from ivr.channels.voice.manners import Manners
from ivr.flow.load import load
from ivr.flow.session import VOICE, Session
from ivr.prompts.parts import Prompt
from ivr.speech.pcm import silence
from tests.voice.line import FLOWS, PROMPTS

CALLER = Session("s", "c", "sip", VOICE, "", "en", caller="+14155550142")


class Renderer:
    """Notes what is spoken, as silence."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def clips(self, prompt: Prompt) -> list[Clip]:
        self.said.append(prompt.id)
        return [silence(0.02)]


@pytest.mark.parametrize(
    ("record", "number", "announced"),
    [
        ({"consent": "always"}, CALLER.caller, True),
        ({"consent": "never"}, CALLER.caller, False),
        ({"consent": "by_region", "regions": ["US-CA", "DE"]}, CALLER.caller, True),
        ({"consent": "by_region", "regions": ["US-NY", "DE"]}, CALLER.caller, False),
        ({"consent": "by_region", "regions": ["US-NY"]}, "anonymous", True),
        ({"consent": "by_region", "regions": ["US-NY"]}, "", True),
        ({"consent": "by_region"}, CALLER.caller, True),  # as versions have it that were published before
    ],
)
def test_a_recording_is_announced_by_rule(tmp_path: Path, record: dict[str, Any], number: str, announced: bool) -> None:
    renderer, flows = Renderer(), load(FLOWS, PROMPTS, specs())
    config = Config.from_files({"queues": {"queues": {"general": {"record": {"on": True, **record}}}}})
    manners = Manners(renderer, lambda: flows, lambda: config, tmp_path)  # type: ignore[arg-type]
    session = dataclasses.replace(CALLER, caller=number)
    manner = asyncio.run(manners.of("general", "desk", session))
    assert manner.recording is not None
    assert bool(manner.recording.consent) is announced
    assert ("system.recorded" in renderer.said) is announced
