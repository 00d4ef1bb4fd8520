"""A DNS server on loopback that knows what a test tells it, over UDP."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class DnsServer(asyncio.DatagramProtocol):
    """`records` are by name and type, as text: `("_sip._udp.example.test", "SRV")` to `["10 5 5060 a.example.test"]`.
    While it is `away` it answers nothing. `asked` counts questions."""

    transport: asyncio.DatagramTransport

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.ttl = 300
        self.away = False
        self.broken: set[str] = set()
        """Types of records that it fails about (SERVFAIL)."""
        self.asked: Counter[tuple[str, str]] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        [question] = query.question
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        if self.away:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        known = self.records.get((name, kind))
        if kind in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif known:
            answer.answer.append(dns.rrset.from_text(question.name, self.ttl, "IN", kind, *known))
        elif not any(name == other for other, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)

    def resolver(self) -> dns.asyncresolver.Resolver:
        """One that asks here."""
        made = dns.asyncresolver.Resolver(configure=False)
        host, port = self.transport.get_extra_info("sockname")[:2]
        made.nameservers, made.port = [host], port
        return made


@asynccontextmanager
async def dns_server() -> AsyncIterator[DnsServer]:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(DnsServer, local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()
