"""An endpoint on a port of the system's choice, with fast timers and the fake media, and its calls at hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from ivr.channels.leg import HungUp, LegEvent, LegOver
from ivr.channels.sip.endpoint import SipEndpoint
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.settings import SipSettings
from ivr.channels.sip.transaction import Timers
from tests.channels.sip.fakes import FakeMedia
from tests.channels.sip.raw_client import RawClient

FAST = Timers(t1=0.03, t2=0.12, t4=0.1)
"""RFC 3261's times divided by about 16: 64*T1 is 1.9 s."""


async def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a condition. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - polled, so that the code under test needs no hooks for it
            await asyncio.sleep(0.005)


async def answered(leg: SipLeg) -> None:
    await leg.answer()


class Server:
    """`legs` are the calls in order; `events[i]` collects what the i-th told the application."""

    endpoint: SipEndpoint

    def __init__(self, media: Any) -> None:
        self.media = media
        self.legs: list[SipLeg] = []
        self.events: list[list[LegEvent]] = []
        self.arrived = asyncio.Event()
        self.handle: Callable[[SipLeg], Awaitable[None]] = answered

    async def on_call(self, leg: SipLeg) -> None:
        self.legs.append(leg)
        self.events.append([])
        self.arrived.set()
        await self.handle(leg)
        await self.collect(leg)

    async def collect(self, leg: SipLeg) -> None:
        events = self.events[self.legs.index(leg)]
        try:
            while True:
                events.append(await leg.next_event())
        except LegOver:
            return

    async def over(self, index: int = -1, seconds: float = 20.0) -> LegEvent:
        """Wait for the end of a call; its last event."""
        await eventually(lambda: any(isinstance(e, HungUp) for events in self.events[index:] for e in events), seconds)
        return self.events[index][-1]

    async def quiet(self, seconds: float = 20.0, *, transactions: bool = False) -> None:
        """Wait until nothing is left of any call, but for transactions that absorb repetitions for 64*T1."""
        kept = () if transactions else ("transactions",)
        await eventually(
            lambda: not any(v for k, v in self.endpoint.stats().items() if not k.startswith("odd_") and k not in kept),
            seconds,
        )
        assert not self.media.streams, "media ports left open"


@asynccontextmanager
async def serving(
    handle: Callable[[SipLeg], Awaitable[None]] | None = None, media: Any = None, **changes: Any
) -> AsyncIterator[Server]:
    settings = replace(SipSettings(host="127.0.0.1", port=0, timers=FAST, tcp=False), **changes)
    server = Server(media or FakeMedia())
    if handle:
        server.handle = handle
    server.endpoint = await SipEndpoint.start(settings, server.media, server.on_call)
    try:
        yield server
    finally:
        await server.endpoint.close()


@asynccontextmanager
async def calling(
    handle: Callable[[SipLeg], Awaitable[None]] | None = None, **changes: Any
) -> AsyncIterator[tuple[Server, RawClient]]:
    """A server and a raw client of it."""
    async with serving(handle, **changes) as server:
        client = await RawClient.open(server.endpoint.address)
        try:
            yield server, client
        finally:
            client.close()
