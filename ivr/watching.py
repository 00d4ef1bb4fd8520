"""Watching the queues for alerts: what `flows/alerts.yaml` says, on the floor as it is, told through the outbox."""

from __future__ import annotations

from datetime import datetime
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


def watch(settings: Settings, engine: Engine, published: Published, now: datetime) -> int:
    """Look once; gives how many messages were queued. While the store of queues is away nothing begins or ends."""
    flows = current(published)
    file = alerts.from_data(flows.files.get(alerts.FILE)) if flows is not None else alerts.USUAL
    queues = LazyQueues(settings, published)() if flows is not None and file.people else None
    if flows is None or queues is None:
        return 0
    company = flows.company
    zone = ZoneInfo(company.timezone)
    words = Words(flows.default_language, company.country, zone)
    try:
        with queues.client:
            floor = Floor(engine).state(queues, now.astimezone(zone), file)
    except redis.RedisError as error:
        log.warning("alerts can't be watched", error=type(error).__name__)
        return 0
    labels = {one["name"]: one["label"] for one in floor["queues"]}

    def say(held: Held | None, alert: str, queue: str, over: bool) -> tuple[str, str]:
        return message(words, company.name, held, alert, labels.get(queue, queue), over)

    holding = alerts.held(file, watched(floor["queues"], floor["now"]))
    return alerting.watch(engine, file, holding, now, zone=zone, say=say)
