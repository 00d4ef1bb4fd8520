"""How often a visitor, or somebody's network, may do what costs us or annoys others. Counted in Redis, for all
processes together; while Redis is away nothing is refused."""

from __future__ import annotations

import hashlib
import ipaddress

import redis
import structlog
from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from callcenter.redis_client import connect

log = structlog.get_logger("callwright.chat")

PER_VISITOR = {"message": "60/minute", "code": "5/hour", "guess": "20/hour", "file": "20/10 minute", "mail": "3/hour"}
PER_NETWORK = {
    "ticket": "240/minute", "message": "600/minute", "code": "20/hour", "guess": "60/hour", "file": "120/10 minute",
    "mail": "20/hour",
}  # fmt: skip


class TooOften(Exception):
    """Not now."""


class Rates:
    """`PER_VISITOR` and `PER_NETWORK` are how often each thing may be done."""

    def __init__(self, url: str) -> None:
        self._client = connect(url, socket_timeout=1.0, socket_connect_timeout=1.0)
        # The scheme only tells the library which server it is; the connection is ours.
        storage = RedisStorage("redis://", connection_pool=self._client.connection_pool, key_prefix="cw:rates")
        self._limiter = MovingWindowRateLimiter(storage)
        self._visitor = {what: parse(rate) for what, rate in PER_VISITOR.items()}
        self._network = {what: parse(rate) for what, rate in PER_NETWORK.items()}

    def count(self, what: str, *, visitor: str = "", network: str = "") -> None:
        """Note that it is done once more. Raises `TooOften` instead."""
        for limits, who in ((self._visitor, visitor), (self._network, network)):
            limit: RateLimitItem | None = limits.get(what)
            if limit is None or not who:
                continue
            try:
                allowed = self._limiter.hit(limit, "chat", what, who)
            except redis.RedisError as error:
                log.warning("rates can't be counted", error=type(error).__name__)
                return
            if not allowed:
                raise TooOften(what)

    def close(self) -> None:
        self._client.close()


def network_of(address: str, key: bytes) -> str:
    """The network of an address (a subscriber's: /56 of IPv6, RFC 6177), hashed: rates need no addresses."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    network = ipaddress.ip_network((parsed, 56 if parsed.version == 6 else 32), strict=False)
    return hashlib.blake2b(str(network).encode(), key=key, digest_size=8).hexdigest()
