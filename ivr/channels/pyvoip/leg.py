"""A pyVoIP call behind the `CallLeg` interface. Everything here runs on the event loop."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from aiosipua.message import SipResponse

from ivr.channels.leg import Digit, HungUp, LegEvent, ReferEnded
from ivr.channels.sip.accepting import Accepting
from ivr.channels.sip.dialog import Dialog
from ivr.channels.sip.events import Events
from ivr.channels.sip.incoming import attestation_of, called_of, caller_of
from ivr.channels.sip.message import Request, Response, make_response
from ivr.channels.sip.running import ServerTransaction
from ivr.channels.sip.sdp import Agreed, NotAcceptable, Session
from ivr.channels.sip.sound import Sound
from ivr.channels.sip.transaction import Timers
from ivr.channels.sip.values import parse_uri

if TYPE_CHECKING:
    from ivr.channels.pyvoip.line import Line
    from ivr.channels.pyvoip.phone import Call
    from ivr.channels.sip.media.client import Stream


class PyvoipLeg(Sound):
    """Offered, ringing, then answered, rejected or cancelled. Commands act only while the call is up."""

    def __init__(self, line: Line, transaction: ServerTransaction) -> None:
        invite = transaction.request
        self.id, self.caller, self.called = invite.call_id, caller_of(invite, True), called_of(invite)
        self.attestation = attestation_of(invite)
        self.headers: Mapping[str, str] = {
            name.lower(): ", ".join(values) for name, values in invite.message.headers.items()
        }
        self.over = self.up = self.referring = False
        self.session = Session(line.address[0])
        self.stream: Stream | None = None
        self.dialog: Dialog | None = None
        self._line, self._transaction, self._invite = line, transaction, invite
        self._answering = False
        self.recordings: set[Path] = set()
        self._events = Events(self.id, line.clock, self.recordings)
        self._accepting: dict[int, Accepting] = {}
        self._call: Call | None = None

    def ring(self) -> None:
        """Hand the call to pyVoIP, which rings. Raises ValueError or LookupError for an INVITE that can't be served."""
        self._call = self._line.phone.ring(self._invite)

    # Commands

    async def answer(self) -> None:
        if self.over or self._answering:
            return
        self._answering = True
        try:
            stream = await self._line.media.open(self._events.tell)
        except (OSError, RuntimeError) as error:
            await self.reject(503, str(error))
            return
        if self.over:
            stream.close()
            return
        self.stream = stream
        assert self._call is not None
        self._call.answer()

    async def reject(self, status: int, reason: str = "") -> None:
        """Raises ValueError where `status` is not 300 to 699."""
        if not 300 <= status <= 699:
            raise ValueError(f"a call is rejected with 300 to 699, not {status}")
        if not self.over and not self.up:
            self._transaction.reply(status, reason, self._tag)
            self.end("us", f"rejected with {status}")

    def refer(self, target: str) -> None:
        """`target` is a SIP URI, or a number or name at the PBX. Raises ValueError where it is neither."""
        if not target.lower().startswith(("sip:", "sips:")):
            target = f"sip:{target}@{self._line.pbx}"
        parse_uri(target)
        if not self.up or self.referring or self.dialog is None:
            return
        self.referring = True
        request = self.dialog.request("REFER")
        request.headers.set_single("Refer-To", f"<{target}>")
        request.headers.set_single("Contact", self._line.contact)

        def answered(response: Response) -> None:
            if response.status >= 300:
                self.refer_ended(response.status)

        self._line.send(request, answered, lambda why: self.refer_ended(408))

    def hang_up(self) -> None:
        if self.over:
            return
        if self.up and self._call is not None:
            self._call.hangup()
        else:
            self._transaction.reply(480, "", self._tag)
        self.end("us")

    async def next_event(self) -> LegEvent:
        return await self._events.next()

    # What pyVoIP wants sent

    def respond(self, status: int, tag: str) -> None:
        """pyVoIP's 180 or 200 with this To tag. Its Via, Contact and SDP are not fit to be sent as they are."""
        if self.dialog is None:
            self.dialog = Dialog.of_invite(self._invite, tag)
        if status >= 200:
            self._accept(self._transaction, self._invite)
            return
        self._transaction.respond(self._response(self._invite, status))

    def bye(self) -> None:
        assert self.dialog is not None
        self._line.send(self.dialog.request("BYE"), lambda response: None, lambda why: None)

    def _accept(self, transaction: ServerTransaction, invite: Request) -> None:
        """200 with our answer, until its ACK comes; or 488."""
        assert self.stream is not None
        response = self._response(invite, 200)
        try:
            response.body, agreed = self.session.answer(invite.body, self.stream.port)
        except NotAcceptable as error:
            transaction.reply(488, str(error), self._tag)
            return
        response.headers.set_single("Content-Type", "application/sdp")
        self.up = True

        def unheard() -> None:
            self._accepting.pop(invite.cseq, None)
            self.fail("no ACK")

        self._accepting[invite.cseq] = Accepting(
            self._line.clock, Timers(), lambda: transaction.respond(response), unheard
        )
        transaction.respond(response)
        self._connect(agreed)

    def _response(self, request: Request, status: int) -> SipResponse:
        response = make_response(request, status, "", self._tag)
        for route in request.headers("record-route"):
            response.headers.append("Record-Route", route)
        response.headers.set_single("Contact", self._line.contact)
        response.headers.set_single("Allow", self._line.allow)
        return response

    @property
    def _tag(self) -> str:
        return self.dialog.local_tag if self.dialog else ""

    def _connect(self, agreed: Agreed) -> None:
        assert self.stream is not None
        self.stream.connect(
            agreed.remote,
            codec=agreed.codec,
            event_type=agreed.event_type,
            send=agreed.send,
            receive=agreed.receive,
        )

    # What the PBX says

    def reinvited(self, transaction: ServerTransaction, request: Request) -> None:
        """Hold, resume or another address: one stream goes on, and its audio is never sent twice."""
        if not self.up:
            transaction.reply(500, Retry_After="2")
        elif self.dialog:
            self.dialog.retarget(request)
            self._accept(transaction, request)

    def acknowledged(self, ack: Request) -> None:
        waiting = self._accepting.pop(ack.cseq, None)
        if waiting:
            waiting.stop()

    def cancelled(self) -> None:
        if not self._transaction.answered:
            self._transaction.reply(487, "", self._tag)
            self.end("peer", "cancelled")

    def pressed(self, digit: str) -> None:
        """A key by SIP INFO."""
        if self.stream and self.up:
            self.stream.digit(digit)
            self._events.tell(Digit(digit, self._line.clock.time()))

    def refer_ended(self, status: int) -> None:
        if self.referring:
            self.referring = False
            self._events.tell(ReferEnded(status))

    # Endings

    def fail(self, reason: str) -> None:
        """A fault of ours or of the line."""
        if self.up and not self.over:
            self.bye()
        self.end("error", reason)

    def end(self, by: Literal["peer", "us", "error"], reason: str = "") -> None:
        if self.over:
            return
        self.over, self.up = True, False
        for accepting in self._accepting.values():
            accepting.stop()
        self._accepting.clear()
        if self.stream:
            self.stream.close()
        self._line.forget(self, self._call)
        self._events.end(HungUp(by, reason))
