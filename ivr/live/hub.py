"""One subscription to Redis for all connections of the process.

Who joins a topic gets what happened after an id, then what happens. Subscribed first and read back second, each event
is there at least once; its id tells what was handed on already. When Redis was away, everybody gets what was missed;
where that is no longer known, a `reload` event says to read the database again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import redis
import redis.asyncio
import structlog
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from callcenter import live
from callcenter.live import LiveEvent

log = structlog.get_logger("callwright.live")

RELOAD = "reload"
BACK_OFF = (0.1, 0.5, 1.0, 2.0, 5.0)
QUIET_SECONDS = 10.0
"""After so long without a word Redis is asked whether it is there; after twice that, it isn't."""
TIMEOUT = 5.0
CONFIRMED_SECONDS = 15.0
READERS = 8
"""Connections that read back at once: after a restart everybody joins in the same second."""
BATCH = 200
"""Topics that one round trip asks about."""

Offer = Callable[[LiveEvent], None]
"""Takes an event of a topic; must not wait."""


@dataclass(slots=True, eq=False)
class Following:
    """One listener's place on one topic. `after` is the last id that it knows of, `None` until Redis told us; `held`
    are events that wait until what was before them is read, `None` when nothing has to wait."""

    topic: str
    offer: Offer
    after: str | None
    held: list[LiveEvent] | None

    def take(self, event: LiveEvent) -> None:
        if self.held is not None:
            self.held.append(event)
        elif self.after is None or live.order(event.id) > live.order(self.after):
            self.after = event.id
            self.offer(event)

    def caught_up(self, events: list[LiveEvent]) -> None:
        held, self.held = self.held or [], None
        for event in (*events, *held):
            self.take(event)


