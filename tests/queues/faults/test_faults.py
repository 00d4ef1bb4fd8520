"""Two thousand contacts on all channels, while routers, drains and the store are killed at random: nobody is lost,
nobody is served twice, no callback is doubled, no agent is stuck, and the event log proves it."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from callcenter.db import migrate, open_database, reading
from callcenter.queues import journal
from callcenter.queues.auditing import audit
from callcenter.tables import queue_entries
from tests.queues.faults.floor import Floor
from tests.queues.faults.process import CONFIG
from tests.valkey import Valkey

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONTACTS = 2000
COMING = 40.0
"""Seconds in which they come."""
SETTLING = 90.0
SEED = 20261122


class Routers:
    """Two of them; one is always there to take over."""

    def __init__(self, url: str, database: str) -> None:
        self._command = [sys.executable, "-m", "tests.queues.faults.process", url, database]
        self._running = [self._start(), self._start()]
        self.killed = 0

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process

    def kill(self, number: int) -> None:
        self._end(self._running[number])
        self._running[number] = self._start()
        self.killed += 1

    def _end(self, process: subprocess.Popen[str]) -> None:
        process.kill()
        process.communicate()

    def close(self) -> None:
        for process in self._running:
            self._end(process)


@contextmanager
def routers(url: str, database: str) -> Iterator[Routers]:
    running = Routers(url, database)
    try:
        yield running
    finally:
        running.close()


def test_nobody_is_lost_whatever_dies(mortal_valkey: Valkey, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    database = f"sqlite:///{tmp_path}/faults.db"
    engine = open_database(database)
    migrate(engine)
    kills = 0
    with mortal_valkey.client(socket_timeout=3) as client, routers(mortal_valkey.url, database) as running:
        floor = Floor(client, SEED)
        floor.open()
        for number in range(CONTACTS):
            floor.at(chance.uniform(0, COMING), lambda name=f"c{number}": floor.caller(name))  # type: ignore[misc]
        ends = time.monotonic() + COMING
        # On a slow machine it takes longer, and as many die.
        while time.monotonic() < ends or kills < 2 or running.killed < 3:
            floor.run(chance.uniform(1, 3))
            match chance.randrange(4):
                case 0:
                    mortal_valkey.kill()
                    mortal_valkey.start()
                    kills += 1
                case 1:
                    floor.lose_a_process()
                case number:
                    running.kill(number - 2)
        deadline = time.monotonic() + SETTLING
        while (
            client.zcard("cw:entries")
            or len(floor.joined) < CONTACTS
            or any(agent.load or agent.offer for agent in floor.queues.agents().values())
        ):
            assert time.monotonic() < deadline, floor.queues.snapshot().waiting.sizes()
            floor.run(0.5)
        journal.drain(engine, floor.queues)
        agents = floor.queues.agents()
    assert audit(engine).findings(time.time(), 0) == []
    # What the players saw themselves agrees with the log.
    assert [contact for contact, times in floor.served.items() if times > 1] == []
    assert [contact for contact in floor.joined if contact not in floor.served and contact not in floor.gone] == []
    with reading(engine) as conn:
        rows = {row.contact_id: row for row in conn.execute(sa.select(queue_entries))}
    assert len(rows) == CONTACTS
    assert {row.state for row in rows.values()} == {"done", "left"}
    assert {rows[contact].callback for contact in floor.called_back} <= {"done", "failed"}
    assert sum(row.callback == "done" for row in rows.values()) > 100
    # No agent is stuck: everybody who is there has nothing to do.
    assert set(agents) == set(CONFIG.agents)
    assert {agent.state for agent in agents.values()} <= {"idle", "unavailable"}
    engine.dispose()
