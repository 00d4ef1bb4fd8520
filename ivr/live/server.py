"""The WebSocket server of the live process.

A page connects to `/chat` or `/desk`, shows its ticket in the first message, and follows the topics that the ticket
names. Every message, both ways, is a JSON object `{id, kind, topic, data}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from prometheus_client import CONTENT_TYPE_LATEST
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from callcenter import live
from callcenter.tickets import BadTicket
from ivr import metrics
from ivr.live import networks, origins
from ivr.live.connection import TOPICS, Connection
from ivr.live.context import Context
from ivr.live.endpoint import Endpoint, Refused, endpoints

log = structlog.get_logger("callwright.live")

MAX_MESSAGE = 32 * 1024
"""Bytes; files go by HTTP."""
HELLO_SECONDS = 10.0
PER_SUBJECT = 20
"""Connections of one visitor or agent: tabs and windows."""
PING_SECONDS = 20.0
DRAIN_SECONDS = 15.0

_quiet = logging.getLogger("callwright.live.websockets")
_quiet.setLevel(logging.CRITICAL)  # junk from the internet is no error of ours


class LiveServer:
    """Belongs to one event loop."""

    def __init__(self, context: Context) -> None:
        """Raises ValueError for a setting that can't be used."""
        self.context = context
        self._settings = context.settings
        self._endpoints = endpoints(context)
        own = origins.own(self._settings)
        self._origins = {path: own | kind.origins(self._settings) for path, kind in self._endpoints.items()}
        self._connections: set[Connection] = set()
        self._subjects: Counter[str] = Counter()
        self._networks: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncIterator[Server]:
        """Serve while inside, then let every page connect elsewhere. Raises OSError."""
        async with self.context.hub.running():
            server = await serve(
                self._handle,
                host,
                port,
                process_request=self._admit,
                compression=None,  # its buffers are more than all else of a connection
                max_size=MAX_MESSAGE,
                max_queue=4,
                ping_interval=PING_SECONDS,
                ping_timeout=PING_SECONDS,
                close_timeout=3,
                server_header=None,
                logger=_quiet,
            )
            try:
                yield server
            finally:
                log.info("closing", connections=len(self._connections))
                # What was sent to us is still stored and acknowledged as far as the page listens.
                server.close(code=CloseCode.SERVICE_RESTART, reason="restarting: connect again")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(server.wait_closed(), DRAIN_SECONDS)

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        """Before the handshake: answers all that isn't a page of ours."""
        path = request.path.partition("?")[0]
        if path == "/healthz":
            return _answer(HTTPStatus.OK if self.context.hub.up else HTTPStatus.SERVICE_UNAVAILABLE)
        if path == "/metrics":
            return _answer(HTTPStatus.OK, metrics.exposed(), CONTENT_TYPE_LATEST)
        name = path.removeprefix("/live").strip("/")
        if name not in self._endpoints:
            return _answer(HTTPStatus.NOT_FOUND)
        try:
            origin = origins.normal(request.headers.get("Origin", ""))
        except (ValueError, LookupError):
            origin = ""
        if origin not in self._origins[name]:
            log.info("another site's page is refused", endpoint=name, origin=origin[:100])
            return _answer(HTTPStatus.FORBIDDEN)
        most = self._settings.live_connections
        here = self._networks[self._network(socket, request)]
        if len(self._connections) >= most or here >= max(1, most // networks.SHARE):
            return _answer(HTTPStatus.SERVICE_UNAVAILABLE, retry=True)
        return None

    async def _handle(self, socket: ServerConnection) -> None:
        assert socket.request
        path = socket.request.path.partition("?")[0].removeprefix("/live").strip("/")
        endpoint = self._endpoints[path]
        connection = Connection(socket, endpoint, self.context.hub)
        network = self._network(socket, socket.request)
        self._connections.add(connection)
        if network:
            self._networks[network] += 1
        metrics.LIVE_CONNECTIONS.labels(path).inc()
        try:
            await self._serve(connection, endpoint)
        except ConnectionClosed:
            pass
        except (BadTicket, ValueError) as error:
            await socket.close(CloseCode.POLICY_VIOLATION, str(error)[:100])
        except Exception as error:
            log.exception("a connection broke", error=type(error).__name__)
            await socket.close(CloseCode.INTERNAL_ERROR)
        finally:
            self._connections.discard(connection)
            if self._networks[network] > 1:
                self._networks[network] -= 1
            else:
                self._networks.pop(network, None)
            metrics.LIVE_CONNECTIONS.labels(path).dec()
            await connection.close()

    def _network(self, socket: ServerConnection, request: Request) -> str:
        peer = socket.remote_address
        return networks.network_of(str(peer[0]) if peer else "", request.headers, self._settings.proxies)

    async def _serve(self, connection: Connection, endpoint: Endpoint) -> None:
        try:
            hello = await asyncio.wait_for(connection.next(), HELLO_SECONDS)
        except TimeoutError:
            raise BadTicket("no ticket came") from None
        if hello["kind"] != "hello":
            raise BadTicket("say hello with a ticket first")
        self._show(connection, hello)
        subject = f"{endpoint.path}:{connection.ticket.subject}"
        if self._subjects[subject] >= PER_SUBJECT:
            raise BadTicket("too many connections")
        self._subjects[subject] += 1
        handing_on: asyncio.Task[None] | None = None
        try:
            await self._follow(connection, hello, "welcome")
            await endpoint.opened(connection)
            handing_on = asyncio.create_task(connection.hand_on())
            while True:
                await self._take(connection, await connection.next())
        finally:
            if handing_on is not None:
                handing_on.cancel()
                await asyncio.gather(handing_on, return_exceptions=True)
            self._subjects[subject] -= 1
            self._subjects += Counter()  # drops those at nought
            await endpoint.closed(connection)

    def _show(self, connection: Connection, message: Mapping[str, Any]) -> None:
        """Take the ticket of a message. Raises `BadTicket`."""
        endpoint = connection.endpoint
        ticket = self.context.tickets.read(str(message.get("ticket", "")), endpoint.purpose, endpoint.ticket_seconds)
        if connection.ticket.subject not in ("", ticket.subject):
            raise BadTicket("it is somebody else's")
        connection.ticket = ticket

    async def _follow(self, connection: Connection, message: Mapping[str, Any], answer: str) -> None:
        """Follow the ticket's topics, each from the id that the message says or from now on, and answer with those
        ids: what comes after them comes as events."""
        topics = connection.ticket.topics
        if len(connection.topics | topics) > TOPICS:
            raise ValueError("too many topics")
        after = _after(message.get("after", {}))
        stands = await connection.follow(sorted(topics), after)
        await connection.send(answer, {"after": stands | {topic: after[topic] for topic in topics & after.keys()}},
                              id=_id(message))  # fmt: skip

    async def _take(self, connection: Connection, message: Mapping[str, Any]) -> None:
        kind = message["kind"]
        try:
            if kind == "follow":
                self._show(connection, message)
                await self._follow(connection, message, "following")
            elif kind == "unfollow":
                await connection.unfollow(str(message.get("topic", "")))
            elif kind == "ping":
                await connection.send("pong", id=_id(message))
            else:
                await connection.endpoint.received(connection, kind, message)
        except Refused as refused:
            await connection.send("error", {"reason": str(refused)}, id=_id(message))
        except (ConnectionClosed, BadTicket):
            raise
        except Exception as error:
            log.exception("a page's message failed", kind=kind[:40], error=type(error).__name__)
            await connection.send("error", {"reason": "failed"}, id=_id(message))


async def run(context: Context, ready: Callable[[tuple[str, int]], None]) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is told where. Raises ValueError and OSError."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    settings = context.settings
    async with LiveServer(context).listening(settings.host, settings.live_port) as server:
        ready(next(iter(server.sockets)).getsockname()[:2])
        await stopping.wait()


def _id(message: Mapping[str, Any]) -> str:
    return str(message.get("id", ""))[:100]


def _after(value: Any) -> dict[str, str]:
    """Ids by topic. Raises ValueError for anything else."""
    if not isinstance(value, dict):
        raise ValueError("after: ids by topic")
    for id in value.values():
        live.order(str(id))
    return {str(topic): str(id) for topic, id in value.items()}


def _answer(
    status: HTTPStatus, body: bytes = b"", content_type: str = "text/plain", *, retry: bool = False
) -> Response:
    body = body or f"{status.phrase}\n".encode()
    headers = Headers({"Content-Type": content_type, "Content-Length": str(len(body)), "Connection": "close"})
    headers["X-Content-Type-Options"] = "nosniff"
    if retry:
        headers["Retry-After"] = "10"
    return Response(status.value, status.phrase, headers, body)
