"""The transaction layer by hand: matching, the ACK of a refusal, connections that are gone, a core that fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiosipua.message import SipRequest

from ivr.channels.sip.flow import FlowClosed
from ivr.channels.sip.layer import TransactionLayer
from ivr.channels.sip.message import Request, Response, make_response, parse
from ivr.channels.sip.running import ServerTransaction
from ivr.channels.sip.transaction import Timers
from tests.channels.sip.fakes import FakeClock


@dataclass(eq=False)
class Wire:
    """A flow that keeps what is sent, until it breaks."""

    reliable: bool = False
    broken: bool = False
    sent: list[bytes] = field(default_factory=list)
    remote: tuple[str, int] = ("192.0.2.1", 5060)
    local: tuple[str, int] = ("192.0.2.2", 5060)

    @property
    def protocol(self) -> str:
        return "TCP" if self.reliable else "UDP"

    @property
    def alive(self) -> bool:
        return not self.broken

    def send(self, data: bytes) -> None:
        if self.broken:
            raise FlowClosed("gone")
        self.sent.append(data)

    @property
    def starts(self) -> list[str]:
        return [data.split(b"\r\n")[0].decode() for data in self.sent]


class User:
    """A core that keeps what it is told, and fails when told to."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.faults: list[Exception] = []
        self.served: list[ServerTransaction] = []
        self.acks: list[Request] = []
        self.told: list[str] = []
        self.fails = False
        self.layer = TransactionLayer(self, self.clock, Timers(), "test", lambda request: "us", self._guarded)

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            self.faults.append(error)

    def on_request(self, transaction: ServerTransaction, request: Request) -> None:
        transaction.on_failed = self.tell
        self.served.append(transaction)

    def on_ack(self, request: Request) -> None:
        self.acks.append(request)

    def tell(self, what: Any) -> None:
        self.told.append(str(what.status if isinstance(what, Response) else what))
        if self.fails:
            raise RuntimeError("a fault of the transaction user")


def request(method: str, flow: Wire, branch: str = "z9hG4bK1", *, tag: str = "", call: str = "c") -> Request:
    to = f";tag={tag}" if tag else ""
    data = (
        f"{method} sip:b@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/{flow.protocol} 192.0.2.1;branch={branch}\r\n"
        f"From: <sip:a@example.com>;tag=them\r\nTo: <sip:b@example.com>{to}\r\nCall-ID: {call}\r\n"
        f"CSeq: 1 {method}\r\nMax-Forwards: 70\r\n\r\n"
    )
    found = parse(data.encode(), flow)
    assert isinstance(found, Request)
    return found


def send(user: User, flow: Wire, method: str) -> SipRequest:
    message = SipRequest(method=method, uri="sip:b@192.0.2.1")
    for name, value in (("From", "<sip:a@x>;tag=us"), ("To", "<sip:b@x>"), ("Call-ID", "c"), ("CSeq", f"7 {method}")):
        message.headers.set_single(name, value)
    message.headers.append("Route", "<sip:proxy.example.com;lr>")
    user.layer.send(message, flow, "192.0.2.2:5060", user.tell, user.tell)
    return message


def answer(user: User, flow: Wire, to: SipRequest, status: int) -> bool:
    asked = parse(bytes(to), flow)
    assert isinstance(asked, Request)
    found = parse(bytes(make_response(asked, status, "", "them")), flow)
    assert isinstance(found, Response)
    return user.layer.on_response(found)


def test_the_ack_of_a_refusal_has_the_branch_of_its_invite() -> None:
    """Section 17.1.1.3: one Via, the INVITE's; its Request-URI, Route and CSeq number; the response's To."""
    user, flow = User(), Wire()
    invite = send(user, flow, "INVITE")
    assert answer(user, flow, invite, 486)
    assert answer(user, flow, invite, 486)
    assert flow.starts == [
        "INVITE sip:b@192.0.2.1 SIP/2.0",
        "ACK sip:b@192.0.2.1 SIP/2.0",
        "ACK sip:b@192.0.2.1 SIP/2.0",
    ]
    ack = parse(flow.sent[1], flow)
    assert isinstance(ack, Request)
    assert ack.headers("via") == invite.headers.get("via")
    assert (ack.to.tag, ack.cseq, ack.header("cseq")) == ("them", 7, "7 ACK")
    assert ack.headers("route") == ["<sip:proxy.example.com;lr>"]
    assert user.told == ["486"]
    user.clock.advance(33)
    assert len(user.layer) == 0


