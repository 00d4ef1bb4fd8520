"""What a kind of page may do: one file in `ivr/live/endpoints/` with a class under `@endpoint`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from callcenter.live import LiveEvent
from ivr.flow.registry import import_all
from ivr.settings import Settings

if TYPE_CHECKING:
    from ivr.live.connection import Connection
    from ivr.live.context import Context


class Refused(Exception):
    """A page's message can't be taken; the word goes back to it as `reason`."""


class Endpoint:
    """Pages at `path`. Their tickets are for `purpose` and count for `ticket_seconds`; `per_second` messages are taken
    from each, after `burst` of them: what comes quicker waits in the network."""

    path: ClassVar[str]
    purpose: ClassVar[str]
    ticket_seconds: ClassVar[float] = 60.0
    per_second: ClassVar[float] = 10.0
    burst: ClassVar[float] = 30.0

    def __init__(self, context: Context) -> None:
        self.context = context

    def origins(self, settings: Settings) -> frozenset[str]:
        """Other sites whose pages may connect, beside our own."""
        return frozenset()

    async def opened(self, connection: Connection) -> None:
        """The page has shown its ticket and been welcomed; its events wait until this is done."""

    async def received(self, connection: Connection, kind: str, message: Mapping[str, Any]) -> None:
        """The page said something that isn't the protocol's own. What this raises goes back to the page: `Refused`
        with its reason, anything else as `failed`."""
        raise Refused("unknown_kind")

    async def happened(self, connection: Connection, event: LiveEvent) -> None:
        """Something happened on a topic that the page follows. Told as it is unless overridden."""
        await connection.tell(event)

    async def closed(self, connection: Connection) -> None:
        """The page is gone."""


E = TypeVar("E", bound=type[Endpoint])
_endpoints: dict[str, type[Endpoint]] = {}


def endpoint(kind: E) -> E:
    """Register an endpoint."""
    _endpoints[kind.path] = kind
    return kind


def endpoints(context: Context) -> dict[str, Endpoint]:
    """All endpoints by their paths."""
    import_all("ivr.live.endpoints")
    return {path: make(context) for path, make in _endpoints.items()}
