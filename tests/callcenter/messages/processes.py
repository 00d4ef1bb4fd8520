"""The real processes (`callwright web`, `callwright worker`), to be killed at any moment and started again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from queue import Empty, Queue

ROOT = Path(__file__).parents[3]
STARTS = 120.0
"""Seconds that a process may take to come up on a busy machine."""


class Process:
    """One command of ours. `mine` are all that ever belonged to it, by id, with when they began: a number that another
    process has meanwhile is not touched."""

    def __init__(self, command: str, env: dict[str, str], folder: Path) -> None:
        self.command, self._env, self._folder = command, env, folder
        self.deaths = 0
        self._mine: dict[int, str] = {}
        self.lines: Queue[str] = Queue()

    def start(self) -> None:
        with (self._folder / f"{self.command}.log").open("ab") as log:
            command = [sys.executable, "-m", "ivr.cli", self.command]
            self._process = subprocess.Popen(
                command, env=self._env, cwd=self._folder, stdout=subprocess.PIPE, stderr=log, text=True
            )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as out:
            for line in out:
                self.lines.put(line)

    def says(self, beginning: str) -> str:
        """The rest of the next line that begins so."""
        deadline = time.monotonic() + STARTS
        while time.monotonic() < deadline and not (self.dead and self.lines.empty()):
            try:
                line = self.lines.get(timeout=0.5)
            except Empty:
                continue
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()
        raise AssertionError((self._folder / f"{self.command}.log").read_text()[-3000:])

    @property
    def dead(self) -> bool:
        return self._process.poll() is not None

    def family(self) -> list[int]:
        """The process and its descendants, itself first."""
        found = [self._process.pid]
        for pid in found:
            found += _children(pid)
        self._mine |= {pid: began for pid in found if (began := _began(pid))}
        return found

    def strike(self, chance: random.Random) -> None:
        """Kill -9 one of its processes, whichever: the first, or one that it has forked."""
        family = self.family()
        victim = chance.choice((family[0], chance.choice(family)))
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            return  # a job that is done
        self.deaths += 1
        if victim == self._process.pid:
            self._process.wait()

    def end(self) -> None:
        """Nothing of it is left: what lost its parent neither."""
        self.family()
        for pid, began in self._mine.items():
            if _began(pid) == began:
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _began(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""
