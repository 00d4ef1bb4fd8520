"""Queues as the published flows have them: queues.yaml, agents.yaml and opening hours, put together for
`callcenter.queues`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from zoneinfo import ZoneInfo

import redis
import structlog
from pydantic import ValidationError

from callcenter.acd.config import Config, ConfigError
from callcenter.queues.store import Queues
from callcenter.redis_client import connect
from ivr.embedded import NoRedis, redis_url
from ivr.flow import template
from ivr.flow.model import PROMPT_ID, FlowSet
from ivr.flow.problems import FlowError
from ivr.hours import BusinessHours, openings, status
from ivr.prompts.parts import Prompt
from ivr.prompts.written import written
from ivr.published import NothingPublished, Published
from ivr.settings import Settings

log = structlog.get_logger("callwright.queues")

LOOK_SECONDS = 2.0


class PublishedHours:
    """Opening hours by the name of their file, of the flows that `flows` gives."""

    def __init__(self, flows: Callable[[], FlowSet | None]) -> None:
        self._flows = flows

    def is_open(self, name: str, at: float) -> bool:
        """A file that isn't there or can't be read closes nothing."""
        found = self._status(name, at)
        return True if found is None else found[0]

    def next_open(self, name: str, at: float) -> float | None:
        found = self._status(name, at)
        if found is None or found[0]:
            return at
        return found[1]

    def end_of_day(self, at: float, days: int) -> float:
        flows = self._flows()
        zone = ZoneInfo(flows.company.timezone) if flows is not None else UTC
        day = datetime.fromtimestamp(at, zone).date() + timedelta(days=days + 1)
        return datetime.combine(day, clock_time.min, zone).timestamp()

    def openings(self, name: str, first: date, days: int) -> list[tuple[datetime, datetime]] | None:
        """The stretches in which it is open, of so many days from `first` on: see `ivr.hours.openings`. `None` for a
        file that isn't there or can't be read."""
        flows = self._flows()
        hours = self._hours(flows, name)
        return None if flows is None or hours is None else openings(hours, first, days, flows.company.timezone)

    def _hours(self, flows: FlowSet | None, name: str) -> BusinessHours | None:
        if flows is None or name not in flows.files:
            return None
        try:
            hours = flows.memo.get(("hours", name)) or BusinessHours.model_validate(flows.files[name])
        except ValidationError:
            return None
        flows.memo["hours", name] = hours
        assert isinstance(hours, BusinessHours)
        return hours

    def _status(self, name: str, at: float) -> tuple[bool, float | None] | None:
        flows = self._flows()
        hours = self._hours(flows, name)
        if flows is None or hours is None:
            return None
        now = status(hours, datetime.fromtimestamp(at, UTC), flows.company.timezone)
        return now.open_now, now.next_opens.timestamp() if now.next_opens else None


class PublishedQueues:
    """The configuration of queues, kept up with what is published. `refresh` looks at most every two seconds.
    `carried`: see `callcenter.acd.carriers`."""

    def __init__(self, published: Published, client: redis.Redis, carried: frozenset[str] = frozenset()) -> None:
        self._published, self._carried = published, carried
        self._hash = ""
        self._looked_at = 0.0
        self._flows: FlowSet | None = None
        self.queues = Queues(client, Config(), hours=PublishedHours(lambda: self._flows))
        self.refresh()

    def refresh(self) -> None:
        """Take over what was published meanwhile. A version that can't be read, or whose queues can't, changes nothing;
        the first one must be readable: raises `FlowError`, for without it there would be no queues at all."""
        now = time.monotonic()
        if self._looked_at and now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        try:
            flows = self._published.current()
        except NothingPublished:
            return
        except FlowError:
            if self._flows is None:
                raise
            return
        if flows.hash == self._hash:
            return
        try:
            config = replace(Config.from_files(flows.files), carried=self._carried)
        except ConfigError as error:
            log.error("queues stay as they were", version=flows.hash, why=str(error))
            config = self.queues.config
        self._flows, self._hash = flows, flows.hash
        self.queues.region = flows.company.country
        self.queues.dial_countries = frozenset(flows.company.dial_countries)
        self.queues.config = config

    def message(self, kind: str, queue: str, language: str) -> str:
        """What to text to somebody whom a callback didn't reach (`tried`, `failed`): see
        `callcenter.queues.projection`."""
        flows, configured = self._flows, self.queues.config.queues.get(queue)
        if flows is None or configured is None:
            return ""
        ref = configured.callback.tried_message if kind == "tried" else configured.callback.failed_message
        if not ref:
            return ""
        text = flows.text(language, ref) if PROMPT_ID.match(ref) else ref
        if text is None:
            return ""
        values = {"company": flows.company.name, "queue": configured.label or queue, "language": language}
        parts = template.parse(text).fill(values, flows.company.currency)
        return written(Prompt(parts, language or flows.default_language, ""))


class LazyQueues:
    """Queues when they are first asked for, kept up with what is published; `None` while there is no store. For web
    processes, which start whether or not Redis is there."""

    def __init__(self, settings: Settings, published: Published) -> None:
        self._settings, self._published = settings, published
        self._made: PublishedQueues | None = None

    def __call__(self) -> Queues | None:
        if self._made is None:
            try:
                self._made = PublishedQueues(self._published, connect(redis_url(self._settings)))
            except NoRedis:
                return None
        self._made.refresh()
        return self._made.queues
