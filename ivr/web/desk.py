"""The desk with what it can't know by itself: the settings, and the published flows."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import redis
import structlog
from flask import Blueprint
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter import outbox
from callcenter.attributes import Schema
from callcenter.desk.app import blueprint
from callcenter.desk.ports import (
    Announcements,
    Company,
    Config,
    FileProblem,
    FlowCounts,
    FlowsRefused,
    FlowSummary,
    Provider,
    Version,
)
from callcenter.desk.sessions import Lifetime
from callcenter.live import Live
from callcenter.queues.store import Queues
from callcenter.softphones import Softphones
from ivr import threads
from ivr.actions import specs
from ivr.assembly import make_key, make_tickets
from ivr.carrying import doubts
from ivr.channels.webrtc.ice import for_pages
from ivr.conversations import Conversations
from ivr.editing import FlowFiles, file_problem
from ivr.embedded import NoRedis, redis_url
from ivr.flow.announcing import ready
from ivr.flow.check import check
from ivr.flow.draw import Counts, svg
from ivr.flow.load import read_folders
from ivr.flow.model import FlowSet
from ivr.flow.problems import FlowError
from ivr.knowledge import PublishedKnowledge
from ivr.published import NothingPublished, Published
from ivr.queue_config import LazyQueues, PublishedHours
from ivr.settings import Settings
from ivr.web.desk_hours import HoursFiles
from ivr.web.desk_prompts import PromptFiles

log = structlog.get_logger("callwright.desk")

FRESH = 5.0
"""Seconds that a page may show an earlier version's name or time zone."""
NOBODY = Company("Callwright", "UTC", "")


def make_desk(
    settings: Settings,
    engine: Engine,
    published: Published,
    schema: Schema,
    queues: LazyQueues,
    conversations: Conversations,
) -> Blueprint:
    """Raises ValueError for a wrong SESSION_KEY, or half of an OpenID Connect provider."""
    flows = PublishedFlows(settings, published)
    files = FlowFiles(settings, published, told=flows.forget)
    return blueprint(
        engine,
        config(settings),
        flows,
        Courier(settings, engine),
        schema=schema,
        hours=HoursFiles(files),
        prompts=PromptFiles(files),
        switchboard=DeskSwitchboard(queues, conversations),
        knowledge=flows.knowledge,
    )


def config(settings: Settings) -> Config:
    """What the settings say of the desk. Raises ValueError."""
    provider = None
    if settings.oidc_issuer:
        if not settings.oidc_client_id or not settings.oidc_client_secret:
            raise ValueError("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET")
        provider = Provider(
            settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret, settings.oidc_name
        )
    return Config(
        base_url=settings.base_url,
        key=make_key(settings),
        folders=(settings.recordings_dir, settings.files_dir),
        files_dir=settings.files_dir,
        life=Lifetime(timedelta(minutes=settings.desk_idle_minutes), timedelta(hours=settings.desk_session_hours)),
        oidc=provider,
        live_url=settings.live_base_url,
        ice_servers=tuple(for_pages(settings.ice_servers)),
    )


