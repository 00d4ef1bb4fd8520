"""Who may talk to us, and a log that no stranger can fill."""

from __future__ import annotations

import ipaddress
import logging
from collections import Counter, OrderedDict

from ivr.channels.sip.clock import Clock
from ivr.channels.sip.settings import Network, SipSettings

log = logging.getLogger(__name__)
_LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_LOG_EVERY = 30.0
"""Seconds between two log lines of one kind."""
_CACHE = 4096
GUESSES = 10
LOCKED_SECONDS = 300.0
ANSWERS_PER_SECOND = 20.0


class Guard:
    """The allow-list (see `SipSettings`), with registrars let in as they become known."""

    def __init__(self, settings: SipSettings) -> None:
        self._networks = settings.allow or (() if settings.users else _LOOPBACK)
        self._known: dict[str, bool] = {}
        self._admitted: dict[str, set[str]] = {}

    def admit(self, registrar: str, addresses: set[str]) -> None:
        """Let a registrar's servers in, in the place of those that it had before."""
        self._admitted[registrar] = addresses

    def allows(self, ip: str) -> bool:
        """Whether this source needs no digest."""
        if any(ip in addresses for addresses in self._admitted.values()):
            return True
        known = self._known.get(ip)
        if known is None:
            if len(self._known) >= _CACHE:
                self._known.clear()
            try:
                address = ipaddress.ip_address(ip.split("%")[0])
            except ValueError:
                return False
            mapped = getattr(address, "ipv4_mapped", None)
            known = any((mapped or address) in network for network in self._networks)
            self._known[ip] = known
        return known


class Lockout:
    """Addresses that guessed passwords: after `GUESSES` wrong ones, with less than `LOCKED_SECONDS` between each and
    the next, nothing from there is answered until `LOCKED_SECONDS` after the last.

    It keeps `_CACHE` addresses and then forgets the one that guessed longest ago; an IPv6 /64 counts as one address,
    because whoever has one has all of it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._guesses: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def locked(self, ip: str) -> bool:
        count, at = self._guesses.get(_household(ip), (0, 0.0))
        return count >= GUESSES and self._clock.time() - at < LOCKED_SECONDS

    def failed(self, ip: str) -> None:
        """A wrong password came from there."""
        key, now = _household(ip), self._clock.time()
        count, at = self._guesses.pop(key, (0, now))
        self._guesses[key] = (count + 1 if now - at < LOCKED_SECONDS else 1, now)
        if len(self._guesses) > _CACHE:
            self._guesses.popitem(last=False)


class Answers:
    """How often a stranger's address is answered over UDP: its source is forged easily, and our answer, which is three
    times as long as the shortest request, would go to whoever really has it (RFC 3261 section 26.3.2.4). A telephone
    that isn't answered asks again half a second later.

    One second's answers may be given at once. It keeps `_CACHE` addresses, as `Lockout` does.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def admits(self, ip: str) -> bool:
        """Whether one more answer may be sent there now; it then counts."""
        key, now = _household(ip), self._clock.time()
        left, at = self._left.pop(key, (ANSWERS_PER_SECOND, now))
        left = min(ANSWERS_PER_SECOND, left + (now - at) * ANSWERS_PER_SECOND)
        self._left[key] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _CACHE:
            self._left.popitem(last=False)
        return left >= 1


def _household(ip: str) -> str:
    return str(ipaddress.ip_network(f"{ip.split('%')[0]}/64", strict=False)) if ":" in ip else ip


class Oddities:
    """Counts what went wrong by kind, and logs each kind at most every 30 s with the count since."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.counts: Counter[str] = Counter()
        self._logged: dict[str, tuple[float, int]] = {}

    def note(self, kind: str, detail: str = "", *, error: BaseException | None = None) -> None:
        """`kind` is one of few fixed names, never text of a stranger."""
        self.counts[kind] += 1
        now = self._clock.time()
        at, count = self._logged.get(kind, (-_LOG_EVERY, 0))
        if now - at < _LOG_EVERY:
            return
        self._logged[kind] = (now, self.counts[kind])
        level = logging.ERROR if error else logging.INFO
        log.log(level, "%s: %r (%d since the last line)", kind, detail[:200], self.counts[kind] - count, exc_info=error)
