"""What a SIP endpoint has where there are queues: callers wait, agents are rung, legs are bridged, customers are
called back."""

from __future__ import annotations

import asyncio
import functools
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy.exc import SQLAlchemyError

from callcenter import assisted, recordings
from callcenter.acd.config import Config
from callcenter.campaigns import deciding
from callcenter.campaigns.placing import Call
from callcenter.live import Live
from ivr.assembly import make_queueing
from ivr.bridge.conversation import Bridge
from ivr.campaigns import published_lists
from ivr.channels.leg import CallLeg
from ivr.channels.sip.endpoint import SipEndpoint
from ivr.channels.twilio.calls import CHANNEL
from ivr.channels.twilio.reach import Reach
from ivr.channels.voice.assisted import Assistance
from ivr.channels.voice.campaign_call import CampaignCall, Said
from ivr.channels.voice.devices import Devices
from ivr.channels.voice.dialback import Dialback
from ivr.channels.voice.extensions import Extensions
from ivr.channels.voice.manners import Manners
from ivr.channels.voice.outbound import Means, Outbound
from ivr.channels.voice.passing import Passing
from ivr.channels.voice.waiting import Lobby
from ivr.embedded import redis_url
from ivr.queueing import Queueing
from ivr.runner import Runner
from ivr.settings import Settings
from ivr.speech.renderer import Renderer

log = structlog.get_logger("callwright.voice")

THREADS = 32
"""Threads that wait for Redis: one for each caller who has just joined or is being connected."""


class Switchboard:
    """Made before the endpoint, which asks it for telephones' accounts; `start` gets the endpoint."""

    def __init__(self, settings: Settings, runner: Runner, renderer: Renderer, queueing: Queueing) -> None:
        self._settings, self._runner, self._renderer = settings, runner, renderer
        self.queueing = queueing
        self.queues = queueing.queues
        self._reach = Reach(self.queues, settings)
        self.passing: Passing | None = None
        self._executor = ThreadPoolExecutor(THREADS, thread_name_prefix="queues")
        self.bridge: Bridge | None = None
        self.lobby: Lobby | None = None
        self.dialback: Dialback | None = None
        self.outbound: Outbound | None = None
        self._warming: asyncio.Future[None] | None = None
        self._live: Live | None = None

    @classmethod
    def open(cls, settings: Settings, runner: Runner, renderer: Renderer) -> Switchboard:
        """Raises `NoRedis` and SQLAlchemy's errors, ValueError that names a setting that is wrong."""
        holder = f"sip:{uuid.uuid4().hex[:12]}"
        return cls(settings, runner, renderer, make_queueing(settings, runner, holder=holder))

    @property
    def config(self) -> Config:
        return self.queues.config

    def start(self, endpoint: SipEndpoint) -> Lobby:
        """Begin; gives where callers of this endpoint wait."""
        devices = Devices(self.queues, self.queues.client)
        published = self._runner.published
        manners = Manners(
            self._renderer,
            lambda: published.latest() or published.current(),
            lambda: self.config,
            self._settings.recordings_dir.absolute(),
        )
        self.passing = Passing(Extensions(self.queues.client), endpoint.dial, devices.address, self._executor)
        self._live = Live(redis_url(self._settings))
        tell = functools.partial(assisted.tell, self.queues.client, self._live.publish)
        self.bridge = Bridge(
            endpoint.dial, self.queues, self.queues.client, self._executor, address=devices.of, keep=self._keep,
            payments=Assistance(self._runner, self._renderer, self._executor, tell),
        )  # fmt: skip
        self.lobby = Lobby(self.queueing, self.bridge, manners, self._executor, devices.address, self._live.publish)
        self.dialback = Dialback(
            self.queues, self.bridge, manners, self._executor, devices.address, endpoint.dial,
            self.queueing.holder, self.lobby, self._twilios, self._hindered,
        )  # fmt: skip
        self.lobby.start(self.dialback)
        self._warming = asyncio.ensure_future(manners.warm())
        self.outbound = Outbound(self._means(endpoint, manners.said), self._executor)
        self.outbound.start()
        return self.lobby

    def _means(self, endpoint: SipEndpoint, said: Said) -> Means:
        """Of campaigns whose calls run a flow."""
        runner = self._runner

        async def serve(leg: CallLeg, call: Call) -> None:
            folder = self._settings.recordings_dir.absolute()
            await CampaignCall(
                leg, call, runner, self._renderer, self._executor, said, recordings_dir=folder, lobby=self.lobby
            ).run()

        return Means(
            runner.engine, lambda: published_lists(runner.published), runner.now, lambda: endpoint.room,
            self.queueing.calls_out, self.queues.callbacks_of, endpoint.dial, serve,
        )  # fmt: skip

    async def close(self) -> None:
        """After the endpoint has hung up: nothing more is to be told."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        if self.outbound is not None:
            await self.outbound.close()
        if self.dialback is not None:
            await self.dialback.close()
        if self.lobby is not None:
            await self.lobby.close()
        if self.bridge is not None:
            await self.bridge.close()
        self._executor.shutdown(wait=False)
        if self._live is not None:
            self._live.close()
        self.queues.client.close()

    def _twilios(self, channel: str, device: str) -> bool:
        """Whether Twilio calls back whom it brought, and rings that agent itself."""
        return channel == CHANNEL and bool(self._settings.twilio_account_sid) and self._reach.can_ring(device)

    def _keep(self, path: Path, seconds: float, contact_id: str, caller: str) -> str:
        with self._runner.engine.begin() as conn:
            return recordings.keep(
                conn, path=path, seconds=seconds, kind=recordings.CONVERSATION, contact_id=contact_id, number=caller,
                at=datetime.now(UTC),
            )  # fmt: skip

    def _hindered(self, contact_id: str) -> str:
        """Why a campaign's contact may not be called at this moment. While the database doesn't answer, nobody is."""
        at = datetime.fromtimestamp(self.queues.clock(), UTC)
        try:
            return deciding.hindered(self._runner.engine, published_lists(self._runner.published), contact_id, at)
        except SQLAlchemyError as error:
            log.warning("a campaign waits for the database", contact=contact_id, error=type(error).__name__)
            return deciding.UNSURE
