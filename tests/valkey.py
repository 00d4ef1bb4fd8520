"""A real Valkey server for tests, on a Unix socket of its own: one for a run, or one that a test kills."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from ivr.embedded import DURABLE, binary


class Valkey:
    """`aof`: what was written survives the server's death."""

    def __init__(self, folder: Path, *, aof: bool = False) -> None:
        self.folder, self.aof = folder, aof
        self.socket = folder / "s"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    def client(self, **options: object) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.socket), **options)  # type: ignore[arg-type]

    def start(self) -> None:
        command = [str(binary()), "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder),
                   "--save", "", *(DURABLE if self.aof else ("--appendonly", "no")), "--daemonize", "no"]  # fmt: skip
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return
            except redis.RedisError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.02)

    def kill(self) -> None:
        """At once, as `kill -9` does."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait()


def stream(client: redis.Redis, key: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """The ids and fields of all entries of a stream. `client` decodes nothing, which its types can't tell."""
    found: Any = client.xrange(key)
    return list(found)


class Copy:
    """All that a store has now: a replica that is told of nothing more."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._kept: list[tuple[Any, Any]] = [(key, client.dump(key)) for key in client.scan_iter()]

    def takes_over(self) -> None:
        with self._client.pipeline() as pipeline:
            pipeline.flushall()
            for key, value in self._kept:
                pipeline.restore(key, 0, value)
            pipeline.execute()


def _server(aof: bool) -> Iterator[Valkey]:
    folder = Path(tempfile.mkdtemp(prefix="vk"))
    server = Valkey(folder, aof=aof)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Valkey]:
    yield from _server(aof=False)


@pytest.fixture
def valkey(valkey_server: Valkey) -> Valkey:
    """Emptied before each test."""
    with valkey_server.client() as client:
        client.flushall()
    return valkey_server


@pytest.fixture
def mortal_valkey() -> Iterator[Valkey]:
    """A server of its own with its persistence on, for a test that kills it."""
    yield from _server(aof=True)


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The URL of an empty server."""
    return valkey.url
