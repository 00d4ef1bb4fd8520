"""A real Valkey server for tests: one for all of them, emptied before each."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from ivr import embedded


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of the server."""
    folder: Path = tmp_path_factory.mktemp("valkey")
    process = subprocess.Popen(embedded.server_command(folder))
    try:
        embedded.wait_until_up(embedded.server_url(folder))
        yield embedded.server_url(folder)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def redis_url(valkey: str) -> str:
    """The URL of an empty server."""
    with redis.Redis.from_url(valkey) as client:
        client.flushall()
    return valkey
