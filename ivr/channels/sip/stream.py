"""SIP over TCP and TLS: connections that are flows, with limits against peers that send slowly, endlessly or never."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from ivr.channels.sip.clock import Clock, Handle
from ivr.channels.sip.flow import Flow, FlowClosed
from ivr.channels.sip.framing import BadFrame, Framer

MESSAGE_SECONDS = 10.0
"""How long a message may take from its first byte to its last, and a new connection to its first message."""
IDLE_SECONDS = 900.0
"""A connection over which nothing went for so long is closed; session timers and keepalives hold one that is used."""
_MAX_UNSENT = 262_144
_MAX_CONNECTIONS = 4096


class Connections:
    """All connections of an endpoint, by protocol and peer."""

    def __init__(
        self,
        clock: Clock,
        on_data: Callable[[bytes, Flow], None],
        on_lost: Callable[[Flow], None],
        may_connect: Callable[[str], bool],
    ) -> None:
        self.clock, self.on_data, self.on_lost, self.may_connect = clock, on_data, on_lost, may_connect
        self.open: dict[tuple[str, str, int], Connection] = {}

    @property
    def full(self) -> bool:
        return len(self.open) >= _MAX_CONNECTIONS

    def close(self) -> None:
        for connection in list(self.open.values()):
            connection.abort()


class Connection(asyncio.Protocol):
    """One connection, whoever opened it; a `Flow`."""

    reliable = True

    def __init__(self, connections: Connections, protocol: str, *, inbound: bool) -> None:
        self._connections, self.protocol, self._inbound = connections, protocol, inbound
        self._framer = Framer()
        self._transport: asyncio.Transport | None = None
        self._deadline: Handle | None = None
        self._due = "first"
        self.remote = self.local = ("", 0)

    @property
    def alive(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            raise FlowClosed(f"the connection to {self.remote} is closed")
        if self._transport.get_write_buffer_size() > _MAX_UNSENT:
            self.abort()
            raise FlowClosed(f"{self.remote} does not read")
        self._transport.write(data)
        if self._due == "idle":
            self._expect("idle", IDLE_SECONDS)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's, so this can't be asserted.
        self._transport = transport = cast(asyncio.Transport, transport)
        self.remote = tuple(transport.get_extra_info("peername")[:2])
        self.local = tuple(transport.get_extra_info("sockname")[:2])
        if self._inbound and (self._connections.full or not self._connections.may_connect(self.remote[0])):
            transport.abort()
            self._transport = None
            return
        self._connections.open[(self.protocol, *self.remote)] = self
        if self._inbound:
            self._expect("first", MESSAGE_SECONDS)
        else:
            self._expect("idle", IDLE_SECONDS)

    def data_received(self, data: bytes) -> None:
        if not self.alive:
            return
        framer = self._framer
        try:
            messages = framer.feed(data)
        except BadFrame:
            self.abort()
            return
        for _ in range(framer.pings):
            self.send(b"\r\n")
        framer.pings = 0
        for message in messages:
            self._connections.on_data(message, self)
        if framer.partial:
            # The deadline stands from the first byte on: more bytes of the same message don't move it.
            if messages or self._due == "idle":
                self._expect("message", MESSAGE_SECONDS)
        elif messages or self._due == "idle":
            self._expect("idle", IDLE_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None
        key = (self.protocol, *self.remote)
        if self._connections.open.get(key) is self:
            del self._connections.open[key]
            self._connections.on_lost(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _expect(self, what: str, seconds: float) -> None:
        if self._deadline:
            self._deadline.cancel()
        self._due = what
        self._deadline = self._connections.clock.call_later(seconds, self.abort)