class PublishedFlows:
    """`callcenter.desk.ports.Flows` on the versions in the database and the files at hand."""

    def __init__(self, settings: Settings, published: Published) -> None:
        self._settings = settings
        self._published = published
        self._current: tuple[float, FlowSet | None] = (float("-inf"), None)
        self._pictures: dict[tuple[str, str], str] = {}
        self.knowledge = PublishedKnowledge(self._flows)

    def company(self) -> Company:
        flows = self._flows()
        if flows is None:
            return NOBODY
        return Company(flows.company.name, flows.company.timezone, flows.company.country)

    def announcements(self) -> Announcements:
        flows = self._flows()
        if flows is None:
            return Announcements()
        return Announcements(tuple(flows.company.languages), ready(flows), flows.company.voicemail is not None)

    def flows(self) -> list[FlowSummary]:
        flows = self._flows()
        if flows is None:
            return []
        return [FlowSummary(name, len(flow.steps)) for name, flow in sorted(flows.flows.items())]

    def versions(self) -> list[Version]:
        return [Version(hash, at) for hash, at in self._published.history()]

    def picture(self, name: str) -> str:
        flows = self._flows()
        if flows is None or name not in flows.flows:
            raise KeyError(name)
        key = (flows.hash, name)
        if key not in self._pictures:
            self._pictures = {known: drawn for known, drawn in self._pictures.items() if known[0] == flows.hash}
            self._pictures[key] = svg(flows, [name])
        return self._pictures[key]

    def picture_with(self, name: str, counts: FlowCounts) -> str:
        flows = self._flows()
        if flows is None or name not in flows.flows:
            raise KeyError(name)
        return svg(flows, [name], Counts(counts.entered, counts.taken, counts.left))

    def problems(self) -> list[FileProblem]:
        flows, problems = read_folders(self._settings.flows_dir, self._settings.prompts_dir, specs())
        if not any(not problem.warning for problem in problems):
            problems = [*problems, *check(flows), *doubts(flows, self._settings)]
        return [file_problem(problem, self._settings.flows_dir) for problem in sorted(problems)]

    def changed(self) -> bool:
        flows, _ = read_folders(self._settings.flows_dir, self._settings.prompts_dir, specs())
        current = self._flows()
        return current is None or flows.hash != current.hash

    def publish(self) -> str:
        try:
            flows = self._published.publish(self._settings.flows_dir, self._settings.prompts_dir)
        except FlowError as error:
            raise FlowsRefused(
                [file_problem(problem, self._settings.flows_dir) for problem in error.problems]
            ) from None
        self._current = (time.monotonic(), flows)
        return flows.hash

    def roll_back(self, hash: str) -> None:
        self._current = (time.monotonic(), self._published.roll_back(hash))

    def data(self, name: str) -> Any:
        flows = self._flows()
        return None if flows is None else flows.files.get(name)

    def openings(self, name: str, first: date, days: int) -> Sequence[tuple[datetime, datetime]] | None:
        return PublishedHours(self._flows).openings(name, first, days)

    def forget(self) -> None:
        """Another version was published: look again."""
        self._current = (float("-inf"), self._current[1])

    def _flows(self) -> FlowSet | None:
        at, flows = self._current
        if time.monotonic() - at < FRESH:
            return flows
        try:
            flows = self._published.current()
        except (NothingPublished, FlowError, SQLAlchemyError):
            flows = flows or self._published.latest()
        self._current = (time.monotonic(), flows)
        return flows


class DeskSwitchboard:
    """`callcenter.desk.calling.Switchboard`."""

    def __init__(self, queues: LazyQueues, conversations: Conversations) -> None:
        self._queues, self._conversations = queues, conversations

    def queues(self) -> Queues:
        found = self._queues()
        if found is None:
            raise redis.ConnectionError("there is no Redis")
        return found

    def softphones(self) -> Softphones:
        return Softphones(self.queues().client)

    def served(self, contact_id: str, agent_id: str) -> None:
        try:
            self._conversations.served(contact_id, agent_id)
        except LookupError as error:
            log.warning("no flow takes a thread back", contact=contact_id, why=str(error))


class Courier:
    """`callcenter.desk.ports.Messaging`. Survives a fork: threads and connections are made when they are needed."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._tickets = make_tickets(settings)
        self._live: Live | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def write(
        self, conn: Connection, contact_id: str, body: str, *, author: str, at: datetime, files: Sequence[str] = (),
        dedupe_key: str | None = None,
    ) -> str:  # fmt: skip
        return threads.write(conn, contact_id, body, author=author, at=at, files=files, dedupe_key=dedupe_key)

    def deliver(self, contact_id: str, message_id: str) -> None:
        with self._lock:
            self._pool = self._pool or ThreadPoolExecutor(4, thread_name_prefix="desk")
        self._pool.submit(self._deliver, contact_id, message_id)

    def publish(self, topic: str, kind: str, data: Mapping[str, Any]) -> None:
        with self._lock:
            if self._live is None:
                try:
                    self._live = Live(redis_url(self._settings))
                except NoRedis:
                    return  # pages ask again by themselves
        self._live.publish(topic, kind, data)

    def ticket(self, subject: str, topics: Sequence[str]) -> str:
        return self._tickets.issue("desk", subject, topics)

    def _deliver(self, contact_id: str, message_id: str) -> None:
        try:
            outbox.deliver(self._engine, self._settings, message_id, datetime.now(UTC))
        except SQLAlchemyError as error:
            log.warning("the timed job sends it", message=message_id, error=type(error).__name__)
        self.publish(f"contact:{contact_id}", "message", {"id": message_id, "direction": "out"})
