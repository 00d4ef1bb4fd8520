"""What RQ's workers run, and when: thin functions that open what they need and hand over to the module that knows.

Every job may run at any time, again and several at once. Jobs carry names and hashes, never what a caller said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import redis
import structlog
from rq import Queue
from rq.job import Job
from sqlalchemy.engine import Engine

from callcenter.db import open_database
from ivr.settings import Settings

if TYPE_CHECKING:
    from ivr.runner import Runner

log = structlog.get_logger("callwright.jobs")

URGENT, DEFAULT, SLOW = "urgent", "default", "slow"
QUEUES = (URGENT, DEFAULT, SLOW)
"""In the order that a worker empties them."""
SLICE_SECONDS = 20.0
"""Rendering lets other jobs in between after so long."""
SLICE = 8


@dataclass(frozen=True, slots=True)
class Periodic:
    """A job that the clock starts every `every` seconds; one that no worker took until the next is dropped."""

    function: Callable[[], object]
    every: int
    queue: str = DEFAULT
    timeout: int = 60


def deliver_messages() -> int:
    """Send the messages that are due, and settle those whose sender died."""
    from callcenter import outbox
    from ivr import messaging
    from ivr.assembly import make_published

    with _database() as (engine, settings):
        policy = messaging.policy(messaging.current(make_published(settings, engine)))
        return _noted("messages", outbox.sweep(engine, settings, datetime.now(UTC), policy=policy))


def answer_messages() -> int:
    """Answer what processes that died have left unanswered, go on where their actions stopped, and tell those who wait
    what is announced, and that they may be called back."""
    from ivr.assembly import make_conversations

    with _runner() as (runner, settings):
        conversations = make_conversations(settings, runner, submit=lambda work, *arguments: work(*arguments))
        return _noted(
            "messages answered", conversations.answer_left() + conversations.go_on_left() + conversations.tell_waiting()
        )


def send_reminders() -> int:
    """Queue the reminders that are due (flows/reminders.yaml)."""
    from ivr import messaging
    from ivr.assembly import make_published
    from ivr.reminders import remind

    with _database() as (engine, settings):
        flows = messaging.current(make_published(settings, engine))
        return 0 if flows is None else _noted("reminders", remind(engine, flows, datetime.now(UTC)))


def reconcile_payments() -> int:
    """Settle payments whose outcome was left in doubt, and tell the customers."""
    from ivr.actions.payments.reconcile import reconcile
    from ivr.assembly import make_published
    from ivr.published import NothingPublished

    with _database() as (engine, settings):
        try:
            flows = make_published(settings, engine).current()
        except NothingPublished:
            flows = None
        return _noted("payments settled", len(reconcile(engine, settings, datetime.now(UTC), flows=flows)))


def end_abandoned() -> int:
    """End sessions whose caller went without our being told."""
    from ivr import housekeeping

    with _runner() as (runner, settings):
        longest = timedelta(hours=settings.session_hours)
        return _noted("abandoned sessions ended", housekeeping.end_abandoned(runner, datetime.now(UTC), longest))


def forget_secrets() -> int:
    """Take sealed secrets out of sessions that have ended."""
    from ivr import housekeeping

    with _database() as (engine, _):
        return _noted("sessions cleared of sealed secrets", housekeeping.forget_secrets(engine))


def fetch_recordings() -> int:
    """Fetch recordings that Twilio has made and that couldn't be had at once."""
    from ivr.channels.twilio import recordings

    with _database() as (engine, settings):
        if not settings.twilio_account_sid:
            return 0
        return _noted("recordings fetched", recordings.fetch_all(engine, settings, datetime.now(UTC)))


def post_webhooks() -> int:
    """Tell subscribers what happened."""
    from callcenter import webhooks

    with _database() as (engine, _):
        return _noted("webhooks", webhooks.sweep(engine, datetime.now(UTC)))


def forget_codes() -> int:
    """Drop what counts no longer: one-time codes, links to the chat, answers that no API client will ask for again,
    sessions of the desk that are over, failed attempts to sign in."""
    from callcenter import chat_links, one_time_codes
    from callcenter.api import idempotency
    from callcenter.desk import sessions, throttle

    with _database() as (engine, _), engine.begin() as connection:
        now = datetime.now(UTC)
        forgotten = (one_time_codes, chat_links, idempotency, sessions, throttle)
        return _noted("old rows forgotten", sum(each.forget(connection, now) for each in forgotten))


