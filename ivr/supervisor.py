"""Runs a Procfile's programs: starts again what ends, prefixes what they print, stops all in order, leaves nothing.

honcho's own manager takes everything down when one process ends; a telephone line has to stay up. Its Procfile
format is kept (`honcho.environ.parse_procfile`), so plain `honcho start` and other Procfile runners work as well.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

BACKOFF_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 30.0
"""A program that ran this long starts its back-off anew."""
HURRIED_SECONDS = 3.0
LAST_WORDS_SECONDS = 0.5
_TOKEN = "CALLWRIGHT_RUN"  # noqa: S105 - a name in the environment
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # prctl(2)

Say = Callable[[str, str], None]
"""Called as say(program, line)."""


@dataclass(frozen=True, slots=True)
class Program:
    """`stop_order`: lower numbers are stopped first, equal ones together. `stop_seconds` is how long it may take to
    end after SIGTERM before it is killed."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(repr=False)
    stop_order: int = 0
    stop_seconds: float = 10.0


class Supervisor:
    """Belongs to one event loop. `backoff` is how long to wait before the first, second, ... start in a row."""

    def __init__(
        self,
        say: Say,
        *,
        backoff: Sequence[float] = BACKOFF_SECONDS,
        steady_seconds: float = STEADY_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say = say
        self._backoff = backoff
        self._steady = steady_seconds
        self._clock = clock
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._programs: dict[str, Program] = {}
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._stopping: dict[str, asyncio.Event] = {}
        self._hurry = asyncio.Event()
        self._token = uuid.uuid4().hex
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what a killed program leaves behind becomes our child, see `_kill_orphans`

    def pid(self, name: str) -> int | None:
        """The process id of a program, `None` while it isn't running."""
        process = self._running.get(name)
        return process.pid if process and process.returncode is None else None

    def start(self, program: Program) -> None:
        """Start a program, and start it again whenever it ends."""
        self._programs[program.name] = program
        self._stopping[program.name] = asyncio.Event()
        self._keepers[program.name] = asyncio.get_running_loop().create_task(self._keep(program))

    async def stop(self) -> None:
        """Stop everything in order and wait until all is gone."""
        for order in sorted({program.stop_order for program in self._programs.values()}):
            programs = [program for program in self._programs.values() if program.stop_order == order]
            await asyncio.gather(*(self._stop(program) for program in programs))
        self._kill_orphans()

    def hurry(self) -> None:
        """Don't wait for calls and jobs any longer: what `stop` waits for gets a second SIGTERM, then SIGKILL."""
        self._hurry.set()

    async def _keep(self, program: Program) -> None:
        stopping = self._stopping[program.name]
        failures = 0
        while True:
            began = self._clock()
            try:
                status = await self._once(program)
            except OSError as error:
                self._say(program.name, f"can't be started: {error}")
                status = 1
            if stopping.is_set():
                return
            failures = 0 if self._clock() - began >= self._steady else failures
            pause = self._backoff[min(failures, len(self._backoff) - 1)]
            failures += 1
            self._say(program.name, f"ended ({_told(status)}); starting again in {pause:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), pause)
            if stopping.is_set():
                return

    async def _once(self, program: Program) -> int:
        read_end, write_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *program.command,
                env={**program.env, _TOKEN: self._token},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,  # Ctrl-C is for us; we tell the programs in order
                preexec_fn=_die_with(os.getpid()),
            )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self._running[program.name] = process
        if self._stopping[program.name].is_set():
            process.terminate()
        relaying = asyncio.create_task(self._relay(program.name, read_end))
        status = await process.wait()
        # What it started doesn't outlive it: a second copy beside the next one would fight over ports.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        # Something with a session of its own may hold the pipe open for ever.
        await asyncio.wait({relaying}, timeout=LAST_WORDS_SECONDS)
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)
        return status

    async def _relay(self, name: str, read_end: int) -> None:
        """Say what comes out of the pipe, line by line, until it is closed."""
        reader = asyncio.StreamReader()
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_end, "rb")
        )
        rest = b""
        try:
            while chunk := await reader.read(65536):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._say(name, line.decode("utf-8", "replace"))
        finally:
            transport.close()
            if rest:
                self._say(name, rest.decode("utf-8", "replace"))

    async def _stop(self, program: Program) -> None:
        self._stopping[program.name].set()
        keeper = self._keepers[program.name]
        self._signal(program, signal.SIGTERM)
        hurry = asyncio.create_task(self._hurry.wait())
        await asyncio.wait({keeper, hurry}, timeout=program.stop_seconds, return_when=asyncio.FIRST_COMPLETED)
        if hurry.done() and not keeper.done():
            self._signal(program, signal.SIGTERM)  # a second one: whatever drains is to give up
            await asyncio.wait({keeper}, timeout=HURRIED_SECONDS)
        hurry.cancel()
        if not keeper.done():
            self._say(program.name, "didn't stop in time and is killed")
            self._signal(program, signal.SIGKILL)
        await keeper

    def _signal(self, program: Program, which: signal.Signals) -> None:
        process = self._running.get(program.name)
        if process and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(which)

    def _kill_orphans(self) -> None:
        """End what stopped programs have left behind. On Linux they became our children, and are told from other
        children by what the environment of our programs holds."""
        mark = f"{_TOKEN}={self._token}".encode()
        found = True
        while found:  # what an orphan started is ours once the orphan is gone
            found = False
            for child in _children():
                with contextlib.suppress(OSError):
                    if mark in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
                        os.kill(child, signal.SIGKILL)
                        os.waitpid(child, 0)
                        found = True


def _children() -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:
        return []


def _told(status: int) -> str:
    return f"exit {status}" if status >= 0 else signal.Signals(-status).name


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


_LIBC = _libc()


def _prctl(option: int, value: int) -> None:
    if _LIBC:
        _LIBC.prctl(option, value, 0, 0, 0)


def _die_with(parent: int) -> Callable[[], None]:
    """For the child between fork and exec: be told to stop when the supervisor dies, however it dies."""

    def prepare() -> None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
