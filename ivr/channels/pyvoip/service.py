"""The pyVoIP process: answers the calls of one PBX with the published flows until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from ivr.channels.pyvoip.leg import PyvoipLeg
from ivr.channels.pyvoip.line import Line, NotRegistered
from ivr.channels.sip.media.client import Media
from ivr.channels.sip.service import THREADS, rtp_ports, sip_settings
from ivr.channels.voice import VoiceCall
from ivr.runner import Runner
from ivr.settings import Settings
from ivr.speech.errors import SpeechError
from ivr.speech.renderer import Renderer

log = structlog.get_logger("callwright.pyvoip")

MAX_CALLS = 50
"""At once, whatever SIP_MAX_CALLS says: what pyVoIP is known to bear."""
AGAIN_SECONDS = 10.0


class PyvoipService:
    """One line at the first PBX of SIP_REGISTER. When the media process dies its calls end and the service with it."""

    def __init__(self, settings: Settings, runner: Runner, renderer: Renderer) -> None:
        self._settings, self._runner, self._renderer = settings, runner, renderer
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="store")
        self._keeper: asyncio.Task[None] | None = None
        self._media: Media | None = None
        self.line: Line | None = None

    async def start(self) -> Line:
        """Raises `ValueError` for a wrong setting, `NotRegistered`, and `OSError` where an address can't be used."""
        settings, wanted = self._settings, sip_settings(self._settings)
        if not wanted.registrations:
            raise ValueError("SIP_REGISTER: pyVoIP needs an account at a PBX, as user:password@pbx.example.com")
        self._media = await Media.start(host=settings.sip_host, ports=rtp_ports(settings.sip_rtp_ports))
        try:
            self.line = await Line.open(
                wanted.registrations[0],
                settings.sip_host,
                settings.sip_port,
                self._media,
                self._answer,
                max_calls=min(MAX_CALLS, wanted.max_calls),
            )
        except BaseException:
            await self._media.close()
            raise
        self._keeper = asyncio.create_task(self._keep_registered(self.line))
        for language in self._renderer.catalogue.languages:
            try:
                await self._renderer.warm(language)
            except SpeechError as error:
                log.warning("no voice", language=language, why=str(error))
        return self.line

    async def run(self, ready: Callable[[tuple[str, int]], None] = lambda address: None) -> None:
        """Serve until SIGTERM or SIGINT; then take no new calls, let live ones finish, and leave the PBX. Raises
        `ConnectionError` where the media process died."""
        line = await self.start()
        assert self._media is not None
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        ready(line.address)
        waits = [asyncio.ensure_future(stopping.wait()), asyncio.ensure_future(self._media.died.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in waits:
            task.cancel()
        died = self._media.died.is_set()
        if not died:
            log.info("draining", calls=len(line.legs))
            await line.drain(self._settings.sip_drain_seconds)
        await self.close()
        if died:
            raise ConnectionError("the media process died")

    async def close(self) -> None:
        """Stop at once."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self.line is not None:
            await self.line.close()
        if self._media is not None:
            await self._media.close()
        await self._renderer.close()
        self._runner.close()
        self._executor.shutdown(wait=False)

    async def _answer(self, leg: PyvoipLeg) -> None:
        call = VoiceCall(
            leg,
            self._runner,
            self._renderer,
            self._executor,
            channel="sip",
            recordings_dir=self._settings.recordings_dir.absolute(),
            fallback_number=self._settings.fallback_number,
        )
        await call.run()

    async def _keep_registered(self, line: Line) -> None:
        """pyVoIP gives up after three failures; a PBX that was restarted is to find us again."""
        while True:
            await line.lost.wait()
            log.error("the registration is lost", calls=len(line.legs))
            await asyncio.sleep(AGAIN_SECONDS)
            try:
                await line.register()
            except (NotRegistered, OSError) as error:
                log.error("can't register", why=str(error))


def serve(settings: Settings, runner: Runner, renderer: Renderer, ready: Callable[[tuple[str, int]], None]) -> None:
    """Run the service until it is told to stop."""
    asyncio.run(PyvoipService(settings, runner, renderer).run(ready))
