"""What endpoints work with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar

import structlog
from sqlalchemy.engine import Engine

from callcenter.live import Live
from callcenter.tickets import Tickets
from ivr.live.hub import Hub
from ivr.runner import Runner
from ivr.settings import Settings

log = structlog.get_logger("callwright.live")

P = ParamSpec("P")
R = TypeVar("R")
THREADS, BACKGROUND_THREADS = 16, 32


@dataclass(frozen=True)
class Context:
    """`live` publishes, `hub` hears; `pool` is where the database is talked to, `background` where what may take
    seconds is done, such as a flow's actions."""

    settings: Settings
    runner: Runner
    tickets: Tickets
    live: Live
    hub: Hub
    pool: ThreadPoolExecutor
    background: ThreadPoolExecutor
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def engine(self) -> Engine:
        return self.runner.engine

    async def thread(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what waits (the database, the flow) in a thread. It goes on when the caller is cancelled."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, lambda: work(*args, **kwargs))

    def submit(self, work: Callable[..., object], *arguments: object) -> None:
        """Do something that nobody waits for; what goes wrong is logged."""
        try:
            self.background.submit(_guarded, work, *arguments)
        except RuntimeError:  # we are closing: what follows from work at hand is done with it
            _guarded(work, *arguments)

    def close(self) -> None:
        """Let go of everything; what threads are doing is finished first."""
        self.pool.shutdown()
        self.background.shutdown()
        self.runner.close()
        self.live.close()
        self.engine.dispose()


def _guarded(work: Callable[..., object], *arguments: object) -> None:
    try:
        work(*arguments)
    except Exception as error:
        log.exception("background work failed", work=getattr(work, "__name__", ""), error=type(error).__name__)
