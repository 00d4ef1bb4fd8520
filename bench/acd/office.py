"""The office that is measured: queues, agents, who waits, and a Valkey server of its own."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from pathlib import Path

import redis

from callcenter import redis_client
from callcenter.acd.config import Config
from callcenter.acd.model import Agent, Entry
from callcenter.queues.store import Queues
from ivr import embedded

SKILLS = 20
AGENTS = 1000
STRATEGIES = ("longest_idle", "best_skill", "round_robin", "fewest_contacts")


def config() -> Config:
    """A queue for each skill, which is relaxed in two steps; agents with 6 of the skills in 4 of the queues."""
    chance = random.Random(1)
    queues = {
        f"q{number}": {
            "strategy": STRATEGIES[number % len(STRATEGIES)],
            "skills": {f"s{number}": 3},
            "relax": [{"after": 60, "skills": {f"s{number}": 1}}, {"after": 600}],
        }
        for number in range(SKILLS)
    }
    agents = {
        f"agent{number}": {
            "queues": [f"q{queue}" for queue in chance.sample(range(SKILLS), 4)],
            "skills": {f"s{skill}": chance.randint(1, 10) for skill in chance.sample(range(SKILLS), 6)},
        }
        for number in range(AGENTS)
    }
    return Config.from_files({"queues": {"queues": queues}, "agents": {"agents": agents}})


def idle(config: Config, chance: random.Random) -> dict[str, Agent]:
    """All agents, free for different times."""
    return {
        id: Agent(
            id=id,
            queues=frozenset(agent.queues),
            groups=config.groups(id),
            skills=agent.skills,
            capacity=config.capacity(id),
            interrupts=config.interrupts(id),
            idle_since=chance.random() * 1000,
        )
        for id, agent in config.agents.items()
    }


def entries(size: int, chance: random.Random) -> list[Entry]:
    """With and without a skill of their own, in two priorities."""
    found = []
    for number in range(size):
        at = 1000 + number * 900 / size
        skills = chance.choice(((), (), ((f"s{chance.randrange(SKILLS)}", 2),)))
        found.append(
            Entry(
                f"c{number}",
                f"q{chance.randrange(SKILLS)}",
                priority=chance.choice((0, 0, 5)),
                joined_at=at,
                queued_at=at,
                skills=skills,
            )
        )
    return found


class Server:
    """The Valkey server that `callwright run` starts, with its append-only file, in a folder of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="acd")
        self.folder = Path(self._folder.name)
        self.url = embedded.server_url(self.folder)
        self._process = subprocess.Popen(embedded.server_command(self.folder))
        embedded.wait_until_up(self.url)

    @property
    def pid(self) -> int:
        return self._process.pid

    def client(self) -> redis.Redis:
        return redis_client.connect(self.url)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fill(queues: Queues, waiting: int) -> None:
    """So many calls that wait, and everybody signed in and on lunch, so that nobody is offered anything yet."""
    chance = random.Random(2)
    for agent_id in queues.config.agents:
        queues.sign_in(agent_id)
        queues.set_presence(agent_id, "unavailable", "lunch")
    now = time.time()
    for number in range(waiting):
        queues.join(
            f"c{number}",
            f"q{chance.randrange(SKILLS)}",
            channel="sip",
            priority=chance.choice((0, 0, 5)),
            joined_at=now - 900 + number * 900 / waiting,
        )
