"""A real PostgreSQL server for the tests, started once per run as an unprivileged user on a free port."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from ivr import ports

USER = "postgres"


def binaries() -> Path:
    """Where Debian or the PATH has PostgreSQL's server programs; skips the test where nothing has."""
    found = shutil.which("initdb")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    for path in candidates:
        if (path / "initdb").exists() and (path / "postgres").exists():
            return path
    pytest.skip("PostgreSQL's server is missing: apt-get install postgresql")


class Postgres:
    """One server. `url()` gives a new, empty database; `stop()` and `start()` let it die and come back."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.bin = binaries()
        # The server refuses to run as root.
        self.become = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []
        self._admin = f"host=127.0.0.1 port={port} user={USER} dbname=postgres"
        self.process: subprocess.Popen[bytes] | None = None

    def _run(self, *command: str) -> None:
        subprocess.run([*self.become, *command], check=True, capture_output=True, cwd=self.folder)

    def create(self) -> None:
        if self.become:
            shutil.chown(self.folder, USER)
        self._run(str(self.bin / "initdb"), "-D", f"{self.folder}/data", "-U", USER, "-A", "trust", "-E", "UTF8",
                  "--locale=C", "--no-sync")  # fmt: skip

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [*self.become, str(self.bin / "postgres"), "-D", f"{self.folder}/data", "-p", str(self.port),
             "-h", "127.0.0.1", "-k", str(self.folder), "-c", "fsync=off"],
            stdout=log, stderr=log, cwd=self.folder,
        )  # fmt: skip
        log.close()
        deadline = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self._admin, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.02)

    def stop(self) -> None:
        """Fast shutdown: clients are cut off."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait()

    def url(self) -> str:
        name = f"test_{uuid.uuid4().hex}"
        with psycopg.connect(self._admin, autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{name}"')
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"


def _in_memory() -> Path | None:
    """Where there is room in memory, for hundreds of databases of hundreds of files take minutes to delete from a disk
    that is busy."""
    shm = Path("/dev/shm")
    return shm if os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > 8 << 30 else None


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A server of its own, for a test that kills it."""
    binaries()
    folder = Path(tempfile.mkdtemp(prefix="pg", dir=_in_memory()))
    folder.chmod(0o755)
    server = Postgres(folder, ports.free("127.0.0.1", (socket.SOCK_STREAM,)))
    try:
        server.create()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        yield server
