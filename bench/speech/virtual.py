"""Time that passes only while everybody waits, and workers that take as long as their processor time: what recognition
takes on a machine with a core for each worker, whatever else this one does meanwhile. The utterances, the detector, the
queue and the models are the real ones."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any, TypeVar

from ivr.speech.recognise import Recogniser
from ivr.speech.recognise.process import WorkerProcess
from ivr.speech.recognise.worker import want_from

T = TypeVar("T")
PIPE = 0.003
"""Seconds that an utterance takes to the worker's process and back."""


class _Leaping(selectors.SelectSelector):
    """Where nothing is ready, the clock leaps to the next thing due."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout:
            self.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, in no time but that of the processor."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(main)


class Worker(WorkerProcess):
    """Understands in this process, and is busy for as long as that took; `of` names the engine."""

    spent = 0.0
    jobs = 0
    """Of all workers, seconds of processor time and utterances."""
    engine: Recogniser

    def __init__(
        self,
        command: list[str],
        *,
        on_message: Callable[[dict[str, Any]], None],
        on_ready: Callable[[], None],
        on_died: Callable[[], None],
    ) -> None:
        self.ready = asyncio.Event()
        self.ready.set()
        self.pid = 1
        self._on_message = on_message
        self._free = 0.0
        self._hearings: dict[int, Any] = {}

    def send(self, message: dict[str, Any], payload: bytes = b"") -> None:
        number = message["id"]
        match message["do"]:
            case "open":
                self._hearings[number] = self.engine.session(want_from(message["want"]))
            case "feed":
                self._hearings[number].feed(payload)
            case "cancel":
                self._hearings.pop(number, None)
            case "finish":
                began = time.process_time()
                heard = asdict(self._hearings.pop(number).result())
                seconds = time.process_time() - began
                Worker.spent += seconds
                Worker.jobs += 1
                loop = asyncio.get_running_loop()
                self._free = max(self._free, loop.time()) + seconds + PIPE
                loop.call_at(self._free, self._on_message, {"id": number, "heard": heard})

    def kill(self) -> None:
        """It neither hangs nor dies."""

    async def close(self) -> None:
        self._hearings.clear()


def of(engine: Recogniser) -> type[Worker]:
    """Such workers of one engine, for a service to take."""
    return type("Worker", (Worker,), {"engine": engine})
