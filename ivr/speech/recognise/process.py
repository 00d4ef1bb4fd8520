"""The core's end of one worker process: started, fed, watched, killed by its number and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

START_SECONDS = 60.0
"""A worker that has not loaded its model by then is taken for hung."""
PAUSES = (0.2, 1.0, 5.0, 30.0)
"""Seconds between starts while a worker does not get ready."""
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def worker_command(engine: str, language: str) -> list[str]:
    return [sys.executable, "-m", "ivr.speech.recognise.worker", engine, language]


class WorkerProcess:
    """Restarts its process whenever that ends, until `close`. Messages to a process that is gone go nowhere."""

    def __init__(
        self,
        command: list[str],
        *,
        on_message: Callable[[dict[str, Any]], None],
        on_ready: Callable[[], None],
        on_died: Callable[[], None],
    ) -> None:
        self.ready = asyncio.Event()
        self.pid: int | None = None
        self._command = command
        self._on_message, self._on_ready, self._on_died = on_message, on_ready, on_died
        self._process: asyncio.subprocess.Process | None = None
        self._running = asyncio.create_task(self._run())

    def send(self, message: dict[str, Any], payload: bytes = b"") -> None:
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing():
            return
        if payload:
            message = {**message, "bytes": len(payload)}
        process.stdin.write(json.dumps(message).encode() + b"\n" + payload)

    def kill(self) -> None:
        """End the process at once, by its number; another one is started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def close(self) -> None:
        self._on_died = lambda: None
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        failures = 0
        while True:
            was_ready = await self._live()
            failures = 0 if was_ready else failures + 1
            if failures:
                log.error("a recogniser does not start: %s", self._command[-2])
                await asyncio.sleep(PAUSES[min(failures, len(PAUSES)) - 1])

    async def _live(self) -> bool:
        """One process from start to end. Whether it ever got ready."""
        try:
            # A session of its own: Ctrl-C in a terminal is the core's to handle; the worker ends with its input.
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={**os.environ, **ONE_THREAD},
                start_new_session=True,
            )
        except OSError as error:
            log.error("a recogniser can't be started: %s", type(error).__name__)
            return False
        self._process, self.pid = process, process.pid
        assert process.stdout is not None
        try:
            async with asyncio.timeout(START_SECONDS):
                if not json.loads(await process.stdout.readline() or b"{}").get("ready"):
                    return False
            self.ready.set()
            self._on_ready()
            while line := await process.stdout.readline():
                self._on_message(json.loads(line))
        except (TimeoutError, ValueError):
            log.error("a recogniser hung while starting, or answered nonsense: %s", self._command[-2])
        finally:
            was_ready = self.ready.is_set()
            self.ready.clear()
            self._process, self.pid = None, None
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                await process.communicate()
            if was_ready:
                self._on_died()
        return was_ready
