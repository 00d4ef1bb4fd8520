"""Transactions as they run: a state machine with its flow, its timers, and whoever waits for its news."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiosipua.message import SipRequest, SipResponse

from ivr.channels.sip.clock import Handle
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
)

if TYPE_CHECKING:
    from ivr.channels.sip.layer import TransactionLayer

Key = tuple[str, ...]


class Running:
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


class ServerTransaction(Running):
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


class ClientTransaction(Running):
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
