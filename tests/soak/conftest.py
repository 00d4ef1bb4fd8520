"""A SIP service with short prompts, in processes of its own, and the network that the tests put before it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bench.sip.served import Soaked

T1 = 0.15
"""RFC 3261's T1: what a peer that vanished leaves behind is gone after 64 times this, and so is a call whose ACK
doesn't come, be it that caller or server are kept from the processor for so long."""
SETTLE_SECONDS = 60
"""For what is left of calls to be gone."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Soaked]:
    """The module's `PATIENCE` is how many seconds the flow waits for a key: long where each key counts."""
    server = Soaked(tmp_path_factory.mktemp("soak"), T1, request.module.PATIENCE)
    server.prepare()
    server.start()
    yield server
    server.stop()


class BadNetwork:
    """`bench.sip.lossy` as a process. `port` is where callers reach the server through it."""

    def __init__(self, server: Soaked, share: float, seed: int) -> None:
        command = [sys.executable, "-m", "bench.sip.lossy", str(server.port), str(share), str(seed)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())

    def close(self) -> dict[str, int]:
        """What it did to how many datagrams."""
        self._process.terminate()
        done: dict[str, int] = json.loads(self._process.communicate(timeout=20)[0])
        return done


@pytest.fixture
def bad_network(server: Soaked) -> Iterator[BadNetwork]:
    network = BadNetwork(server, 0.02, 3261)
    yield network
    network._process.kill()
    network._process.wait()
