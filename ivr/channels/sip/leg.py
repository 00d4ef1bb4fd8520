"""`SipLeg`: one SIP call behind the `CallLeg` interface, once a dialog stands.

How a leg comes to be differs and lives in `incoming.py` and `outgoing.py`; what the peer asks for within the dialog
is in `indialog.py`. Here: commands, events, hanging up; its sound is in `sound.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aiosipua.message import SipRequest

from ivr.channels.leg import Digit, HungUp, LegEvent, PlayEnded, ReferEnded
from ivr.channels.sip.accepting import Accepting
from ivr.channels.sip.clock import Handle
from ivr.channels.sip.dialog import Dialog
from ivr.channels.sip.events import Events
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.message import Request, Response
from ivr.channels.sip.sdp import Agreed, NotAcceptable, Session
from ivr.channels.sip.session_timer import SessionTimer
from ivr.channels.sip.sound import Probe, Sound
from ivr.channels.sip.values import BadValue, parse_uri

if TYPE_CHECKING:
    from ivr.channels.sip.endpoint import SipEndpoint

LINGER = 0.25
"""Seconds of silence between the end of a prompt and our BYE: it drives the last words out of the telephone's jitter
buffer, where a BYE would cut them off."""


class SipLeg(Sound):
    """A `CallLeg`. Header names in `headers` are in lower case; several values are joined by ", ".

    Commands act only while the call is up: before the answer and after the end they do nothing, and `play` returns 0.
    """

    flow: Flow
    session: Session
    placed = False
    """Whether we placed the call."""

    def __init__(
        self,
        endpoint: SipEndpoint,
        call_id: str,
        caller: str,
        called: str,
        headers: Mapping[str, str],
        flow: Flow | None,
    ) -> None:
        self.id, self.caller, self.called, self.headers = call_id, caller, called, headers
        self.attestation = ""
        self.endpoint = endpoint
        self.dialog: Dialog | None = None
        self.stream = None
        if flow is not None:
            self.take_flow(flow)
        self.agreed: Agreed | None = None
        self.over = False
        self.up = False
        """Answered: a 2xx was sent or received and the leg is not over."""
        self.inviting = False
        """An INVITE of ours within the dialog is under way."""
        self.referring = False
        self.timer = SessionTimer(self)
        self._accepting: dict[int, tuple[Accepting, bool]] = {}
        self._bye_waits = False
        self._faulty = False
        self.recordings: set[Path] = set()
        self._events = Events(call_id, endpoint.clock, self.recordings)
        self._probe = Probe(self)
        self._heard_at = 0.0
        """When the last prompt that was played to its end has been heard."""
        self._lingering: Handle | None = None

    @property
    def being_invited(self) -> bool:
        """A 2xx of ours to an INVITE waits for its ACK."""
        return bool(self._accepting)

    def take_flow(self, flow: Flow) -> None:
        """Talk over this flow; its interface's address stands in our SDP."""
        self.flow = flow
        self.session = self.endpoint.session(flow)

    # Commands

    async def answer(self) -> None:
        """Only an incoming leg can be answered."""

    async def reject(self, status: int, reason: str = "") -> None:
        """Only an incoming leg can be rejected."""

    def refer(self, target: str) -> None:
        """`target` is a SIP URI, or a number or name at the peer. Raises ValueError where it is neither."""
        if not self.up or self.referring:
            return
        assert self.dialog is not None
        target = str(self.endpoint.uri_at_peer(target, self.flow, parse_uri(self.dialog.target)))
        self.referring = True
        request = self.request("REFER")
        request.headers.set_single("Refer-To", f"<{target}>")
        request.headers.set_single("Referred-By", (self.dialog.local if self.dialog else "").split(";tag=")[0])

        def answered(response: Response) -> None:
            if response.status >= 300:
                self.refer_ended(response.status)

        self.send(request, answered, lambda why: self.refer_ended(408 if why == "timeout" else 503))

    def refer_ended(self, status: int) -> None:
        """The referred call's outcome, or why there is none. Told once for each `refer()`."""
        if self.referring:
            self.referring = False
            self.emit(ReferEnded(status))

    def hang_up(self) -> None:
        left = self._heard_at - self.endpoint.clock.time()
        if not self.up or left <= 0:
            self.leave()
        elif self._lingering is None:
            self._lingering = self.endpoint.clock.call_later(left, self.endpoint.guarded, self.leave)

    def leave(self) -> None:
        """Hang up at once, even if the last words have not been heard yet."""
        self._drop("us")

    async def next_event(self) -> LegEvent:
        return await self._events.next()

    # Towards the application

    def pressed(self, digit: str) -> None:
        """A key that came by SIP INFO: it ends a recording as any other does."""
        if self.stream and self.up:
            self.stream.digit(digit)
            self.emit(Digit(digit, self.endpoint.clock.time()))

    def emit(self, event: LegEvent) -> None:
        self._events.tell(event)

    def on_media(self, event: LegEvent) -> None:
        """Events of the media process."""
        self.emit(event)
        if isinstance(event, PlayEnded) and event.reason == "done":
            self._heard_at = self.endpoint.clock.time() + LINGER

    def fail(self, reason: str) -> None:
        """Hang up because of a fault of ours or of the peer's silence. The peer is told that it is one (a Reason, RFC
        3326): whoever it has on another line may go on."""
        self._faulty = True
        self._drop("error", reason)

    def _drop(self, by: Literal["us", "error"], reason: str = "") -> None:
        if self.over:
            return
        if self.up:
            self._bye()
        else:
            self._abandon()
        self.end(by, reason)

    def end(self, by: Literal["peer", "us", "error"], reason: str = "") -> None:
        """The leg is over: free the media and tell the application, after the end of a recording."""
        if self.over:
            return
        self.over, self.up = True, False
        self.timer.stop()
        if self._lingering:
            self._lingering.cancel()
            self._lingering = None
        if self.stream:
            self.stream.close()
        self._events.end(HungUp(by, reason))
        self._probe.stop()
        self.endpoint.leg_over(self)

    # Within the dialog

    def request(self, method: str) -> SipRequest:
        if self.dialog is None:
            raise RuntimeError(f"{method} without a dialog")
        return self.dialog.request(method)

    def send(
        self, request: SipRequest, on_response: Callable[[Response], None], on_failed: Callable[[str], None]
    ) -> None:
        """Send a request within the dialog. A peer that knows no such call ends it (section 12.2.1.2)."""

        def answered(response: Response) -> None:
            if response.status in (408, 481) and request.method != "BYE":
                self.end("error", f"{response.status} {response.reason}")
                self.release()
            on_response(response)

        assert self.dialog is not None
        self.endpoint.send_in_dialog(request, self.dialog, self.flow, answered, on_failed)

    def connect(self, agreed: Agreed) -> None:
        """Point the media where offer and answer settled."""
        self.agreed = agreed
        if self.stream and not self.over:
            self.stream.on_quiet = self._probe.begin
            self.stream.connect(
                agreed.remote,
                codec=agreed.codec,
                event_type=agreed.event_type,
                send=agreed.send,
                receive=agreed.receive,
                keys=agreed.keys,
                mux=agreed.mux,
            )

    def accepting(self, cseq: int, resend: Callable[[], None], *, offered: bool) -> None:
        """A 2xx was sent for the INVITE with this CSeq; `offered` where it carries our offer."""

        def give_up() -> None:
            self._accepting.pop(cseq, None)
            self._acknowledged(False)

        timers = self.endpoint.settings.timers
        self._accepting[cseq] = (Accepting(self.endpoint.clock, timers, resend, give_up), offered)

    def on_ack(self, ack: Request) -> None:
        waiting = self._accepting.pop(ack.cseq, None)
        if waiting is None:
            return
        accepting, offered = waiting
        accepting.stop()
        for cseq in [cseq for cseq in self._accepting if cseq < ack.cseq]:
            self._accepting.pop(cseq)[0].stop()
        if offered and not self.over:
            try:
                self.connect(self.session.accept(ack.body))
            except NotAcceptable as error:
                self._bye_waits = True
                self.end("error", f"unusable answer in ACK: {error}")
        self._acknowledged(True)

    def _acknowledged(self, arrived: bool) -> None:
        # A BYE may not go before the ACK has come or can come no more (section 15).
        if self._bye_waits:
            self._bye_waits = False
            self._bye()
        elif not arrived and not self.over:
            self.fail("no ACK")

    def _bye(self) -> None:
        if self._accepting:
            self._bye_waits = True
            return
        try:
            request = self.request("BYE")
            if self._faulty:
                request.headers.set_single("Reason", "Q.850;cause=41")  # temporary failure
            self.send(request, self._bye_answered, self._gone)
        except BadValue:
            self.release()

    def _bye_answered(self, response: Response) -> None:
        if response.status >= 200:
            self.release()

    def _gone(self, why: str) -> None:
        self.release()

    def bye_received(self, bye: Request) -> None:
        reason = bye.header("reason")
        self._bye_waits = False
        self.end("peer", " ".join(reason.split())[:200])
        self.release()

    def _abandon(self) -> None:
        """End a leg that was not answered."""
        raise NotImplementedError

    def release(self) -> None:
        """Nothing more is to come from the peer: forget the dialog."""
        for accepting, _ in self._accepting.values():
            accepting.stop()
        self._accepting.clear()
        self.endpoint.forget(self)