class Hub:
    """Belongs to one event loop; `running` keeps it going."""

    def __init__(self, url: str) -> None:
        self._client = redis.asyncio.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),  # we resubscribe ourselves, so as to read what was missed
        )
        self._topics: dict[str, set[Following]] = {}
        self._confirmed: dict[str, asyncio.Future[None]] = {}
        self._channel: PubSub | None = None
        self._up = asyncio.Event()
        self._reading = asyncio.Semaphore(READERS)

    @property
    def up(self) -> bool:
        """Whether Redis is heard."""
        return self._up.is_set()

    async def connected(self) -> None:
        """Wait until Redis is heard."""
        await self._up.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hear Redis while inside."""
        hearing = asyncio.create_task(self._run())
        try:
            yield
        finally:
            while not hearing.done():  # redis-py may take a cancellation for the end of its own time limit
                hearing.cancel()
                await asyncio.wait({hearing}, timeout=1)
            await self._client.aclose()

    async def join(self, topic: str, offer: Offer, after: str | None = None) -> Following:
        """Hand events of `topic` to `offer`: those after an id and those to come, or only those to come. Returns when
        the former have been offered; `.after` then says where the topic stands. While Redis is away it returns at
        once, and the listener gets a `reload` event when Redis is back."""
        following = Following(topic, offer, after, [])
        first = topic not in self._topics
        self._topics.setdefault(topic, set()).add(following)
        channel = self._channel
        if channel is None:
            return following
        try:
            if first:
                self._confirmed[topic] = asyncio.get_running_loop().create_future()
                await channel.subscribe(live.key(topic))
            if topic in self._confirmed:
                await asyncio.wait_for(asyncio.shield(self._confirmed[topic]), CONFIRMED_SECONDS)
            if self._channel is channel:
                await self._catch_up([following])
        except (redis.RedisError, OSError, TimeoutError) as error:
            log.warning("a topic can't be joined yet", error=type(error).__name__)
            self._lost(channel)  # connecting again does it for all
        return following

    async def leave(self, following: Following) -> None:
        """Hand it no more events."""
        others = self._topics.get(following.topic)
        if others is None or following not in others:
            return
        others.discard(following)
        if others:
            return
        del self._topics[following.topic]
        self._confirmed.pop(following.topic, None)
        channel = self._channel
        if channel is not None:
            with contextlib.suppress(redis.RedisError, OSError):  # a lost connection has no subscriptions
                await channel.unsubscribe(live.key(following.topic))

    async def _run(self) -> None:
        failures = 0
        while True:
            channel = self._client.pubsub()
            try:
                await self._connect(channel)
                failures = 0
                await self._listen(channel)
            except (redis.RedisError, OSError, TimeoutError) as error:
                if failures == 0:
                    log.warning("live events can't be heard", error=f"{type(error).__name__}: {error}")
            finally:
                self._lost(channel)
                with contextlib.suppress(Exception):
                    await channel.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(BACK_OFF[min(failures, len(BACK_OFF) - 1)])
            failures += 1

    async def _connect(self, channel: PubSub) -> None:
        """Subscribe to all topics again, and hand on what was missed."""
        await channel.subscribe(live.PREFIX)  # a channel needs a subscription to listen at all
        await self._answer(channel, "subscribe")
        followings = [following for listeners in self._topics.values() for following in listeners]
        for following in followings:
            following.held = following.held or []
        subscribed: set[str] = set()
        while waiting := [topic for topic in self._topics if topic not in subscribed]:  # others join meanwhile
            batch = waiting[:BATCH]
            await channel.subscribe(*map(live.key, batch))
            for _ in batch:
                await self._answer(channel, "subscribe")
            subscribed.update(batch)
        self._channel = channel
        self._up.set()
        everybody = [following for listeners in self._topics.values() for following in listeners]
        for start in range(0, len(everybody), BATCH):
            await self._catch_up(everybody[start : start + BATCH], reload=True)
        if everybody:
            log.info("live events are heard again", topics=len(self._topics))

    async def _answer(self, channel: PubSub, kind: str) -> None:
        """Wait for the answer to a subscription, passing on events that come in between."""
        while True:
            message = await channel.get_message(timeout=TIMEOUT)
            if message is None:
                raise TimeoutError("Redis doesn't answer")
            if message["type"] == kind:
                return
            self._heard(message)

    async def _listen(self, channel: PubSub) -> None:
        asked = False
        heard = 0
        while self._channel is channel:
            message = await channel.get_message(timeout=QUIET_SECONDS)
            if message is None:
                if asked:
                    raise TimeoutError("Redis doesn't answer")
                asked = True
                await channel.ping()
                continue
            asked = False
            self._heard(message)
            heard += 1
            if heard % 16 == 0:
                await asyncio.sleep(0)  # a burst is read without a pause: pages get their turn in it

    def _heard(self, message: Mapping[str, Any]) -> None:
        topic = str(message["channel"] or "").removeprefix(live.PREFIX)
        if message["type"] == "subscribe":
            confirmed = self._confirmed.pop(topic, None)
            if confirmed is not None and not confirmed.done():
                confirmed.set_result(None)
        elif message["type"] == "message" and topic in self._topics:
            event = live.heard(message["channel"], message["data"])
            for following in tuple(self._topics[topic]):
                following.take(event)

    async def _catch_up(self, followings: list[Following], reload: bool = False) -> None:
        """Offer what happened after each one's id, `reload` where that isn't known, and let go of what was held."""
        async with self._reading, self._client.pipeline(transaction=False) as pipe:
            for following in followings:
                stream = live.key(following.topic)
                pipe.xinfo_stream(stream)
                pipe.xrange(stream, f"({following.after}" if following.after else "+", "+")
            found = await pipe.execute(raise_on_error=False)
        for following, info, entries in zip(followings, found[::2], found[1::2], strict=True):
            for answer in (info, entries):
                if isinstance(answer, Exception) and not isinstance(answer, redis.ResponseError):
                    raise answer
            known = None if isinstance(info, Exception) else info  # the error says: no such key
            newest = known["last-generated-id"] if known else live.BEGINNING
            unknown = following.after is None
            if unknown and not reload:
                following.after = newest
                following.caught_up([])
            elif unknown or live.is_gone(known, following.after or live.BEGINNING):
                following.after = newest
                following.offer(LiveEvent(following.topic, newest, RELOAD, {}))
                following.caught_up([])
            else:
                following.caught_up([live.event(following.topic, id, fields) for id, fields in entries])

    def _lost(self, channel: PubSub) -> None:
        """This connection is of no use any more."""
        if self._channel is not channel:
            return
        self._channel = None
        self._up.clear()
        for confirmed in self._confirmed.values():
            if not confirmed.done():
                confirmed.set_result(None)  # who waits looks at the channel
        self._confirmed.clear()
