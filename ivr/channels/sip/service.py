"""The SIP process: answers every call with the published flows until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import structlog

from callcenter.checkpoint import Checkpointer
from ivr import event_loop
from ivr.channels.sip import encryption
from ivr.channels.sip.bindings import Bindings
from ivr.channels.sip.endpoint import SipEndpoint
from ivr.channels.sip.incoming import IncomingLeg
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.media.client import Media
from ivr.channels.sip.settings import Registration, SipSettings
from ivr.channels.sip.switchboard import Switchboard
from ivr.channels.voice import VoiceCall
from ivr.channels.voice.devices import account
from ivr.channels.voice.extensions import is_extension
from ivr.channels.voice.waiting import Lobby
from ivr.runner import Runner
from ivr.settings import Settings
from ivr.speech.errors import SpeechError
from ivr.speech.recognise.service import RecognitionService
from ivr.speech.renderer import Renderer

log = structlog.get_logger("callwright.sip")

THREADS = 8
"""Threads that wait for the database; a step takes about a millisecond."""
RESTART_SECONDS = 0.2
GARBAGE = (5_000, 200, 10)
"""Objects made before a collection, of the young and then of the older ones (`gc.set_threshold`). A call leaves no
cycles, so that there is little to collect, while to look through what 400 calls hold takes a tenth of a second."""


class SipService:
    """One SIP endpoint with its media process. When that process dies its calls end, and a new one is started.
    Without a `switchboard` there are no queues, and no telephones can register."""

    def __init__(
        self,
        settings: Settings,
        runner: Runner,
        renderer: Renderer,
        recognition: RecognitionService | None = None,
        switchboard: Switchboard | None = None,
    ) -> None:
        self._switchboard = switchboard
        self.lobby: Lobby | None = None
        self._settings = settings
        self._runner = runner
        self._renderer = renderer
        self._recognition = recognition
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="store")
        self._checkpointer = Checkpointer(runner.engine)
        self._keeper: asyncio.Task[None] | None = None
        self.endpoint: SipEndpoint | None = None

    async def start(self) -> SipEndpoint:
        """Raises `OSError` where the address can't be bound, `ValueError` for a wrong setting."""
        wanted = sip_settings(self._settings)
        board = self._switchboard
        if board is not None:
            bindings = Bindings(board.queues.client)
            wanted = replace(wanted, accounts=lambda user: account(board.config, user), bindings=bindings)
        media = await self._media()
        try:
            self.endpoint = await SipEndpoint.start(wanted, media, self._answer)
        except BaseException:
            await media.close()
            raise
        self._checkpointer.start()
        if board is not None:
            self.lobby = board.start(self.endpoint)
        if self._recognition is not None:
            await self._recognition.start()
        self._keeper = asyncio.create_task(self._keep_media(self.endpoint))
        for language in self._renderer.catalogue.languages:
            try:
                await self._renderer.warm(language)
            except SpeechError as error:
                log.warning("no voice", language=language, why=str(error))
        return self.endpoint

    async def run(self, ready: Callable[[tuple[str, int]], None] = lambda address: None) -> None:
        """Serve until SIGTERM or SIGINT; then take no new calls, let live ones finish, and stop."""
        endpoint = await self.start()
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        ready(endpoint.address)
        await stopping.wait()
        log.info("draining", calls=endpoint.calls)
        # A second signal ends the draining at once.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: loop.create_task(endpoint.drain(0)))
        await endpoint.drain()
        await self.close()

    async def close(self) -> None:
        """Stop at once: hang up, free the sockets, end the media process and the voices."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self.endpoint is not None:
            await self.endpoint.close()
            await self.endpoint.media.close()
        if self._switchboard is not None:
            await self._switchboard.close()
        await self._renderer.close()
        if self._recognition is not None:
            await self._recognition.close()
        self._runner.close()
        await asyncio.to_thread(self._checkpointer.close)
        self._executor.shutdown(wait=False)

    async def _answer(self, leg: SipLeg) -> None:
        passing = self._switchboard.passing if self._switchboard is not None else None
        if passing is not None and isinstance(leg, IncomingLeg) and is_extension(leg.called):
            await passing.serve(leg)
            return
        call = VoiceCall(
            leg,
            self._runner,
            self._renderer,
            self._executor,
            recordings_dir=self._settings.recordings_dir.absolute(),
            fallback_number=self._settings.fallback_number,
            recognition=self._recognition,
            lobby=self.lobby,
        )
        await call.run()

    async def _media(self) -> Media:
        return await Media.start(host=self._settings.sip_host, ports=rtp_ports(self._settings.sip_rtp_ports))

    async def _keep_media(self, endpoint: SipEndpoint) -> None:
        while True:
            await endpoint.media.died.wait()
            log.error("the media process died; starting another", calls=endpoint.calls)
            try:
                endpoint.media = await self._media()
            except OSError as error:
                log.error("no media process can be started", why=str(error))
                await asyncio.sleep(RESTART_SECONDS)


def serve(
    settings: Settings,
    runner: Runner,
    renderer: Renderer,
    recognition: RecognitionService | None,
    switchboard: Switchboard | None,
    ready: Callable[[tuple[str, int]], None],
) -> None:
    """Run the service on uvloop until it is told to stop."""
    # All that is loaded stays: the collector needn't look at it again, nor as often at what each call leaves.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    event_loop.run(SipService(settings, runner, renderer, recognition, switchboard).run(ready))


def sip_settings(settings: Settings) -> SipSettings:
    """Raises `ValueError` that names the setting that is wrong."""
    return SipSettings(
        host=settings.sip_host,
        port=settings.sip_port,
        tls_port=settings.sip_tls_port,
        tls_certificate=Path(settings.sip_tls_cert) if settings.sip_tls_cert else None,
        tls_key=Path(settings.sip_tls_key) if settings.sip_tls_key else None,
        srtp=_srtp(settings),
        public_host=settings.sip_public_host,
        allow=tuple(_network(part) for part in _parts(settings.sip_allow)),
        users=dict(_user(part) for part in _parts(settings.sip_users)),
        registrations=tuple(_registration(part) for part in _parts(settings.sip_register)),
        max_calls=settings.sip_max_calls,
        calls_per_second=settings.sip_calls_per_second,
        spared=is_extension,
        drain_seconds=settings.sip_drain_seconds,
    )


def _srtp(settings: Settings) -> encryption.Srtp:
    wanted = encryption.read(settings.sip_srtp, without_tls=settings.sip_srtp_without_tls)
    if wanted.modes == {"off"} or encryption.available():
        return wanted
    if "required" in wanted.modes:
        raise ValueError("SIP_SRTP: required needs pylibsrtp, which can't be loaded: pip install pylibsrtp")
    log.warning("no SRTP: pylibsrtp can't be loaded", fix="pip install pylibsrtp")
    return encryption.Srtp()


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"SIP_ALLOW: '{text}' is no network; write 203.0.113.7 or 10.0.0.0/8") from None


def _user(text: str) -> tuple[str, str]:
    user, colon, password = text.partition(":")
    if not (user and colon and password):
        raise ValueError("SIP_USERS: write user:password, with commas between")
    return user, password


def _registration(text: str) -> Registration:
    account, at, registrar = text.rpartition("@")
    user, colon, password = account.partition(":")
    if not (user and at and colon and registrar):
        raise ValueError("SIP_REGISTER: write user:password@registrar.example.com, with commas between")
    return Registration(f"sip:{registrar}", user, password)


def rtp_ports(text: str) -> tuple[int, int] | None:
    """`10000-20000` as a range, "" as None. Raises `ValueError`."""
    if not text:
        return None
    low, dash, high = text.partition("-")
    if not (dash and low.isdecimal() and high.isdecimal() and 1024 <= int(low) < int(high) <= 65535):
        raise ValueError("SIP_RTP_PORTS: write a range such as 10000-20000")
    return int(low), int(high)
