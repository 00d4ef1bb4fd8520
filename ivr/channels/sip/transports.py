"""All listeners of an endpoint, and flows to where a URI points."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable

from ivr.channels.sip.clock import Clock
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.locating import Locator, Place, Unreachable, is_ip, place_at
from ivr.channels.sip.names import Names
from ivr.channels.sip.settings import SipSettings
from ivr.channels.sip.stream import Connection, Connections
from ivr.channels.sip.udp import UdpListener
from ivr.channels.sip.values import Uri, host_port

_CONNECT_SECONDS = 5.0
_BIND_TRIES = 20


class Transports:
    """UDP always, TCP and TLS as set. `on_data(data, flow)` gets whole messages, `on_lost(flow)` closed connections."""

    udp: UdpListener
    locator: Locator

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
        names = Names(self._connections.clock, ipv6=":" in settings.host, resolver=settings.resolver)
        self.locator = Locator(self._connections.clock, names)
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
        """Whether a flow's peer is a server of a URI, by the last look-up."""
        return flow.remote[0] in self.locator.addresses_of(uri)

    def flow_now(self, uri: Uri) -> Flow | None:
        """A flow that needs no look-up and no connecting, or None."""
        return self._open_flow(place_at(uri)) if is_ip(uri.address) else None

    def flow_of(self, protocol: str, remote: tuple[str, int]) -> Flow | None:
        """A flow to a peer that came to us: its connection while that is open, or the UDP socket."""
        return self._open_flow(Place(protocol, *remote))

    def _open_flow(self, place: Place) -> Flow | None:
        if place.transport == "UDP":
            return self.udp.flow((place.address, place.port))
        known = self._connections.open.get((place.transport, place.address, place.port))
        return known if known and known.alive else None

    async def flow_to(self, uri: Uri, *, near: Flow | None = None) -> Flow:
        """A flow to the best of a URI's servers that can be reached (RFC 3263 section 4), the peer of `near` before
        the others. Raises Unreachable."""
        places = await self.locator.places(uri, near=_place_of(near) if near is not None else None)
        error: Unreachable | None = None
        for place in places:
            try:
                return await self._connect(uri, place)
            except Unreachable as failed:
                self.locator.failed(uri, place)
                error = failed
        assert error is not None
        raise error

    async def _connect(self, uri: Uri, place: Place) -> Flow:
        flow = self._open_flow(place)
        if flow:
            return flow
        if place.transport not in ("TCP", "TLS"):
            raise Unreachable(f"no transport {place.transport}")
        context = self._settings.client_tls() if place.transport == "TLS" else None
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._connections, place.transport, inbound=False),
                    place.address,
                    place.port,
                    ssl=context,
                    # not the name that SRV led to: the certificate is to be that of the domain (RFC 5922 section 7.1)
                    server_hostname=uri.address if context else None,
                )
        except (OSError, TimeoutError, ssl.SSLError) as error:
            why = str(error) or type(error).__name__
            raise Unreachable(f"{uri.host} does not take {place.transport} connections: {why}") from error
        return connection

    def failed(self, flow: Flow, uri: Uri, seconds: float = 0.0) -> bool:
        """The server at the end of a flow failed; True where `flow_to` has another one for this URI."""
        return self.locator.failed(uri, _place_of(flow), seconds)

    def has_another(self, flow: Flow, uri: Uri) -> bool:
        """Whether a URI has a server besides that at the end of a flow, that has not failed lately."""
        return self.locator.has_another(uri, _place_of(flow))

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


def _place_of(flow: Flow) -> Place:
    return Place(flow.protocol, *flow.remote)
