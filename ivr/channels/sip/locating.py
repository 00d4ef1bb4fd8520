"""Where a SIP URI points (RFC 3263): servers by SRV record in the order of RFC 2782, their addresses, and which of them
are left for later because they failed. NAPTR records are not looked up."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ivr.channels.sip.clock import Clock
from ivr.channels.sip.names import DnsAway, Names, Server
from ivr.channels.sip.values import Uri

log = logging.getLogger(__name__)

DOWN_SECONDS = 60.0
"""How long a server that failed comes after the others; a 503's Retry-After counts instead, up to `_LONGEST_DOWN`."""
_LONGEST_DOWN = 600.0
_MOST = 12
_SERVICES = {"UDP": "_sip._udp", "TCP": "_sip._tcp", "TLS": "_sips._tcp"}
_DEFAULT_PORTS = {"UDP": 5060, "TCP": 5060, "TLS": 5061}


class Unreachable(OSError):
    """No flow can be had to where a URI points."""


@dataclass(frozen=True, slots=True)
class Place:
    """One server: `transport` is UDP, TCP or TLS, `address` an IP address."""

    transport: str
    address: str
    port: int


class Locator:
    def __init__(self, clock: Clock, names: Names, chance: random.Random | None = None) -> None:
        self._clock, self._names = clock, names
        self._chance = chance or random.SystemRandom()
        self._down: dict[Place, float] = {}
        self._last: dict[str, list[Place]] = {}

    async def places(self, uri: Uri, *, near: Place | None = None) -> list[Place]:
        """All servers of a URI, best first: those that failed come last, the latest very last, and `near` before others
        that did not. Raises Unreachable."""
        if is_ip(uri.address):
            return [place_at(uri)]
        try:
            found = await self._find(uri)
        except OSError as error:
            why = str(error) if isinstance(error, DnsAway) else f"{uri.host} is unknown: {error}"
            raise Unreachable(why) from error
        if not found:
            raise Unreachable(f"{uri.host} is unknown: it has no address")
        if len(self._last) >= 4096:
            self._last.clear()
        self._last[uri.address] = found
        now = self._clock.time()
        return sorted(found, key=lambda place: (max(self._down.get(place, now), now), place != near))

    def addresses_of(self, uri: Uri) -> set[str]:
        """Those of its servers, by the last look-up."""
        return {uri.address, *(place.address for place in self._last.get(uri.address, ()))}

    def failed(self, uri: Uri, place: Place, seconds: float = 0.0) -> bool:
        """A server of a URI timed out, can't be reached, or said 503 (RFC 3263 section 4.3). True where another one is
        to be tried. The only server of a URI is not held to be down."""
        servers = self._last.get(uri.address, ())
        if place not in servers or len(servers) < 2:
            return False
        now = self._clock.time()
        self._down = {down: until for down, until in self._down.items() if until > now}
        self._down[place] = now + min(seconds or DOWN_SECONDS, _LONGEST_DOWN)
        return self.has_another(uri, place)

    def has_another(self, uri: Uri, place: Place) -> bool:
        """Whether there is a server besides this one that has not failed lately."""
        return any(other != place and not self._is_down(other) for other in self._last.get(uri.address, ()))

    def _is_down(self, place: Place) -> bool:
        return self._down.get(place, 0.0) > self._clock.time()

    async def _find(self, uri: Uri) -> list[Place]:
        if not uri.port and not self._names.is_local(uri.address):
            found = await self._by_service(uri)
            if found is not None:
                return found
        return [place_at(uri, address) for address in await self._names.addresses(uri.address)]

    async def _by_service(self, uri: Uri) -> list[Place] | None:
        """Section 4.1 and 4.2: the transport that the URI names, or the first for which there are servers; None where
        there are SRV records of none."""
        given = uri.scheme == "sips" or "transport" in uri.params
        transports = [uri.transport] if given else list(_SERVICES)
        names = [f"{_SERVICES[transport]}.{uri.address}" for transport in transports if transport in _SERVICES]
        without = False
        answers = await asyncio.gather(*map(self._names.servers, names), return_exceptions=True)
        for transport, answer in zip(transports, answers, strict=False):
            if isinstance(answer, DnsAway):
                # many a router forwards addresses alone; where it is all of the DNS, the address says so
                log.info("no SRV records: %s", answer)
            elif isinstance(answer, BaseException):
                raise answer
            elif servers := self._in_order(answer):
                return await self._of(transport, servers)
            elif answer:
                without = True  # the target ".", RFC 2782's "there is no such service here"
        return [] if without else None

    def _in_order(self, servers: Sequence[Server]) -> list[Server]:
        """RFC 2782: by priority; among equals at random, by weight."""
        left = [server for server in servers if server.target not in ("", ".")]
        ordered: list[Server] = []
        while left:
            first = min(server.priority for server in left)
            equal = sorted((server for server in left if server.priority == first), key=lambda server: server.weight)
            drawn = self._chance.uniform(0, sum(server.weight for server in equal))
            for chosen in equal:
                drawn -= chosen.weight
                if drawn <= 0:
                    break
            ordered.append(chosen)
            left.remove(chosen)
        return ordered

    async def _of(self, transport: str, servers: Iterable[Server]) -> list[Place]:
        """Their addresses; a server whose name has none is left out. Raises OSError where none has any."""
        found: list[Place] = []
        error: OSError | None = None
        for server in servers:
            try:
                addresses = [server.target] if is_ip(server.target) else await self._names.addresses(server.target)
            except OSError as failed:
                error = failed
                continue
            found += [Place(transport, address, server.port) for address in addresses]
            if len(found) >= _MOST:
                break
        if not found and error is not None:
            raise error
        return list(dict.fromkeys(found))[:_MOST]


def place_at(uri: Uri, address: str = "") -> Place:
    """A URI's transport and port at an address, by default its own, which has to be one then."""
    return Place(uri.transport, address or uri.address, uri.port or _DEFAULT_PORTS.get(uri.transport, 5060))


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
