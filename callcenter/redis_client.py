"""Clients of Redis (or Valkey, which speaks the same)."""

from __future__ import annotations

import weakref
from typing import Any

import redis

SECONDS = 3.0
"""How long an answer may take where nothing else is asked for: a server that hangs must not hold a caller."""


def connect(url: str, **options: Any) -> redis.Redis:
    """A client for `url` (as in REDIS_URL), whose connections are closed at the latest when it is forgotten; `options`
    as redis-py's. Connects when first used. Raises ValueError for what is no such URL."""
    client = redis.Redis.from_url(url, **{"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS, **options})
    # Left to the collector, a socket may go before the connection that would have closed it.
    weakref.finalize(client, client.connection_pool.disconnect)
    return client
