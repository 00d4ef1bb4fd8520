"""The transaction layer: matches messages to the state machines and carries out what they ask for.

Above it stands a `Core` (the UAS and UAC of section 8); below it are flows. It owns every timer of a transaction.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Protocol

from aiosipua.message import SipRequest, SipResponse

from ivr.channels.sip.clock import Clock, Handle
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.message import Request, Response, make_response
from ivr.channels.sip.transaction import (
    Action,
    ClientMachine,
    Deliver,
    Done,
    Failed,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Send,
    ServerMachine,
    Start,
    State,
    Stop,
    Timers,
)
from ivr.channels.sip.values import MAGIC, new_branch, parse_via

Key = tuple[str, ...]


class Core(Protocol):
    """The transaction user."""

    def on_request(self, transaction: ServerTransaction, request: Request) -> None:
        """A new request outside any transaction; the core answers with `transaction.respond`."""

    def on_ack(self, request: Request) -> None:
        """An ACK for a 2xx."""


class _Running:
    """What the four kinds share: a machine, its flow and its timers."""

    machine: ServerMachine | ClientMachine

    def __init__(self, layer: TransactionLayer, flow: Flow, key: Key) -> None:
        self.layer, self.flow, self.key = layer, flow, key
        self._timers: dict[str, Handle] = {}

    def run(self, actions: list[Action]) -> None:
        """Carry out what the machine asks for; a fault of the transaction user leaves no timer unset."""
        for action in actions:
            if isinstance(action, Send):
                try:
                    self.flow.send(action.data)
                except OSError:
                    lost = self.machine.transport_error()
                    if lost:
                        self.run(lost)
                        return
                    # Accepted goes on without its connection, and what is over still has to be forgotten.
            elif isinstance(action, Start):
                self._stop(action.timer)
                self._timers[action.timer] = self.layer.clock.call_later(action.seconds, self._fire, action.timer)
            elif isinstance(action, Stop):
                self._stop(action.timer)
            elif isinstance(action, Deliver):
                self.layer.guarded(functools.partial(self.deliver, action.message))
            elif isinstance(action, Failed):
                self.layer.guarded(functools.partial(self.failed, action.why))
            elif isinstance(action, Done):
                self.end()

    def end(self) -> None:
        for handle in self._timers.values():
            handle.cancel()
        self._timers.clear()
        self.layer.forget(self)

    def deliver(self, message: Request | Response) -> None:
        raise NotImplementedError

    def failed(self, why: str) -> None:
        raise NotImplementedError

    def _stop(self, timer: str) -> None:
        handle = self._timers.pop(timer, None)
        if handle:
            handle.cancel()

    def _fire(self, timer: str) -> None:
        self._timers.pop(timer, None)
        self.layer.guarded(lambda: self.run(self.machine.timer(timer)))


class ServerTransaction(_Running):
    """A request being served. `on_failed(why)` tells that the final response was never acknowledged or not sent."""

    machine: ServerMachine

    def __init__(self, layer: TransactionLayer, request: Request, key: Key) -> None:
        super().__init__(layer, request.flow, key)
        self.request = request
        self.on_failed: Callable[[str], None] | None = None
        self.answered = False
        self.user: object = None
        """Whatever the core ties to it: the leg of an INVITE."""
        if request.method == "INVITE":
            self.machine = InviteServer(self.flow.reliable, layer.timers, functools.partial(_trying, request))
        else:
            self.machine = NonInviteServer(self.flow.reliable, layer.timers)

    def respond(self, response: SipResponse) -> None:
        if response.status_code >= 200:
            self.answered = True
        response.headers.set_single("Server", self.layer.user_agent)
        self.run(self.machine.respond(response.status_code, bytes(response)))

    def reply(self, status: int, reason: str = "", to_tag: str = "", **headers: str) -> None:
        """Respond with `headers`, whose names are given with underscores for hyphens."""
        response = make_response(self.request, status, reason, to_tag or self.layer.tag_of(self.request))
        for name, value in headers.items():
            response.headers.set_single(name.replace("_", "-"), value)
        self.respond(response)

    def deliver(self, message: Request | Response) -> None:
        if isinstance(message, Request):
            self.layer.core.on_ack(message)

    def failed(self, why: str) -> None:
        if self.on_failed:
            self.on_failed(why)

    def end(self) -> None:
        super().end()
        self.user = self.on_failed = None  # no cycle with the leg is left for the collector


class ClientTransaction(_Running):
    """A request of ours. `on_response` gets every response, `on_failed(why)` a timeout or transport error."""

    machine: ClientMachine

    def __init__(
        self,
        layer: TransactionLayer,
        request: SipRequest,
        flow: Flow,
        key: Key,
        on_response: Callable[[Response], None],
        on_failed: Callable[[str], None],
    ) -> None:
        super().__init__(layer, flow, key)
        self.request = request
        self._on_response, self._on_failed = on_response, on_failed
        data = bytes(request)
        if request.method == "INVITE":
            self.machine = InviteClient(data, flow.reliable, layer.timers, functools.partial(_ack, request))
        else:
            self.machine = NonInviteClient(data, flow.reliable, layer.timers)

    @property
    def proceeding(self) -> bool:
        """A provisional response has come, so a CANCEL may go (section 9.1)."""
        return self.machine.state is State.PROCEEDING

    @property
    def pending(self) -> bool:
        return self.machine.state in (State.CALLING, State.TRYING, State.PROCEEDING)

    def deliver(self, message: Request | Response) -> None:
        if isinstance(message, Response):
            self._on_response(message)

    def failed(self, why: str) -> None:
        self._on_failed(why)

    def end(self) -> None:
        super().end()
        self._on_response = self._on_failed = _nobody  # no cycle with the leg is left for the collector


def _nobody(_: object) -> None:
    """Who wants to hear of a transaction that is over."""


def _trying(request: Request) -> bytes:
    return bytes(make_response(request, 100))


def _ack(invite: SipRequest, response: Response) -> bytes:
    """Section 17.1.1.3: the INVITE's own Via, Route and Request-URI, the response's To."""
    ack = copy_for(invite, "ACK")
    ack.headers.set_single("To", response.header("to"))
    return bytes(ack)


def copy_for(invite: SipRequest, method: str) -> SipRequest:
    """An ACK or CANCEL of the same transaction (sections 9.1 and 17.1.1.3)."""
    other = SipRequest(method=method, uri=invite.uri)
    other.headers.append("Via", invite.headers.get("via")[0])
    for name in ("From", "To", "Call-ID", "Max-Forwards"):
        other.headers.set_single(name, invite.headers.get_first(name) or "")
    other.headers.set_single("CSeq", f"{(invite.headers.get_first('cseq') or '0').split()[0]} {method}")
    for route in invite.headers.get("route"):
        other.headers.append("Route", route)
    return other


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

    def forget(self, running: _Running) -> None:
        if isinstance(running, ServerTransaction):
            self._servers.pop(running.key, None)
            initial = _merge_key(running.request)
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
        first = self._initial.setdefault(_merge_key(request), running)
        return first is not running


def _merge_key(request: Request) -> Key:
    return (request.call_id, request.from_.tag, str(request.cseq), request.method)
