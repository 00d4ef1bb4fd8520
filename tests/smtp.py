"""A mail server for tests on a port of the system's choice."""

from __future__ import annotations

from asyncio import Server
from typing import Any

from aiosmtpd.controller import Controller


class FreePort(Controller):
    """aiosmtpd's server in a thread of its own, for a handler of its kind; `port` is known once it has started.
    `options` are those of its SMTP."""

    def __init__(self, handler: Any, **options: Any) -> None:
        super().__init__(handler, hostname="127.0.0.1", port=0, **options)

    def _trigger_server(self) -> None:
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]
