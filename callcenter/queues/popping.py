"""Sending screen pops: to the agent's pages at once, to the company's own systems by signed webhook, and what those
have to add when they have it. None of it delays the ring."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Protocol

import redis
import requests
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from callcenter import webhooks
from callcenter.db import reading
from callcenter.queues import screenpop
from callcenter.queues.base import NoSuchOffer
from callcenter.queues.journal import Fact
from callcenter.queues.redis_hash import text
from callcenter.queues.screenpop import ScreenPop
from callcenter.queues.store import Queues

logger = logging.getLogger(__name__)

KINDS = ("offer.made", "callback.due")
KEPT = 86_400
"""Seconds for which a pop can be read."""
THREADS = 4
LARGEST = 64 * 1024
"""Bytes of the company's own fields."""

Ask = Callable[[str, Mapping[str, Any], float], Mapping[str, Any]]
"""Called as ask(url, pop, seconds): the company's own fields. Raises OSError or ValueError."""


class Publisher(Protocol):
    """`callcenter.live.Live`."""

    def publish(self, topic: str, kind: str, data: Mapping[str, Any]) -> str | None: ...


def ask(url: str, pop: Mapping[str, Any], seconds: float) -> Mapping[str, Any]:
    """POST the pop; the answer is a JSON object. Redirects aren't followed: a pop goes nowhere else."""
    try:
        with requests.post(url, json=dict(pop), timeout=seconds, allow_redirects=False, stream=True) as response:
            if response.status_code != 200:
                raise ValueError(f"answered {response.status_code}")
            body = response.raw.read(LARGEST + 1, decode_content=True)
    except requests.RequestException as error:
        raise OSError(type(error).__name__) from error
    found = json.loads(body) if len(body) <= LARGEST else None
    if not isinstance(found, dict):
        raise ValueError("isn't a JSON object of at most 64 kB")
    return found


class ScreenPops:
    """Give it the router's facts. Of several routers, one sends each pop. `close` waits for what is being sent."""

    def __init__(self, engine: Engine, queues: Queues, live: Publisher, *, ask: Ask = ask) -> None:
        self.engine, self.queues, self.live = engine, queues, live
        self._ask = ask
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="screenpop")
        # The company's own systems may be slow: they have threads of their own.
        self._slow = ThreadPoolExecutor(THREADS, thread_name_prefix="screenpop-extra")

    def take(self, facts: Iterable[Fact]) -> None:
        """Send what these facts call for, in threads."""
        for fact in facts:
            if fact.kind in KINDS:
                self._pool.submit(self._send, fact.offer)

    def catch_up(self) -> None:
        """Send the pops of open offers that a router died before sending."""
        for offer_id in self.queues.client.zrange("cw:leases", 0, -1):
            self._pool.submit(self._send, text(offer_id))

    def close(self) -> None:
        self._pool.shutdown()
        self._slow.shutdown(cancel_futures=True)

    def _send(self, offer_id: str) -> None:
        try:
            if not self.queues.client.set(f"cw:popped:{offer_id}", "1", nx=True, ex=KEPT):
                return
            pop = self.build(offer_id)
        except NoSuchOffer:
            return
        except (redis.RedisError, SQLAlchemyError) as error:
            logger.warning("no screen pop for %s: %s", offer_id, type(error).__name__)
            return
        except Exception:
            logger.exception("no screen pop for %s", offer_id)
            return
        data = pop.model_dump(mode="json")
        self._tell(pop, data)
        self._slow.submit(self._further, pop, data)

    def build(self, offer_id: str) -> ScreenPop:
        """The pop of an offer as it is now. Raises `NoSuchOffer`, `redis.RedisError` and SQLAlchemy's errors."""
        return build(self.engine, self.queues, offer_id)

    def _tell(self, pop: ScreenPop, data: Mapping[str, Any]) -> None:
        self.live.publish(f"agent:{pop.agent}", "screen_pop", data)
        try:
            self.queues.client.set(f"cw:pop:{pop.offer}", json.dumps(data), ex=KEPT)
        except redis.RedisError as error:
            logger.warning("a screen pop can't be kept: %s", type(error).__name__)

    def _further(self, pop: ScreenPop, data: dict[str, Any]) -> None:
        try:
            now = datetime.now(UTC)
            with self.engine.begin() as conn:
                webhooks.emit(conn, "offer.screen_pop", data, now)
            webhooks.sweep(self.engine, now)
        except Exception:
            logger.exception("a screen pop's webhook waits")
        queue = self.queues.config.queues.get(pop.queue.name)
        if queue is None or queue.screen_pop is None:
            return
        try:
            extra = self._ask(queue.screen_pop.url, data, queue.screen_pop.seconds)
        except (OSError, ValueError) as error:
            logger.warning("%s had nothing to add to a screen pop: %s", queue.screen_pop.url, error)
            return
        self._tell(pop, {**data, "extra": dict(extra)})


def build(engine: Engine, queues: Queues, offer_id: str) -> ScreenPop:
    with reading(engine) as conn:
        return build_on(conn, queues, offer_id)


def build_on(conn: Connection, queues: Queues, offer_id: str) -> ScreenPop:
    """The same on a connection at hand."""
    offer = queues.offer(offer_id)
    entry = queues.entry(offer.contact_id)
    given = json.loads(entry.get("data") or "{}")
    return screenpop.build(conn, offer, entry, queues.config.queues.get(offer.queue), given, queues.clock())


def kept(queues: Queues, offer_id: str) -> dict[str, Any] | None:
    """The pop as it was sent last, the company's own fields included; `None` a day later."""
    found = queues.client.get(f"cw:pop:{offer_id}")
    return None if found is None else json.loads(text(found))
