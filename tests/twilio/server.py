"""A real `callwright web` for tests: gunicorn in a process of its own, on a port that the system chooses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.twilio.support import ACCOUNT_SID, BASE_URL, TOKEN
from tests.waiting import until


@dataclass
class WebServer:
    url: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def web_server(folder: Path, **environment: str) -> Iterator[WebServer]:
    """Runs on `folder` as DATA_DIR; its output goes to `web.log` there."""
    log = folder / "web.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "ivr.cli", "web"],
            cwd=folder, env=_environment(folder, environment), stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        yield WebServer(_where(process, log), process, log)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def router(folder: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real `callwright router`, once it routes."""
    log = folder / f"router-{time.monotonic_ns()}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "ivr.cli", "router"],
            cwd=folder, env=_environment(folder, environment), stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        until(lambda: "router: " in log.read_text() or process.poll() is not None)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.terminate()
        process.wait(30)


def workers(process: subprocess.Popen[bytes]) -> list[int]:
    """The processes that a server has started."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def _environment(folder: Path, changes: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH")
    }
    return {
        **kept,
        "PYTHONUNBUFFERED": "1",
        "DATA_DIR": str(folder),
        "PORT": "0",
        "PUBLIC_BASE_URL": BASE_URL,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "LOG_FORMAT": "json",
        **changes,
    }


def _where(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"^web: (http://\S+)$", log.read_text(), re.MULTILINE)
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"the web server did not start:\n{log.read_text()}")
