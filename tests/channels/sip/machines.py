"""How tests drive a transaction's state machine: by events with short names."""

from __future__ import annotations

from ivr.channels.sip.transaction import (
    Action,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Timers,
)

Machine = InviteClient | NonInviteClient | InviteServer | NonInviteServer
SERVERS = (InviteServer, NonInviteServer)


def make(kind: type[Machine], reliable: bool = False) -> Machine:
    if kind is InviteServer:
        return InviteServer(reliable, Timers(), lambda: b"100")
    if kind is InviteClient:
        return InviteClient(b"INVITE", reliable, Timers(), lambda response: b"ACK")
    if kind is NonInviteClient:
        return NonInviteClient(b"OPTIONS", reliable, Timers())
    return NonInviteServer(reliable, Timers())


def happen(machine: Machine, event: str) -> list[Action]:
    """`180` is a response (received by a client, sent by a server), `again` and `ack` are requests that a server
    receives, `!` a transport error, a letter that timer."""
    if event.isdigit():
        status = int(event)
        if isinstance(machine, InviteClient | NonInviteClient):
            return machine.response(status, event)
        return machine.respond(status, event.encode())
    if event == "again":
        assert isinstance(machine, InviteServer | NonInviteServer)
        return machine.request()
    if event == "ack":
        assert isinstance(machine, InviteServer)
        return machine.ack("ack")
    return machine.transport_error() if event == "!" else machine.timer(event)


EVENTS: dict[type[Machine], list[str]] = {
    InviteClient: ["100", "180", "200", "486", "!", "A", "B", "D", "M"],
    NonInviteClient: ["100", "200", "486", "!", "E", "F", "K"],
    InviteServer: ["183", "200", "486", "again", "ack", "!", "G", "H", "I", "L", "trying"],
    NonInviteServer: ["183", "200", "again", "!", "J"],
}
