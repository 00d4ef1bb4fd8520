"""The programs of `callwright run`: restarted when they die, stopped in order, none left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path

import pytest

from ivr.supervisor import Program, Supervisor


class Said:
    """What was said, line by line, and a way to wait for a line."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self._new = asyncio.Event()

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self._new.set()

    async def until(self, found: Callable[[list[tuple[str, str]]], bool]) -> None:
        while not found(self.lines):
            self._new.clear()
            await self._new.wait()

    def of(self, name: str) -> list[str]:
        return [line for who, line in self.lines if who == name]


def program(name: str, code: str, order: int = 0, seconds: float = 10.0) -> Program:
    return Program(name, [sys.executable, "-u", "-c", code], dict(os.environ), order, seconds)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


async def gone(pid: int) -> None:
    while alive(pid):  # noqa: ASYNC110 - another process has no event to wait for
        await asyncio.sleep(0.01)


POLITE = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit()))
print('up')
signal.pause()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up')\nwhile True: signal.pause()"


async def test_lines_come_with_the_programs_name() -> None:
    said = Said()
    supervisor = Supervisor(said, backoff=[60])
    supervisor.start(program("web", "import sys; print('one'); sys.stderr.write('two\\nthree'); sys.exit(3)"))
    await said.until(lambda lines: any("ended" in line for _, line in lines))
    assert said.of("web") == ["one", "two", "three", "ended (exit 3); starting again in 60 s"]
    await supervisor.stop()


async def test_what_dies_is_started_again_alone_and_later_each_time() -> None:
    said = Said()
    supervisor = Supervisor(said, backoff=[0.01, 0.02])
    supervisor.start(program("steady", POLITE))
    supervisor.start(program("flaky", "import sys; sys.exit(1)"))
    await said.until(lambda lines: sum("ended" in line for _, line in lines) >= 3 and ("steady", "up") in lines)
    pauses = [line.split(" in ")[1] for line in said.of("flaky")]
    assert pauses[:3] == ["0.01 s", "0.02 s", "0.02 s"]
    await supervisor.stop()
    assert said.of("steady") == ["up", "bye"]


async def test_a_long_run_starts_the_back_off_anew() -> None:
    said = Said()
    times = chain([0, 1, 1, 2, 2, 100, 100, 101], repeat(101))  # began, ended, began, ended, ...
    supervisor = Supervisor(said, backoff=[0.01, 0.02, 0.03], steady_seconds=30, clock=lambda: next(times))
    supervisor.start(program("web", ""))
    await said.until(lambda lines: len(lines) >= 4)
    await supervisor.stop()
    assert [line.split(" in ")[1] for line in said.of("web")[:4]] == ["0.01 s", "0.02 s", "0.01 s", "0.02 s"]


async def test_all_stop_in_order() -> None:
    said = Said()
    supervisor = Supervisor(said)
    for name, order in (("redis", 3), ("clock", 0), ("web", 1), ("sip", 1)):
        supervisor.start(program(name, POLITE, order))
    await said.until(lambda lines: len(lines) == 4)
    pids = [supervisor.pid(name) for name in ("redis", "clock", "web", "sip")]
    await supervisor.stop()
    last = [name for name, line in said.lines if line == "bye"]
    assert (last[0], set(last[1:3]), last[3]) == ("clock", {"web", "sip"}, "redis")
    assert not any(pid and alive(pid) for pid in pids)


async def test_what_does_not_stop_is_killed() -> None:
    said = Said()
    supervisor = Supervisor(said)
    supervisor.start(program("sip", STUBBORN, seconds=0.05))
    await said.until(lambda lines: ("sip", "up") in lines)
    pid = supervisor.pid("sip")
    await supervisor.stop()
    assert pid
    assert not alive(pid)
    assert said.of("sip")[-1] == "didn't stop in time and is killed"


async def test_hurrying_gives_a_second_signal() -> None:
    said = Said()
    supervisor = Supervisor(said)
    draining = (
        "import signal, sys\ncalls = []\ndef stop(*_):\n calls.append(1)\n print('draining')\n"
        " if len(calls) == 2: print('at once'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, stop); print('up')\nwhile True: signal.pause()"
    )
    supervisor.start(program("sip", draining, seconds=600))
    await said.until(lambda lines: ("sip", "up") in lines)
    stopping = asyncio.create_task(supervisor.stop())
    await said.until(lambda lines: ("sip", "draining") in lines)
    supervisor.hurry()
    await stopping
    assert said.of("sip")[-1] == "at once"


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are found through Linux's /proc")
async def test_no_process_is_left_by_a_program_that_leaves_some() -> None:
    said = Said()
    supervisor = Supervisor(said)
    # The grandchild has a session of its own, as RQ's work horses have, and ignores SIGTERM.
    code = (
        f"import subprocess, sys\nprint(subprocess.Popen([sys.executable, '-c', {STUBBORN!r}], start_new_session=True,"
    )
    code += " stdout=subprocess.DEVNULL).pid)\nimport signal; signal.pause()"
    supervisor.start(program("worker", code))
    await said.until(lambda lines: bool(lines))
    grandchild = int(said.of("worker")[0])
    await supervisor.stop()
    assert not alive(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
async def test_programs_are_stopped_when_the_supervisor_is_killed() -> None:
    code = (
        "import asyncio, os, sys\nfrom ivr.supervisor import Program, Supervisor\n"
        f"async def main():\n s = Supervisor(lambda name, line: print(s.pid('web'), line, flush=True))\n"
        f" s.start(Program('web', [sys.executable, '-u', '-c', {POLITE!r}], dict(os.environ)))\n"
        " await asyncio.Event().wait()\nasyncio.run(main())"
    )
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    assert killed.stdout
    pid = int((await killed.stdout.readline()).split()[0])
    killed.send_signal(signal.SIGKILL)
    await killed.wait()
    await asyncio.wait_for(gone(pid), 30)


async def test_a_program_that_is_not_there_is_told() -> None:
    said = Said()
    supervisor = Supervisor(said, backoff=[60])
    supervisor.start(Program("web", ["/nowhere/at/all"], dict(os.environ)))
    await said.until(lambda lines: len(lines) == 2)
    assert "can't be started" in said.of("web")[0]
    await supervisor.stop()
