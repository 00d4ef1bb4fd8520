"""All listeners of an endpoint, and flows to where a URI points."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable

from ivr.channels.sip.clock import Clock
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.settings import SipSettings
from ivr.channels.sip.stream import Connection, Connections
from ivr.channels.sip.udp import UdpListener
from ivr.channels.sip.values import Uri, host_port

_CONNECT_SECONDS = 5.0
_BIND_TRIES = 20


class Unreachable(OSError):
    """No flow can be had to where a URI points."""


class Transports:
    """UDP always, TCP and TLS as set. `on_data(data, flow)` gets whole messages, `on_lost(flow)` closed connections."""

    udp: UdpListener

    def __init__(
        self,
        settings: SipSettings,
        clock: Clock,
        on_data: Callable[[bytes, Flow], None],
        on_lost: Callable[[Flow], None],
        may_connect: Callable[[str], bool],
    ) -> None:
        self._settings, self._on_data = settings, on_data
        self._connections = Connections(clock, on_data, on_lost, may_connect)
        self._servers: list[asyncio.Server] = []
        self._interfaces: dict[str, str] = {}
        self._resolved: dict[str, str] = {}
        self.ports: dict[str, int] = {}

    async def open(self) -> None:
        """Raises OSError or ssl.SSLError where an address can't be bound or a certificate can't be used."""
        settings = self._settings
        context = settings.server_tls()
        try:
            await self._bind(settings)
            if context:
                self.ports["TLS"] = await self._listen("TLS", settings.tls_port, context)
        except BaseException:
            await self.close()
            raise

    async def _bind(self, settings: SipSettings) -> None:
        """UDP and TCP on one port; where the system chooses it, one that is free for both."""
        for tries_left in reversed(range(_BIND_TRIES)):
            self.udp = await UdpListener.open(settings.host, settings.port, self._on_data)
            self.ports["UDP"] = self.udp.local[1]
            if not settings.tcp:
                return
            try:
                self.ports["TCP"] = await self._listen("TCP", self.udp.local[1], None)
                return
            except OSError:
                self.udp.close()
                if settings.port or not tries_left:
                    raise

    async def _listen(self, protocol: str, port: int, context: ssl.SSLContext | None) -> int:
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self._connections, protocol, inbound=True), self._settings.host, port, ssl=context
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        self._connections.close()
        if "UDP" in self.ports:
            self.udp.close()

    @property
    def connections(self) -> int:
        return len(self._connections.open)

    @property
    def name(self) -> str:
        """Our host for URIs that belong to no flow yet."""
        host = self._settings.public_host or self._settings.host
        return "callwright.invalid" if host in ("0.0.0.0", "::") else host  # noqa: S104

    def advertised(self, flow: Flow) -> tuple[str, int]:
        """The address to give to the peer of a flow, in Via, Contact and SDP."""
        return self.host_for(flow), self.ports.get(flow.protocol) or flow.local[1]

    def host_for(self, flow: Flow) -> str:
        if self._settings.public_host:
            return self._settings.public_host
        host = flow.local[0]
        return host if not ipaddress.ip_address(host).is_unspecified else self._interface(flow.remote[0])

    def sent_by(self, flow: Flow) -> str:
        return host_port(*self.advertised(flow))

    def leads_to(self, flow: Flow, uri: Uri) -> bool:
        """Whether a flow's peer is the host of a URI, by the last look-up."""
        return flow.remote[0] in (uri.address, self._resolved.get(uri.address))

    def flow_now(self, uri: Uri) -> Flow | None:
        """A flow that needs no look-up and no connecting, or None."""
        if not _is_ip(uri.address):
            return None
        if uri.transport == "UDP":
            return self.udp.flow((uri.address, uri.port or 5060))
        known = self._connections.open.get((uri.transport, uri.address, uri.port or _default_port(uri)))
        return known if known and known.alive else None

    def flow_of(self, protocol: str, remote: tuple[str, int]) -> Flow | None:
        """A flow to a peer that came to us: its connection while that is open, or the UDP socket."""
        if protocol == "UDP":
            return self.udp.flow(remote)
        known = self._connections.open.get((protocol, *remote))
        return known if known and known.alive else None

    async def flow_to(self, uri: Uri) -> Flow:
        """A flow to a URI's host by its A or AAAA record (SRV records are not looked up). Raises Unreachable."""
        address = uri.address if _is_ip(uri.address) else await self._resolve(uri)
        flow = self.flow_now(Uri(uri.scheme, "", host_only(address), uri.port, uri.params))
        if flow:
            return flow
        if uri.transport not in ("TCP", "TLS"):
            raise Unreachable(f"no transport {uri.transport}")
        context = self._settings.client_tls() if uri.transport == "TLS" else None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._connections, uri.transport, inbound=False),
                    address,
                    uri.port or _default_port(uri),
                    ssl=context,
                    server_hostname=uri.address if context else None,
                )
        except (OSError, TimeoutError, ssl.SSLError) as error:
            raise Unreachable(f"{uri.host} does not take {uri.transport} connections: {error}") from error
        return connection

    async def _resolve(self, uri: Uri) -> str:
        family = socket.AF_INET6 if ":" in self.udp.local[0] else socket.AF_INET
        try:
            found = await asyncio.get_running_loop().getaddrinfo(uri.address, None, family=family)
        except OSError as error:
            raise Unreachable(f"{uri.host} is unknown: {error}") from error
        if len(self._resolved) >= 4096:
            self._resolved.clear()
        self._resolved[uri.address] = str(found[0][4][0])
        return self._resolved[uri.address]

    def _interface(self, remote: str) -> str:
        """The address of the interface that packets to `remote` leave through."""
        known = self._interfaces.get(remote)
        if known is None:
            family = socket.AF_INET6 if ":" in remote else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((remote, 9))
                known = str(probe.getsockname()[0])
            if len(self._interfaces) >= 4096:
                self._interfaces.clear()
            self._interfaces[remote] = known
        return known


def _default_port(uri: Uri) -> int:
    return 5061 if uri.transport == "TLS" else 5060


def host_only(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
