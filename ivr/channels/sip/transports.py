"""All listeners of an endpoint, and flows to where a URI points."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable

from ivr.channels.sip.flow import Flow
from ivr.channels.sip.settings import SipSettings
from ivr.channels.sip.udp import UdpListener
from ivr.channels.sip.values import Uri, host_port


class Unreachable(OSError):
    """No flow can be had to where a URI points."""


class Transports:
    """UDP always, TCP and TLS as set. `on_data(data, flow)` gets whole messages, `on_lost(flow)` closed connections."""

    udp: UdpListener

    def __init__(
        self, settings: SipSettings, on_data: Callable[[bytes, Flow], None], on_lost: Callable[[Flow], None]
    ) -> None:
        self._settings, self._on_data, self._on_lost = settings, on_data, on_lost
        self._routes: dict[str, str] = {}
        self.ports: dict[str, int] = {}

    async def open(self) -> None:
        """Raises OSError where an address can't be bound."""
        settings = self._settings
        self.udp = await UdpListener.open(settings.host, settings.port, self._on_data)
        self.ports["UDP"] = self.udp.local[1]

    async def close(self) -> None:
        self.udp.close()

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

    def flow_now(self, uri: Uri) -> Flow | None:
        """A flow that needs no look-up and no connecting, or None."""
        if uri.transport == "UDP" and _is_ip(uri.address):
            return self.udp.flow((uri.address, uri.port or 5060))
        return None

    async def flow_to(self, uri: Uri) -> Flow:
        """A flow to a URI's host by its A or AAAA record (SRV records are not looked up). Raises Unreachable."""
        flow = self.flow_now(uri)
        if flow:
            return flow
        address = uri.address if _is_ip(uri.address) else await self._resolve(uri)
        port = uri.port or (5061 if uri.transport == "TLS" else 5060)
        if uri.transport == "UDP":
            return self.udp.flow((address, port))
        raise Unreachable(f"no transport {uri.transport}")

    async def _resolve(self, uri: Uri) -> str:
        family = socket.AF_INET6 if ":" in self.udp.local[0] else socket.AF_INET
        try:
            found = await asyncio.get_running_loop().getaddrinfo(uri.address, None, family=family)
        except OSError as error:
            raise Unreachable(f"{uri.host} is unknown: {error}") from error
        return str(found[0][4][0])

    def _interface(self, remote: str) -> str:
        """The address of the interface that packets to `remote` leave through."""
        known = self._routes.get(remote)
        if known is None:
            family = socket.AF_INET6 if ":" in remote else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((remote, 9))
                known = str(probe.getsockname()[0])
            if len(self._routes) >= 4096:
                self._routes.clear()
            self._routes[remote] = known
        return known


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
