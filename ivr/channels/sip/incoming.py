"""A leg that the peer started: from its INVITE to our final answer."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from callcenter import attestation
from ivr.channels.sip.dialog import Dialog
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.message import Request, make_response
from ivr.channels.sip.running import ServerTransaction
from ivr.channels.sip.sdp import NotAcceptable
from ivr.channels.sip.values import BadValue, parse_name_addr, parse_uri

if TYPE_CHECKING:
    from ivr.channels.sip.endpoint import SipEndpoint

log = logging.getLogger(__name__)


class IncomingLeg(SipLeg):
    """Offered, then perhaps ringing, then answered, rejected or cancelled."""

    dialog: Dialog

    def __init__(self, endpoint: SipEndpoint, transaction: ServerTransaction, dialog: Dialog, trusted: bool) -> None:
        invite = transaction.request
        headers = {name.lower(): ", ".join(values) for name, values in invite.message.headers.items()}
        super().__init__(endpoint, invite.call_id, caller_of(invite, trusted), called_of(invite), headers, invite.flow)
        self.attestation = attestation_of(invite) if trusted else ""
        self.dialog = dialog
        self.invite = invite
        self._transaction = transaction
        transaction.on_failed = self._final_lost
        self._answering = False

    def ring(self) -> None:
        """Send 180 Ringing."""
        if not self.over and not self._transaction.answered:
            self._provisional(180)

    async def answer(self) -> None:
        """Send 200 with our SDP. Does nothing on a leg that is answered, rejected or cancelled; rejects with 503 where
        no media port is free."""
        if self.over or self._answering:
            return
        self._answering = True
        try:
            stream = await self.endpoint.open_stream(self.on_media)
        except Exception as error:
            log.warning("call %s: no media: %s", self.id, error)
            await self.reject(503)
            return
        if self.over:
            stream.close()
            return
        self.stream = stream
        try:
            self._accept()
        except NotAcceptable as error:
            stream.close()
            await self.reject(488, str(error))

    async def reject(self, status: int, reason: str = "") -> None:
        """Refuse the call. Raises ValueError where `status` is not 300 to 699."""
        if not 300 <= status <= 699:
            raise ValueError(f"a call is rejected with 300 to 699, not {status}")
        if self.over or self.up:
            return
        self._refuse(status, reason)
        self.end("us", f"rejected with {status}")
        self.release()

    def cancelled(self) -> None:
        """The peer's CANCEL: no effect once a final answer is out (section 9.2)."""
        if self._transaction.answered:
            return
        self._refuse(487)
        self.end("peer", "cancelled")
        self.release()

    def bye_received(self, bye: Request) -> None:
        if not self._transaction.answered:
            self._refuse(487)  # a BYE of the early dialog (section 15.1.2)
        super().bye_received(bye)

    def _accept(self) -> None:
        assert self.stream is not None
        offer = self.invite.body
        if offer:
            body, agreed = self.session.answer(offer, self.stream.port)
        else:
            body, agreed = self.session.offer(self.stream.port), None
        response = make_response(self.invite, 200, "", self.dialog.local_tag)
        for route in self.invite.headers("record-route"):
            response.headers.append("Record-Route", route)
        self.endpoint.describe(response, self.flow)
        self.timer.agree(self.invite, response)
        response.headers.set_single("Content-Type", "application/sdp")
        response.body = body
        self.up = True
        self.accepting(self.invite.cseq, lambda: self._transaction.respond(response), offered=agreed is None)
        self._transaction.respond(response)
        if agreed:
            self.connect(agreed)

    def _provisional(self, status: int) -> None:
        response = make_response(self.invite, status, "", self.dialog.local_tag)
        for route in self.invite.headers("record-route"):
            response.headers.append("Record-Route", route)
        self.endpoint.describe(response, self.flow)
        self._transaction.respond(response)

    def _refuse(self, status: int, reason: str = "") -> None:
        headers = {"Retry_After": str(self.endpoint.settings.retry_after)} if status == 503 else {}
        self._transaction.reply(status, reason, self.dialog.local_tag, **headers)

    def _abandon(self) -> None:
        self._refuse(480)
        self.release()

    def _final_lost(self, why: str) -> None:
        """The peer vanished before it acknowledged a refusal, or its connection closed."""
        self.end("error", why)
        self.release()


def caller_of(invite: Request, trusted: bool) -> str:
    """Who calls: E.164 where the URI's user part is that, otherwise the URI.

    P-Asserted-Identity is believed where `trusted`, as RFC 3325 demands.
    """
    address = invite.from_
    asserted = invite.header("p-asserted-identity")
    if trusted and asserted:
        try:
            address = parse_name_addr(asserted)
        except BadValue:
            log.debug("call %s: unreadable P-Asserted-Identity", invite.call_id)
    scheme, _, rest = address.uri.partition(":")
    user = rest.split(";")[0].split("@")[0]
    number = "".join(user.split("-")) if scheme.lower() == "tel" else user
    if number.startswith("+") and number[1:].isascii() and number[1:].isdigit() and 7 <= len(number) <= 16:
        return number
    return address.uri.split(";")[0]


def attestation_of(invite: Request) -> str:
    """How far a carrier that is trusted vouches for the caller's number (`callcenter.attestation`): by the parameter
    `verstat` of P-Asserted-Identity or From, within the URI or its user part, or by Twilio's own header
    (https://www.twilio.com/docs/voice/trusted-calling-with-shakenstir)."""
    for text in (invite.header("p-asserted-identity"), invite.header("from")):
        for part in re.split(r"[;@<>]", text or ""):
            name, _, value = part.partition("=")
            if name.strip().lower() == "verstat":
                return attestation.of_verstat(value)
    return attestation.of_verstat(invite.header("x-twilio-verstat") or "")


def called_of(invite: Request) -> str:
    """The user part of the Request-URI, or of the To where that has none."""
    for text in (invite.uri, invite.to.uri):
        try:
            uri = parse_uri(text)
        except BadValue:
            continue
        if uri.user:
            return uri.user.split(";")[0]
    return ""
