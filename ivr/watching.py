"""Watching the queues for alerts: what `flows/alerts.yaml` says, on the floor as it is, told through the outbox.

It goes on in one process (`callwright clock`), since the day's figures are cheap for who has counted them before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

import redis
import structlog
from sqlalchemy.engine import Engine

from callcenter import alerting, alerts
from callcenter.alerts import Held
from callcenter.desk.alert_words import message
from callcenter.desk.floor import Floor, watched
from callcenter.desk.words import Words
from ivr.messaging import current
from ivr.published import Published
from ivr.queue_config import LazyQueues
from ivr.settings import Settings

log = structlog.get_logger("callwright.alerts")

EVERY: Final = 15.0
"""Seconds from one look to the next."""


class Watch:
    """One who watches; several at once tell nobody twice."""

    def __init__(self, settings: Settings, engine: Engine, published: Published) -> None:
        self._engine, self._published = engine, published
        self._queues = LazyQueues(settings, published)
        self._floor = Floor(engine)

    def look(self, now: datetime) -> int:
        """Look once; gives how many messages were queued. While the store of queues is away nothing begins or ends."""
        flows = current(self._published)
        file = alerts.from_data(flows.files.get(alerts.FILE)) if flows is not None else alerts.USUAL
        queues = self._queues() if flows is not None and file.people else None
        if flows is None or queues is None:
            return 0
        company = flows.company
        zone = ZoneInfo(company.timezone)
        words = Words(flows.default_language, company.country, zone)
        try:
            self._floor.stale()
            floor = self._floor.state(queues, now.astimezone(zone), file)
        except redis.RedisError as error:
            log.warning("alerts can't be watched", error=type(error).__name__)
            return 0
        labels = {one["name"]: one["label"] for one in floor["queues"]}

        def say(held: Held | None, alert: str, queue: str, over: bool) -> tuple[str, str]:
            return message(words, company.name, held, alert, labels.get(queue, queue), over)

        holding = alerts.held(file, watched(floor["queues"], floor["now"]))
        return alerting.watch(self._engine, file, holding, now, zone=zone, say=say)

    def run(
        self, stopping: threading.Event, every: float = EVERY, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Look again and again until `stopping`; what fails once is tried the next time."""
        while not stopping.is_set():
            try:
                if told := self.look(clock()):
                    log.info("alerts", count=told)
            except Exception as error:
                log.exception("alerts can't be watched", error=type(error).__name__)
            stopping.wait(every)
