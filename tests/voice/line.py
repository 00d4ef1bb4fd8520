"""A running SIP service and its callers: real signalling, real RTP, real audio, on loopback.

The service runs on a loop in a thread of its own; what callers hear is looked for by `tests.voice.sip_phone`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections import defaultdict
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import structlog

from callcenter.db import migrate, open_database
from ivr.actions.bills.importing import DEMO, import_bills
from ivr.assembly import make_published
from ivr.channels.leg import FRAME_BYTES, Clip
from ivr.channels.sip.service import SipService
from ivr.prompts.catalogue import Catalogue
from ivr.prompts.parts import Part, Prompt
from ivr.runner import Runner
from ivr.settings import Settings
from ivr.speech.recognise.service import RecognitionService
from ivr.speech.renderer import Renderer
from ivr.speech.voices import all_voices
from ivr.vault import Vault
from tests.voice.sip_phone import SipPhone

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
FLOWS, PROMPTS = ROOT / "flows", ROOT / "prompts"
BRISK = 3
"""Of so many 20 ms frames of a prompt one is kept: tests needn't last as long as people talk."""


class Ears(Renderer):
    """A renderer that notes the audio of every prompt that came due, so that a test can look for it on the wire."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.due: dict[str, list[tuple[Prompt, bytes]]] = defaultdict(list)
        """By the call's Call-ID."""

    async def clips(self, prompt: Prompt, *arguments: Any) -> list[Clip]:
        clips = [_brisk(clip) for clip in await super().clips(prompt, *arguments)]
        call = structlog.contextvars.get_contextvars().get("call", "")
        self.due[call].append((prompt, b"".join(clip.ulaw for clip in clips)))
        return clips


def _brisk(clip: Clip) -> Clip:
    frames = [clip.ulaw[at : at + FRAME_BYTES] for at in range(0, len(clip.ulaw), FRAME_BYTES * BRISK)]
    return Clip(f"{clip.key}/{BRISK}", b"".join(frames))


class Line:
    """The service on a free port, with a database of its own. Use as a context manager."""

    def __init__(
        self,
        folder: Path,
        audio: Path,
        *,
        flows: Path = FLOWS,
        prompts: Path = PROMPTS,
        clock: Any = None,
        recognition: RecognitionService | None = None,
        **settings: Any,
    ) -> None:
        """`settings` are further ones."""
        self.settings = Settings(
            _env_file=None, data_dir=folder, flows_dir=flows, prompts_dir=prompts, sip_port=0, log_format="json",
            **settings,
        )  # fmt: skip
        self.engine = open_database(self.settings.database)
        migrate(self.engine)
        import_bills(self.engine, DEMO, dt.date.today())
        published = make_published(self.settings, self.engine)
        self.flows = published.publish(flows, prompts)
        options = {} if clock is None else {"clock": clock}
        self.runner = Runner(self.engine, published, Vault(), self.settings, **options)
        voices = [voice for voice in all_voices() if "espeak" in voice.name]
        self.ears = Ears(audio, Catalogue.load(prompts), voices=voices, budget_seconds=20)
        self.service = SipService(self.settings, self.runner, self.ears, recognition)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self) -> Line:
        self._thread.start()
        self.address = self.run(self.service.start()).address
        return self

    def __exit__(self, *exc: object) -> None:
        self.run(self.service.close())
        self.run(self._cancel_all())
        self.run(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()
        self.engine.dispose()

    @staticmethod
    async def _cancel_all() -> None:
        """What a test that failed left running."""
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def run(self, work: Coroutine[Any, Any, T], seconds: float = 60) -> T:
        """Run a coroutine on the service's loop, from the test's thread."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(seconds)

    def render(self, *ids: str) -> None:
        """Have the audio of these prompts in the cache."""
        for id in ids:
            text = self.ears.catalogue.text("en", id)
            assert text
            self.run(self.ears.clips(Prompt((Part("text", text),), "en", id)))

    def call(
        self, caller: str = "+15550100", *, called: str = "ivr", event_type: int = 101, attestation: str = ""
    ) -> SipPhone:
        """Place a call and wait for the answer."""
        return SipPhone(self, caller, called, event_type, attestation=attestation)
