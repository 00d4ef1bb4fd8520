"""A 2xx to an INVITE, sent again until its ACK comes (RFC 3261 section 13.3.1.4): the UAS core's duty, not a
transaction's."""

from __future__ import annotations

from collections.abc import Callable

from ivr.channels.sip.clock import Clock, Handle
from ivr.channels.sip.transaction import Timers


class Accepting:
    """`send` is called after T1, doubling up to T2; `give_up` after 64*T1 without `stop()`."""

    def __init__(self, clock: Clock, timers: Timers, send: Callable[[], None], give_up: Callable[[], None]) -> None:
        self._clock, self._timers, self._send, self._give_up = clock, timers, send, give_up
        self._interval = timers.t1
        self._again: Handle = clock.call_later(self._interval, self._resend)
        self._end: Handle = clock.call_later(timers.timeout, self._over)

    def stop(self) -> None:
        self._again.cancel()
        self._end.cancel()

    def _resend(self) -> None:
        self._interval = min(2 * self._interval, self._timers.t2)
        self._again = self._clock.call_later(self._interval, self._resend)
        self._send()

    def _over(self) -> None:
        self._again.cancel()
        self._give_up()
