"""Live events: what pages hear of at once, over Redis: one stream for each topic, and a channel of the same name.

The channel is for those who are there, the stream for those who were away: each event has the stream's id, so that a
page which was cut off goes on after the last one that it saw (https://valkey.io/topics/streams-intro/).

A topic is `contact:<contact id>` (kinds message, typing, read, delivery, served_by, ended), `agent:<agent id>` or
`floor`. An event says that something happened; what is so is in the database. Publish after the commit, never before.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.typing import KeyT, StreamIdT

from callcenter.db import compact
from callcenter.redis_client import connect

logger = logging.getLogger(__name__)

PREFIX = "cw:live:"
KEPT = 1000
"""Events of a topic, about: Redis trims whole nodes of a stream."""
KEPT_SECONDS = 24 * 3600
"""A topic that nothing happens on for so long is forgotten."""
BEGINNING = "0-0"
"""The id before all events."""
TIMEOUT = 1.0
PAUSE = 2.0
"""Seconds that nothing is published after Redis failed: what publishes mustn't wait for TIMEOUT each time."""
ADD = """
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'kind', ARGV[1], 'data', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[4])
redis.call('PUBLISH', KEYS[1], id .. ' ' .. ARGV[1] .. ' ' .. ARGV[2])
return id
"""
"""KEYS: the stream. ARGV: kind, data, events kept, seconds kept. A script, so that the channel has the events in the
order of their ids."""
_TOPIC = re.compile(r"[a-z]+(:[A-Za-z0-9_.@+-]{1,128})?")
_KIND = re.compile(r"[a-z_.]+")
_ID = re.compile(r"(\d{1,19})-(\d{1,19})")


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """`id` orders the events of one topic, see `order`."""

    topic: str
    id: str
    kind: str
    data: dict[str, Any]


def key(topic: str) -> str:
    """The stream's name in Redis. Raises ValueError for what is no topic."""
    if not _TOPIC.fullmatch(topic):
        raise ValueError(f"{topic!r} is no topic")
    return PREFIX + topic


def order(id: str) -> tuple[int, int]:
    """An event's id as something to compare: its milliseconds since 1970 and its number within them. Raises
    ValueError for what is no id."""
    found = _ID.fullmatch(id)
    if not found:
        raise ValueError(f"{id[:40]!r} is no id of an event")
    return int(found[1]), int(found[2])


def event(topic: str, id: str, fields: Mapping[str, str]) -> LiveEvent:
    """A stream's entry as an event."""
    return LiveEvent(topic, id, fields["kind"], json.loads(fields["data"]))


def heard(channel: str, payload: str) -> LiveEvent:
    """A message on a topic's channel as an event."""
    id, kind, data = payload.split(" ", 2)
    return LiveEvent(channel.removeprefix(PREFIX), id, kind, json.loads(data))


def is_gone(info: Mapping[str, Any] | None, after: str) -> bool:
    """Whether events after an id are no longer in a stream; `info` is XINFO STREAM's, `None` if there is none."""
    if info is None:
        return order(after) > order(BEGINNING)
    if order(after) > order(info["last-generated-id"]):
        return True
    trimmed = info["entries-added"] > info["length"]
    return trimmed and (info["first-entry"] is None or order(after) < order(info["first-entry"][0]))


class Live:
    """Thread-safe; survives a fork. Publishing never fails for Redis' sake; reading raises `redis.RedisError`."""

    def __init__(self, url: str) -> None:
        """`url` as in REDIS_URL. Connects when first used."""
        # One retry: a pooled connection may be one that the server has closed since.
        self._redis = connect(
            url,
            decode_responses=True,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 1),
        )
        self._add = self._redis.register_script(ADD)
        self._silent_until = 0.0

    def publish(self, topic: str, kind: str, data: Mapping[str, Any]) -> str | None:
        """Tell who listens to `topic`; returns the event's id, or `None` where Redis can't be reached (logged: pages
        read the database again when they can). `kind` is a word, `data` JSON. Raises ValueError for what is no topic
        or kind."""
        stream = key(topic)
        if not _KIND.fullmatch(kind):
            raise ValueError(f"{kind!r} is no kind of event")
        if time.monotonic() < self._silent_until:
            return None
        try:
            return str(self._add(keys=[stream], args=[kind, compact(dict(data)), KEPT, KEPT_SECONDS]))
        except redis.RedisError as error:
            self._silent_until = time.monotonic() + PAUSE
            logger.warning("live events can't be published: %s", type(error).__name__)
            return None

    def read(self, topics: Mapping[str, str], block_ms: int = 0) -> list[LiveEvent]:
        """What happened after an id on each topic (topic -> id), in order within a topic. Waits up to `block_ms` for
        the first event; 0 doesn't wait. Raises ValueError for what is no topic or id, and `redis.RedisError`."""
        for after in topics.values():
            order(after)
        streams: dict[KeyT, StreamIdT] = {key(topic): after for topic, after in topics.items()}
        if not streams:
            return []
        # A blocked read ends by itself after `block_ms`, which the socket's timeout must not forestall.
        step = max(1, int(TIMEOUT * 500))
        left = block_ms
        while True:
            found = self._redis.xread(streams, block=min(left, step) if left > 0 else None)
            left -= step
            if found or left <= 0:
                break
        return [
            event(stream.removeprefix(PREFIX), id, fields)
            for stream, entries in _pairs(found)
            for id, fields in entries
        ]

    def last(self, *topics: str) -> dict[str, str]:
        """The newest id on each topic, `BEGINNING` where nothing has happened. Take it before you read the database:
        then nothing falls between. Raises `redis.RedisError`."""
        with self._redis.pipeline(transaction=False) as pipe:
            for topic in topics:
                pipe.xrevrange(key(topic), count=1)
            found = pipe.execute()
        return {topic: entries[0][0] if entries else BEGINNING for topic, entries in zip(topics, found, strict=True)}

    def missed(self, topics: Mapping[str, str]) -> set[str]:
        """Topics of which events after the id are gone (trimmed, forgotten, another Redis): who read up to there must
        read the database again. Raises ValueError and `redis.RedisError` as `read` does."""
        with self._redis.pipeline(transaction=False) as pipe:
            for topic in topics:
                pipe.xinfo_stream(key(topic))
            found = pipe.execute(raise_on_error=False)
        missed = set()
        for (topic, after), info in zip(topics.items(), found, strict=True):
            if isinstance(info, Exception) and not isinstance(info, redis.ResponseError):
                raise info
            if is_gone(None if isinstance(info, Exception) else info, after):  # the error says: no such key
                missed.add(topic)
        return missed

    def close(self) -> None:
        self._redis.close()


def _pairs(found: Any) -> Any:
    """redis-py gives lists under RESP2 and a dictionary under RESP3."""
    if isinstance(found, dict):
        return ((stream, [entry for batch in batches for entry in batch]) for stream, batches in found.items())
    return found or ()
