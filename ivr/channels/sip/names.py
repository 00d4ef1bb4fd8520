"""Look-ups in the DNS, kept for as long as their time to live says, and used on while the DNS is away."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

from ivr.channels.sip.clock import Clock

log = logging.getLogger(__name__)

PATIENCE = 3.0
"""Seconds that a look-up may take: somebody waits for a call to be placed."""
NOTHING_SECONDS = 60.0
"""How long "there is no such record" holds."""
AWAY_SECONDS = 10.0
"""How long the DNS is left alone about a name after it has not answered."""
_LONGEST = 86_400.0
_MOST_KEPT = 4096
_HOSTS = Path("/etc/hosts")

Kind = Literal["A", "AAAA", "SRV"]


class DnsAway(OSError):
    """No server answers, or none can, and no earlier answer is known."""


@dataclass(frozen=True, slots=True)
class Server:
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


@dataclass(slots=True)
class _Kept:
    records: list[Any]
    until: float


class Names:
    """`resolver` is the system's where None. Names of one label, and those in /etc/hosts, are the system's affair:
    they have no SRV records here."""

    def __init__(self, clock: Clock, *, ipv6: bool, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        self._clock, self._given, self._resolver = clock, resolver, resolver
        self._kind: Kind = "AAAA" if ipv6 else "A"
        self._family = socket.AF_INET6 if ipv6 else socket.AF_INET
        self._kept: dict[tuple[str, Kind], _Kept] = {}

    async def servers(self, name: str) -> list[Server]:
        """SRV records of a name such as `_sip._udp.example.com`, in no order; [] where there are none. Raises DnsAway,
        and then gives [] for a while: many a router's DNS knows addresses alone, and each call would wait for it."""
        try:
            found = await self._ask(name, "SRV")
        except DnsAway:
            self._kept[name, "SRV"] = _Kept([], self._clock.time() + NOTHING_SECONDS)
            raise
        return [Server(r.priority, r.weight, r.port, r.target.to_text(omit_final_dot=True)) for r in found]

    async def addresses(self, host: str) -> list[str]:
        """Raises OSError, of which DnsAway is one."""
        if self.is_local(host):
            return await self._from_system(host)
        found = [record.address for record in await self._ask(host, self._kind)]
        return found or await self._from_system(host)

    def is_local(self, host: str) -> bool:
        return "." not in host.rstrip(".") or host.lower() in _hosts_file()

    async def _from_system(self, host: str) -> list[str]:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, family=self._family, type=socket.SOCK_DGRAM)
        return list(dict.fromkeys(str(address[4][0]) for address in found))

    async def _ask(self, name: str, kind: Kind) -> list[Any]:
        kept = self._kept.get((name, kind))
        if kept is not None and self._clock.time() < kept.until:
            return kept.records
        try:
            records, seconds = await self._look_up(name, kind)
        except (dns.exception.DNSException, OSError, ValueError) as error:  # ValueError: no name at all
            self._resolver = self._given  # the system's servers may be others by now
            if kept is None or not kept.records:
                raise DnsAway(f"the DNS has no answer about {name}: {error or type(error).__name__}") from error
            log.warning("the DNS has no answer about %s; what it said before holds: %s", name, error)
            records, seconds = kept.records, AWAY_SECONDS
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[name, kind] = _Kept(records, self._clock.time() + seconds)
        return records

    async def _look_up(self, name: str, kind: Kind) -> tuple[list[Any], float]:
        if self._resolver is None:
            self._resolver = dns.asyncresolver.Resolver()
        wanted = dns.name.from_text(name)
        try:
            answer = await self._resolver.resolve(wanted, kind, lifetime=PATIENCE)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return [], NOTHING_SECONDS
        assert answer.rrset is not None
        return list(answer), min(max(answer.rrset.ttl, 1.0), _LONGEST)


def _hosts_file() -> set[str]:
    try:
        lines = _HOSTS.read_text(errors="replace").splitlines()
    except OSError:
        return set()
    return {name.lower() for line in lines for name in line.partition("#")[0].split()[1:]}
