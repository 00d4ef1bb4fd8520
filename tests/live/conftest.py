"""A live server in the test's own loop, on real sockets and a real Valkey."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from callcenter.db import migrate
from callcenter.live import Live
from callcenter.tickets import Tickets
from ivr.assembly import make_runner
from ivr.live.context import Context
from ivr.live.hub import Hub
from ivr.live.server import LiveServer
from ivr.settings import Settings
from tests.coroutines import pytest_pyfunc_call
from tests.valkey import redis_url, valkey

__all__ = ["pytest_pyfunc_call", "redis_url", "valkey"]

ORIGIN = "https://voice.example.com"


class Page:
    """A page's side of a connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, kind: str, **more: Any) -> None:
        await self.socket.send(json.dumps({"kind": kind, **more}))

    async def hear(self, *kinds: str) -> dict[str, Any]:
        """The next message, of one of these kinds; others in between are skipped."""
        while True:
            message: dict[str, Any] = json.loads(await self.socket.recv())
            if not kinds or message["kind"] in kinds:
                return message


class Serving:
    """A live server and what it works with."""

    def __init__(self, context: Context, port: int) -> None:
        self.context = context
        self.url = f"ws://127.0.0.1:{port}"

    @property
    def events(self) -> Live:
        return self.context.live

    @asynccontextmanager
    async def socket(self, path: str = "/desk", origin: str | None = ORIGIN, **more: Any) -> AsyncIterator[Page]:
        async with connect(self.url + path, origin=origin, compression=None, **more) as socket:  # type: ignore[arg-type]
            yield Page(socket)

    @asynccontextmanager
    async def desk(
        self, *topics: str, after: dict[str, str] | None = None, subject: str = "ada"
    ) -> AsyncIterator[Page]:
        """A desk's page that was welcomed."""
        async with self.socket() as page:
            await page.say("hello", ticket=self.ticket(subject, *topics), after=after or {})
            await page.hear("welcome")
            yield page

    def ticket(self, subject: str, *topics: str, purpose: str = "desk") -> str:
        return self.context.tickets.issue(purpose, subject, topics)


@pytest.fixture
def settings(tmp_path: Path, redis_url: str) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path, redis_url=redis_url, public_base_url=ORIGIN, live_port=0)


@pytest.fixture
def context(settings: Settings) -> Iterator[Context]:
    runner = make_runner(settings)
    migrate(runner.engine)
    context = Context(
        settings=settings,
        runner=runner,
        tickets=Tickets(bytes(32)),
        live=Live(settings.redis_url),
        hub=Hub(settings.redis_url),
        pool=ThreadPoolExecutor(4),
        background=ThreadPoolExecutor(1),
    )
    yield context
    context.close()


@asynccontextmanager
async def serving(context: Context) -> AsyncIterator[Serving]:
    async with LiveServer(context).listening("127.0.0.1", 0) as server:
        await context.hub.connected()
        yield Serving(context, next(iter(server.sockets)).getsockname()[1])