def test_a_repeated_request_is_absorbed_and_answered_again() -> None:
    user, flow = User(), Wire()
    user.layer.on_request(request("OPTIONS", flow))
    user.layer.on_request(request("OPTIONS", flow))
    assert flow.sent == []
    user.served[0].reply(200)
    user.layer.on_request(request("OPTIONS", flow))
    assert len(user.served) == 1
    assert len(flow.sent) == 2
    assert flow.sent[0] == flow.sent[1]


def test_the_same_request_by_another_path() -> None:
    """Section 8.2.2.2: 482, and the first is served."""
    user, flow = User(), Wire()
    user.layer.on_request(request("INVITE", flow, "z9hG4bKone"))
    user.layer.on_request(request("INVITE", flow, "z9hG4bKtwo"))
    assert len(user.served) == 1
    assert flow.starts == ["SIP/2.0 482 Loop Detected"]


def test_an_ack_of_a_2xx_reaches_the_core() -> None:
    user, flow = User(), Wire()
    user.layer.on_request(request("INVITE", flow))
    user.served[0].reply(200)
    user.layer.on_request(request("ACK", flow, "z9hG4bKnew", tag="us"))
    assert [ack.method for ack in user.acks] == ["ACK"]


@pytest.mark.parametrize("reliable", [False, True])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
@pytest.mark.parametrize("status", [180, 200, 486])
def test_answers_over_a_connection_that_is_gone(method: str, status: int, reliable: bool) -> None:
    """Nothing is left behind; an INVITE's user learns of it unless it sends its 2xx again itself."""
    user, flow = User(), Wire(reliable)
    user.layer.on_request(request(method, flow))
    flow.broken = True
    user.served[0].reply(status)
    if method == "INVITE" and status == 200:
        assert user.told == []
        user.clock.advance(33)
    elif not (method == "OPTIONS" and reliable and status >= 200):
        assert user.told == ["transport"]
    assert len(user.layer) == 0
    assert user.clock.waiting == 0


@pytest.mark.parametrize("reliable", [False, True])
@pytest.mark.parametrize("status", [200, 486])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_responses_as_the_connection_goes(method: str, status: int, reliable: bool) -> None:
    user, flow = User(), Wire(reliable)
    asked = send(user, flow, method)
    flow.broken = True
    answer(user, flow, asked, status)
    assert user.told
    user.clock.advance(70)
    assert len(user.layer) == 0
    assert user.clock.waiting == 0


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_request_that_can_not_be_sent(method: str) -> None:
    user, flow = User(), Wire(broken=True)
    send(user, flow, method)
    assert user.told == ["transport"]
    assert len(user.layer) == 0
    assert user.clock.waiting == 0


@pytest.mark.parametrize("status", [0, 180, 200, 486])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_a_fault_of_the_user_leaves_nothing_behind(method: str, status: int) -> None:
    """Status 0 is silence."""
    user, flow = User(), Wire()
    user.fails = True
    asked = send(user, flow, method)
    if status:
        answer(user, flow, asked, status)
    if status == 180 and method == "INVITE":
        answer(user, flow, asked, 487)  # an INVITE may ring for as long as it likes
    user.clock.advance(70)
    assert user.faults
    assert len(user.layer) == 0
    assert user.clock.waiting == 0


def test_a_lost_connection_fails_what_waits_on_it() -> None:
    user, flow, other = User(), Wire(reliable=True), Wire(reliable=True)
    send(user, flow, "OPTIONS")
    send(user, other, "OPTIONS")
    user.layer.on_request(request("INVITE", flow))
    user.layer.flow_lost(flow)
    assert user.told == ["transport", "transport"]
    assert len(user.layer) == 1