def forget_recordings() -> int:
    """Delete recorded conversations that are older than queues.yaml keeps them."""
    from callcenter import recordings
    from callcenter.acd.config import Config, ConfigError, Record
    from ivr.assembly import make_published
    from ivr.published import NothingPublished

    with _database() as (engine, settings):
        try:
            queues = Config.from_files(make_published(settings, engine).current().files).queues
        except (NothingPublished, ConfigError) as error:
            log.warning("no recordings are deleted", why=str(error))
            return 0

        def keep_days(queue: str) -> int:
            return (queues[queue].record if queue in queues else Record()).keep_days

        return _noted("recordings deleted", recordings.forget(engine, keep_days, datetime.now(UTC)))


def keep_lives() -> int:
    """Put together what contacts went through, so that reports needn't read all events."""
    from callcenter.reports import kept

    with _database() as (engine, _):
        return _noted("lives kept", kept.keep_up(engine, datetime.now(UTC)))


def render_prompts() -> int:
    """Render what calls are going to say, so far as it isn't rendered yet; goes on in a further job after a while."""
    from ivr.assembly import make_published
    from ivr.prompts.catalogue import Catalogue
    from ivr.rendering import all_prompts
    from ivr.speech.prerender import prerender
    from ivr.speech.renderer import Renderer

    with _database() as (engine, settings):
        catalogue = Catalogue.read(settings.prompts_dir)
        flows = make_published(settings, engine).current()
        renderer = Renderer(settings.audio_dir, catalogue)
        missing = [prompt for prompt in all_prompts(catalogue, flows) if renderer.cached(prompt) is None]
        deadline = time.monotonic() + SLICE_SECONDS
        done = 0
        try:
            while done < len(missing) and time.monotonic() < deadline:
                for message in renderer.run_sync(prerender(renderer, missing[done : done + SLICE])):
                    log.warning("can't be rendered", why=message)
                done += SLICE
        finally:
            renderer.close_sync()
        if done < len(missing):
            enqueue(settings, render_prompts, SLOW)
        return _noted("prompts rendered", min(done, len(missing)))


PERIODIC = (
    Periodic(deliver_messages, every=10, queue=URGENT),
    Periodic(answer_messages, every=10, queue=URGENT),
    Periodic(reconcile_payments, every=60),
    Periodic(send_reminders, every=600, timeout=300),
    Periodic(post_webhooks, every=10),
    Periodic(forget_codes, every=300),
    Periodic(keep_lives, every=60),
    Periodic(fetch_recordings, every=120, timeout=600),
    Periodic(forget_secrets, every=300),
    Periodic(end_abandoned, every=600, timeout=300),
    Periodic(forget_recordings, every=3600, timeout=600),
)


def enqueue(settings: Settings, function: Callable[[], object], queue: str) -> Job:
    """Hand a job to the workers. Raises `ivr.embedded.NoRedis` and redis-py's errors."""
    from ivr.embedded import connect

    with connect(settings) as client:
        return Queue(queue, connection=client).enqueue(function, job_timeout=300, result_ttl=60)


def run_clock(client: redis.Redis) -> None:
    """Enqueue periodic jobs when they are due, until SIGTERM or SIGINT."""
    from rq.cron import CronScheduler

    clock = CronScheduler(connection=client)
    for job in PERIODIC:
        clock.register(
            job.function, job.queue, interval=job.every, ttl=job.every, job_timeout=job.timeout, result_ttl=60
        )
    clock.start()  # type: ignore[no-untyped-call]


def _noted(what: str, count: int) -> int:
    if count:
        log.info(what, count=count)
    return count


@contextmanager
def _database() -> Iterator[tuple[Engine, Settings]]:
    settings = Settings()
    engine = open_database(settings.database)
    try:
        yield engine, settings
    finally:
        engine.dispose()


@contextmanager
def _runner() -> Iterator[tuple[Runner, Settings]]:
    from ivr.assembly import make_published
    from ivr.runner import Runner
    from ivr.vault import Vault

    with _database() as (engine, settings):
        vault = Vault.from_setting(settings.seal_key)
        runner = Runner(engine, make_published(settings, engine), vault, settings, threads=4)
        try:
            yield runner, settings
        finally:
            runner.close()
