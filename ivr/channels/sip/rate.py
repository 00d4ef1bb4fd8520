"""How many calls a second are begun: more than that and a server that is not full still falls behind with all of them.

A token bucket that holds one second's calls. What is beyond it gets 503 with `Retry-After`, which a trunk takes as a
word to try its next route at once (RFC 3261 section 21.5.4). It is a short one: a peer that obeys it keeps all its
calls away for so long, and whoever is sent away for ten seconds because of one second's crowd leaves us idle for nine.
"""

from __future__ import annotations

import logging

from ivr import metrics
from ivr.channels.sip.clock import Clock, Handle

log = logging.getLogger(__name__)

RETRY_SECONDS = 1
"""After so long the bucket is full again."""
OVER_SECONDS = 10.0
"""Without a refusal for so long, what made us refuse is over."""


class Rate:
    """`per_second` new calls at most, 0 for any number. One log line when refusing begins and one when it is over."""

    def __init__(self, clock: Clock, per_second: float) -> None:
        self._clock, self._per_second = clock, per_second
        self._most = max(1.0, per_second)
        self._tokens, self._at = self._most, clock.time()
        self._refused = 0
        self._refused_at = 0.0
        self._over: Handle | None = None

    def admits(self) -> bool:
        """Whether one more call may begin now; it then counts."""
        if not self._per_second:
            return True
        now = self._clock.time()
        self._tokens = min(self._most, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return True
        return False

    def refused(self) -> None:
        """A call was sent away because of this."""
        metrics.REFUSED.labels("rate").inc()
        self._refused += 1
        self._refused_at = self._clock.time()
        if self._over is None:
            log.warning("more than %g new calls a second: refusing what is beyond", self._per_second)
            self._over = self._clock.call_later(OVER_SECONDS, self._look)

    def close(self) -> None:
        if self._over is not None:
            self._over.cancel()
            self._over = None

    def _look(self) -> None:
        left = self._refused_at + OVER_SECONDS - self._clock.time()
        if left > 0:
            self._over = self._clock.call_later(left, self._look)
            return
        log.warning("no longer too many new calls a second: %d were refused", self._refused)
        self._over, self._refused = None, 0
