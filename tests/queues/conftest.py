from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from callcenter.acd.config import Config
from callcenter.queues.store import Queues
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres
from tests.valkey import Valkey, mortal_valkey, stream, valkey, valkey_server

__all__ = ["database_url", "engine", "mortal_valkey", "postgres", "sqlite_engine", "valkey", "valkey_server"]

NOW = 1_795_000_000.0
FILES: dict[str, Any] = {
    "queues": {
        "queues": {
            "billing": {
                "skills": {"billing": 3},
                "relax": [{"after": "60s", "skills": {}}],
                "offer_seconds": 20,
                "wrap_up": {"seconds": 15, "codes": ["paid", "dispute"]},
                "callback": {"retries": 2, "spacing": "10m", "limit": "1h"},
            },
            "general": {"max_size": 3, "max_wait": "5m", "callback": {"retries": 1}},
            "everybody": {"strategy": "ring_all"},
            "strict": {"wrap_up": {"seconds": 5, "codes": ["done"], "required": True}},
        }
    },
    "agents": {
        "reasons": ["lunch"],
        "penalties": {"reject_delay": 10, "busy_delay": 20, "no_answer_delay": 30, "no_answers_until_unavailable": 2},
        "agents": {
            "ana": {"skills": {"billing": 8}, "queues": ["billing", "general", "everybody", "strict"]},
            "ben": {"skills": {"billing": 4}, "queues": ["billing", "general", "everybody", "strict"]},
            "cleo": {"queues": ["billing", "general", "everybody", "strict"], "phone": "sip:cleo@127.0.0.1"},
        },
    },
}


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def config() -> Config:
    return Config.from_files(FILES)


@pytest.fixture
def client(valkey: Valkey) -> Iterator[redis.Redis]:
    with valkey.client() as client:
        yield client


@pytest.fixture
def queues(client: redis.Redis, config: Config, clock: Clock) -> Queues:
    return Queues(client, config, clock)


@pytest.fixture
def kinds(client: redis.Redis) -> Callable[[], list[str]]:
    """The kinds of all journal entries."""

    def read() -> list[str]:
        return [fields[b"kind"].decode() for _, fields in stream(client, "cw:journal")]

    return read
