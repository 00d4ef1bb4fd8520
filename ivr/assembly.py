"""The parts put together from the settings: the one place that web, SIP, jobs and commands share."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter.db import open_database
from callcenter.desk.secret import Key, key_from
from callcenter.live import Live
from callcenter.redis_client import connect
from callcenter.tickets import Tickets
from ivr.actions import specs
from ivr.channels.twilio.sip_host import carried
from ivr.conversations import Conversations
from ivr.embedded import NoRedis, address, redis_url
from ivr.flow.problems import FlowError
from ivr.prompts.catalogue import Catalogue
from ivr.published import Published
from ivr.queue_config import PublishedQueues
from ivr.queueing import Queueing
from ivr.runner import Runner
from ivr.settings import Settings
from ivr.speech.recognise.service import RecognitionService
from ivr.speech.renderer import Renderer
from ivr.vault import Vault

if TYPE_CHECKING:
    from ivr.live.context import Context


def make_published(settings: Settings, engine: Engine) -> Published:
    return Published(engine, specs(), settings.data_dir / "versions")


def make_runner(settings: Settings) -> Runner:
    """A runner on the settings' database, which must be migrated. Raises `ValueError` for a wrong setting."""
    engine = open_database(settings.database)
    return Runner(engine, make_published(settings, engine), Vault.from_setting(settings.seal_key), settings)


def make_renderer(settings: Settings) -> Renderer:
    """Raises `FlowError` where the prompts can't be read."""
    return Renderer(settings.audio_dir, Catalogue.load(settings.prompts_dir))


def make_recognition(settings: Settings, renderer: Renderer) -> RecognitionService | None:
    """Recognition for the languages that there are prompts in; `None` where it is switched off or nothing is there
    to recognise with."""
    if not settings.recognisers:
        return None
    service = RecognitionService(renderer.catalogue.languages, workers=settings.recognisers)
    return service if service.pools else None


def make_queueing(settings: Settings, runner: Runner, *, holder: str = "") -> Queueing:
    """What flows want of queues, on the published version's. Raises `NoRedis`."""
    published = PublishedQueues(runner.published, connect(redis_url(settings)), carried(settings))

    def timezone() -> str:
        flows = runner.published.latest()
        return flows.company.timezone if flows is not None else "UTC"

    return Queueing(published, runner.engine, timezone, holder=holder)


class LazyQueueing:
    """What flows want of queues, made when it is first asked for; `None` while there is no store or no database. For
    processes that start whether or not those are there; without a `holder`: their legs outlive the process."""

    def __init__(self, settings: Settings, runner: Runner) -> None:
        self._settings, self._runner = settings, runner
        self._made: Queueing | None = None

    def __call__(self) -> Queueing | None:
        if self._made is None:
            try:
                self._made = make_queueing(self._settings, self._runner)
            except (NoRedis, SQLAlchemyError, FlowError):
                return None
        return self._made


def make_conversations(
    settings: Settings, runner: Runner, *, submit: Callable[..., object] | None = None
) -> Conversations:
    """Answers messages on this runner; without Redis nobody hears of them live, and threads can't wait for agents.
    Neither Redis nor the database need be there yet. `submit` is as there."""
    return Conversations(runner, settings, make_live(settings), submit=submit, queueing=LazyQueueing(settings, runner))


def make_key(settings: Settings) -> Key:
    """The server's key, SESSION_KEY or the one in DATA_DIR: the same for all processes. Raises ValueError."""
    return key_from(settings.session_key, settings.data_dir / "session.key")


def make_tickets(settings: Settings) -> Tickets:
    """Raises ValueError for a wrong SESSION_KEY."""
    return Tickets(make_key(settings).derived("tickets"))


def make_live(settings: Settings) -> Live:
    """What tells pages that something happened. Redis may come later."""
    return Live(address(settings))


def make_live_context(settings: Settings) -> Context:
    """What the live process works with. Raises ValueError for a wrong setting."""
    from ivr.live.context import BACKGROUND_THREADS, THREADS, Context
    from ivr.live.hub import Hub

    url = address(settings)
    settings = settings.model_copy(update={"redis_url": url})
    return Context(
        settings=settings,
        runner=make_runner(settings),
        tickets=make_tickets(settings),
        live=Live(url),
        hub=Hub(url),
        pool=ThreadPoolExecutor(THREADS, thread_name_prefix="live"),
        background=ThreadPoolExecutor(BACKGROUND_THREADS, thread_name_prefix="answers"),
    )
