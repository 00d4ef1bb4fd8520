"""A router with its drain, as a process that may be killed: python -m tests.queues.faults.process URL DATABASE."""

from __future__ import annotations

import signal
import sys
import threading

import redis

from callcenter.acd.config import Config
from callcenter.db import open_database
from callcenter.queues.base import Timing
from callcenter.queues.router import Drain, Router
from callcenter.queues.store import Queues

AGENTS = 30
TIMING = Timing(kept=4, connect=3, dial=3, claim=2)
"""As in production, in a fifth of the time."""
FILES = {
    "queues": {
        "queues": {
            "calls": {"offer_seconds": 2, "wrap_up": {"seconds": 0.1},
                      "callback": {"retries": 2, "spacing": 1, "limit": 600}},
            "skilled": {"offer_seconds": 2, "skills": {"deep": 5}, "relax": [{"after": 5}],
                        "strategy": "best_skill", "overflow": [{"to": "calls", "after_wait": 8}],
                        "callback": {"retries": 3, "spacing": 1}},
            "everybody": {"strategy": "ring_all", "offer_seconds": 2, "callback": {"retries": 2, "spacing": 1}},
            "messages": {"strategy": "fewest_contacts", "offer_seconds": 2},
        }
    },
    "agents": {
        "penalties": {"reject_delay": 1, "busy_delay": 1, "no_answer_delay": 1, "no_answers_until_unavailable": 2},
        "agents": {
            f"agent{number}": {
                "queues": ["calls", "messages", "skilled", *(["everybody"] if number % 5 == 0 else [])],
                "skills": {"deep": 7} if number % 3 == 0 else {},
            }
            for number in range(AGENTS)
        },
    },
}  # fmt: skip
CONFIG = Config.from_files(FILES)


def main(url: str, database: str) -> None:
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    engine = open_database(database)
    queues = Queues(redis.Redis.from_url(url, socket_timeout=3), CONFIG, timing=TIMING)
    draining = threading.Thread(target=Drain(engine, queues).run, args=(stopping,))
    draining.start()
    print("ready", flush=True)
    Router(queues, engine).run(stopping)
    draining.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
