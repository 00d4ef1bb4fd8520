"""`callwright run` itself, as a process: up, a part dies and comes back, down with nothing left."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from ivr.running import as_running
from ivr.settings import Settings

ROOT = Path(__file__).parents[2]


class Running:
    """`callwright run` with a folder of its own and free ports."""

    def __init__(self, folder: Path, **settings: str) -> None:
        clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ivr.cli", "run"],
            cwd=ROOT,
            env={
                **clean,
                "DATA_DIR": str(folder),
                "PORT": "0",
                "SIP_PORT": "0",
                "LIVE_PORT": "0",
                "COLUMNS": "120",
                **settings,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._queue.put(line)
        self._queue.put(None)

    def _line(self) -> str | None:
        """The next line; `None`, for ever, once the process has closed its output."""
        line = self._queue.get()
        if line is None:
            self._queue.put(None)
        else:
            self.lines.append(line)
        return line

    def until(self, pattern: str) -> re.Match[str]:
        """Wait for a line; fails when the process ends first. The test's timeout bounds it."""
        while (line := self._line()) is not None:
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no {pattern!r} in:\n{''.join(self.lines)}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        while self._line() is not None:
            pass
        self._reader.join()
        assert self.process.stdout
        self.process.stdout.close()
        return self.process.wait()

    def descendants(self) -> dict[int, str]:
        """Process ids with their command lines."""
        found: dict[int, str] = {}
        waiting = [self.process.pid]
        while waiting:
            pid = waiting.pop()
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                for child in map(int, path.read_text().split()):
                    found[child] = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode()
                    waiting.append(child)
        return found


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("run") / "var")
    try:
        yield running
    finally:
        running.stop()


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through Linux's /proc"),
]


def test_it_comes_up_mends_itself_and_leaves_nothing(running: Running) -> None:
    sip = running.until(r"sip:anything@127\.0\.0\.1:(\d+)")
    web = running.until(r"(http://127\.0\.0\.1:\d+)")
    running.until(r"Ctrl-C stops")
    assert int(sip[1]) > 0
    health = requests.get(f"{web[1]}/healthz", timeout=10)
    assert health.ok

    clock = next(pid for pid, line in running.descendants().items() if line.endswith("callwright clock "))
    os.kill(clock, signal.SIGKILL)
    running.until(r"clock \| ended \(SIGKILL\); starting again")
    assert requests.get(f"{web[1]}/healthz", timeout=10).ok

    left = running.descendants()
    assert any("valkey-server" in line for line in left.values())
    assert running.stop(signal.SIGINT) == 0
    assert [line for pid, line in left.items() if is_there(pid)] == []


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    first = Running(tmp_path / "var")
    try:
        first.until("Ctrl-C stops")
        second = Running(tmp_path / "var")
        assert second.wait() == 2
        assert "is in use by another `callwright run`" in "".join(second.lines)
        web = re.search(r"Web +(http://\S+)", "".join(first.lines))
        assert web
        settings = Settings(_env_file=None, data_dir=tmp_path / "var")
        assert as_running(settings).base_url == web[1], "a link that a command prints leads there"
    finally:
        first.stop()
    assert as_running(settings) is settings, "nothing runs there any more"


def test_flows_with_mistakes_are_refused_before_anything_starts(tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "company.yaml").write_text("name: Test\n")
    (flows / "main.yaml").write_text("steps:\n  hello:\n    shout: Hello\n")
    running = Running(tmp_path / "var", FLOWS_DIR=str(flows))
    running.until(r"main.yaml:3:5: error: 'shout' is not a verb")
    assert running.wait() == 1


def test_a_port_that_was_asked_for_and_is_taken_is_told(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        running = Running(tmp_path / "var", PORT=str(port))
        running.until(f"port {port} on 127.0.0.1 is taken by another program; set PORT=0")
        assert running.wait() == 2
