"""What endpoints work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

from sqlalchemy.engine import Engine

from callcenter.live import Live
from callcenter.tickets import Tickets
from ivr.live.hub import Hub
from ivr.runner import Runner
from ivr.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")
THREADS = 32
"""Visitors whose messages are answered at once; a flow's action may take seconds."""


@dataclass(frozen=True)
class Context:
    """`live` publishes, `hub` hears; `pool` is where the database is talked to."""

    settings: Settings
    runner: Runner
    tickets: Tickets
    live: Live
    hub: Hub
    pool: ThreadPoolExecutor
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def engine(self) -> Engine:
        return self.runner.engine

    async def thread(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what waits (the database, the flow) in a thread. It goes on when the caller is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, lambda: work(*args, **kwargs))

    def close(self) -> None:
        """Let go of everything; what threads are doing is finished first."""
        self.pool.shutdown()
        self.runner.close()
        self.live.close()
        self.engine.dispose()
