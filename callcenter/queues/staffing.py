"""What the router tells everybody about each queue, for estimates: `cw:staff`, once a second."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from callcenter.acd.config import Config
from callcenter.acd.estimate import Staff, handling, staffing
from callcenter.acd.model import Snapshot
from callcenter.queues.journal import Fact
from callcenter.queues.redis_hash import text
from callcenter.queues.store import Queues

WINDOW = 100
"""Contacts of each queue whose end is remembered."""
GAVE_UP = ("abandoned", "lost")


class Staffing:
    """`current` is what was published last."""

    def __init__(self) -> None:
        self.current: dict[str, Staff] = {}
        self._ends: dict[str, deque[bool]] = defaultdict(lambda: deque(maxlen=WINDOW))

    def note(self, facts: Iterable[Fact]) -> None:
        """Count who gave up and who was served."""
        for fact in facts:
            if fact.kind == "offer.connected":
                self._ends[fact.queue].append(False)
            elif fact.kind == "queue.left" and fact.data.get("why") in GAVE_UP:
                self._ends[fact.queue].append(True)

    def publish(self, queues: Queues, snapshot: Snapshot) -> None:
        """Compute and store each queue's staff. Raises `redis.RedisError`."""
        now = queues.clock()
        names = list(queues.config.queues)
        if not names:
            return
        with queues.client.pipeline(transaction=False) as pipeline:
            for name in names:
                pipeline.lrange(f"cw:handled:{name}", 0, WINDOW - 1)
            measured: list[Any] = pipeline.execute()
        groups = {name: groups_of(queues.config, name) for name in names}
        agents = staffing(snapshot.agents.values(), snapshot.waiting.sizes(), groups)
        for name, seconds in zip(names, measured, strict=True):
            mean, cv2, count = handling([float(text(value)) for value in seconds], queues.config.queues[name].handling)
            free = sum(
                agent.available(now) and not agent.load and not groups[name].isdisjoint(agent.groups)
                for agent in snapshot.agents.values()
            )
            ends = self._ends[name]
            gave_up = sum(ends) / len(ends) if ends else 0.0
            self.current[name] = Staff(agents[name], mean, cv2, count, now, free, gave_up)
        stored = {
            name: json.dumps(asdict(staff)) for name, staff in self.current.items() if name in queues.config.queues
        }
        queues.client.hset("cw:staff", mapping=stored)  # type: ignore[arg-type]


def groups_of(config: Config, queue: str) -> frozenset[str]:
    """The groups whose agents may come to serve a queue."""
    configured = config.queues[queue]
    if not configured.rings:
        return frozenset({queue})
    return frozenset(group for ring in configured.rings for group in ring.groups)
