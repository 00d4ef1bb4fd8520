"""Where messages go: a `Flow` is one UDP peer or one TCP or TLS connection."""

from __future__ import annotations

from typing import Protocol


class FlowClosed(ConnectionError):
    """The connection is gone; nothing was sent."""


class Flow(Protocol):
    """`protocol` is UDP, TCP or TLS; addresses are (IP, port). `send` raises FlowClosed and never blocks."""

    @property
    def protocol(self) -> str: ...

    @property
    def remote(self) -> tuple[str, int]: ...

    @property
    def local(self) -> tuple[str, int]: ...

    @property
    def reliable(self) -> bool: ...

    @property
    def alive(self) -> bool:
        """False once the connection is closed."""
        ...

    def send(self, data: bytes) -> None: ...
