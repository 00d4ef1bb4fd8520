"""The transaction layer: matches messages to the state machines and carries out what they ask for.

Above it stands a `Core` (the UAS and UAC of section 8); below it are flows. It owns every timer of a transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from aiosipua.message import SipRequest

from ivr.channels.sip.clock import Clock
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.message import Request, Response
from ivr.channels.sip.running import ClientTransaction, Key, Running, ServerTransaction
from ivr.channels.sip.transaction import (
    InviteServer,
    Timers,
)
from ivr.channels.sip.values import MAGIC, new_branch, parse_via


class Core(Protocol):
    """The transaction user."""

    def on_request(self, transaction: ServerTransaction, request: Request) -> None:
        """A new request outside any transaction; the core answers with `transaction.respond`."""

    def on_ack(self, request: Request) -> None:
        """An ACK for a 2xx."""


def server_key(request: Request, method: str) -> Key:
    """Section 17.2.3. An ACK or CANCEL is looked up under INVITE. A peer of RFC 2543 is known by its dialog."""
    if request.via.branch.startswith(MAGIC):
        return (request.via.branch, request.via.sent_by, method)
    return (
        "2543",
        request.call_id,
        request.from_.tag,
        str(request.cseq),
        request.via.sent_by,
        request.via.branch,
        method,
    )


class TransactionLayer:
    """All transactions of one endpoint. `tag_of` gives the To tag for answers outside a dialog."""

    def __init__(
        self,
        core: Core,
        clock: Clock,
        timers: Timers,
        user_agent: str,
        tag_of: Callable[[Request], str],
        guarded: Callable[[Callable[[], None]], None],
    ) -> None:
        self.core, self.clock, self.timers, self.user_agent = core, clock, timers, user_agent
        self.tag_of, self.guarded = tag_of, guarded
        self._servers: dict[Key, ServerTransaction] = {}
        self._clients: dict[Key, ClientTransaction] = {}
        self._initial: dict[Key, ServerTransaction] = {}

    def __len__(self) -> int:
        return len(self._servers) + len(self._clients)

    def on_request(self, request: Request) -> None:
        method = "INVITE" if request.method == "ACK" else request.method
        key = server_key(request, method)
        running = self._servers.get(key)
        if request.method == "ACK":
            if running and isinstance(running.machine, InviteServer):
                running.run(running.machine.ack(request))
            else:
                self.core.on_ack(request)
            return
        if running:
            running.run(running.machine.request())
            return
        running = ServerTransaction(self, request, key)
        self._servers[key] = running
        running.run(running.machine.start())
        if not request.to.tag and self._merged(request, running):
            running.reply(482)
            return
        self.core.on_request(running, request)

    def knows(self, request: Request) -> bool:
        """Whether a request belongs to a running transaction: it is a repetition, its ACK or its CANCEL."""
        if server_key(request, "INVITE" if request.method == "ACK" else request.method) in self._servers:
            return True
        return request.method == "CANCEL" and self.invite_of(request) is not None

    def on_response(self, response: Response) -> bool:
        """False where no transaction waits for it."""
        running = self._clients.get((response.via.branch, response.method))
        if not running:
            return False
        running.run(running.machine.response(response.status, response))
        return True

    def invite_of(self, cancel: Request) -> ServerTransaction | None:
        """The INVITE that a CANCEL is for (section 9.2)."""
        return self._servers.get(server_key(cancel, "INVITE"))

    def send(
        self,
        request: SipRequest,
        flow: Flow,
        sent_by: str,
        on_response: Callable[[Response], None],
        on_failed: Callable[[str], None],
    ) -> ClientTransaction:
        """Start a client transaction; the Via is added here, on top. A CANCEL brings its own."""
        if request.method == "CANCEL":
            branch = parse_via(request.headers.get("via")[0]).branch
        else:
            branch = self.stamp(request, flow, sent_by)
        request.headers.set_single("User-Agent", self.user_agent)
        key = (branch, request.method)
        running = ClientTransaction(self, request, flow, key, on_response, on_failed)
        self._clients[key] = running
        running.run(running.machine.start())
        return running

    def stamp(self, request: SipRequest, flow: Flow, sent_by: str) -> str:
        """Put our Via on a request that has none yet; its branch."""
        branch = new_branch()
        request.headers.append("Via", f"SIP/2.0/{flow.protocol} {sent_by};branch={branch};rport")
        return branch

    def flow_lost(self, flow: Flow) -> None:
        """A connection closed: what waits on it has failed (section 17's transport error)."""
        lost = [t for t in (*self._servers.values(), *self._clients.values()) if t.flow is flow]
        for running in lost:
            running.run(running.machine.transport_error())

    def forget(self, running: Running) -> None:
        if isinstance(running, ServerTransaction):
            self._servers.pop(running.key, None)
            initial = merge_key(running.request)
            if self._initial.get(initial) is running:
                del self._initial[initial]
        elif self._clients.get(running.key) is running:
            del self._clients[running.key]

    def close(self) -> None:
        for running in (*self._servers.values(), *self._clients.values()):
            running.end()

    def _merged(self, request: Request, running: ServerTransaction) -> bool:
        """Section 8.2.2.2: the same request by another path."""
        if request.method == "CANCEL":
            return False
        first = self._initial.setdefault(merge_key(request), running)
        return first is not running


def merge_key(request: Request) -> Key:
    """What two copies of one request have in common, whatever path each took (section 8.2.2.2)."""
    return (request.call_id, request.from_.tag, str(request.cseq), request.method)
