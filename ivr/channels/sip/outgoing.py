"""A leg that we start: INVITE, its answers, CANCEL, and the ACK of a 2xx (RFC 3261 sections 13.2 and 9.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from aiosipua.message import SipRequest

from ivr.channels.leg import Answered
from ivr.channels.sip.client import ClientRequest
from ivr.channels.sip.clock import Handle
from ivr.channels.sip.dialog import Dialog
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.message import Response
from ivr.channels.sip.running import copy_for
from ivr.channels.sip.sdp import NotAcceptable
from ivr.channels.sip.session_timer import parse as parse_interval
from ivr.channels.sip.values import BadValue, Uri, new_tag

if TYPE_CHECKING:
    from ivr.channels.sip.endpoint import SipEndpoint


class OutgoingLeg(SipLeg):
    """Dialling until `Answered` or `HungUp`, whose reason starts with the status where the peer refused."""

    placed = True

    def __init__(
        self, endpoint: SipEndpoint, target: Uri, caller: str, headers: Mapping[str, str], timeout: float
    ) -> None:
        super().__init__(endpoint, new_tag() + new_tag(), caller, target.user, headers, None)
        self._target, self._timeout = target, timeout
        self._tag = new_tag()
        self._client: ClientRequest | None = None
        self._cancelling = False
        self._early_sdp = b""
        self._acks: dict[str, tuple[bytes, Flow] | None] = {}
        self._limit: Handle | None = None
        self._cseq = 1
        self._pinned = False

    async def start(self, sender: str, target: Uri | None = None, flow: Flow | None = None) -> None:
        """Find a flow and a media port, then send the INVITE with `sender`, a URI, in the From.

        `target` is the Request-URI and `flow` the way there of a telephone that is registered with us: all of the call
        goes that way, because its Contact may be an address behind a NAT.
        """
        self._target, self._pinned = target or self._target, flow is not None
        try:
            if self.endpoint.draining or self.endpoint.calls > self.endpoint.settings.max_calls:
                raise BlockingIOError("no more calls")
            flow = flow or await self.endpoint.transports.flow_to(self._target)
            self.take_flow(flow)
            self.stream = await self.endpoint.open_stream(self.on_media)
            if self.over:
                self.stream.close()
                return
            self._invite(sender)
        except Exception as error:
            self.end("error", str(error) or type(error).__name__)

    def _invite(self, sender: str) -> None:
        assert self.stream is not None
        request = SipRequest(method="INVITE", uri=str(self._target))
        headers = request.headers
        headers.append("From", f"<{sender}>;tag={self._tag}")
        headers.append("To", f"<{self._target}>")
        headers.append("Call-ID", self.id)
        headers.append("CSeq", "1 INVITE")
        headers.append("Max-Forwards", "70")
        self.endpoint.describe(request, self.flow, secure=self._target.scheme == "sips")
        self.timer.offer(request)
        for name, value in self.headers.items():
            headers.set_single(name, value)
        headers.set_single("Content-Type", "application/sdp")
        request.body = self.session.offer(self.stream.port)
        self._limit = self.endpoint.clock.call_later(self._timeout, self.endpoint.guarded, self._too_long)
        self._client = ClientRequest(self.endpoint, request, self.flow, self._next, self._responded, self._failed)

    def _next(self) -> int:
        self._cseq += 1
        return self._cseq

    def _too_long(self) -> None:
        self._limit = None
        if not self.up and not self.over:
            self._abandon()
            self.end("us", "no answer")

    def _responded(self, response: Response) -> None:
        if response.status < 200:
            if self._cancelling:
                self._cancel()
            elif response.body and not self._early_sdp:
                self._early_sdp = response.body
        elif response.status < 300:
            self._accepted(response)
        elif response.status == 422 and self._longer(response):
            return
        else:
            # A redirection is not followed: where our calls go is not for the callee to say.
            self.end("peer", f"{response.status} {response.reason}")
            self._forget()

    def _failed(self, why: str) -> None:
        self.end("error", why)
        self._forget()

    def _longer(self, response: Response) -> bool:
        """RFC 4028 section 7.4: ask again with the interval that the peer wants at least."""
        least, _ = parse_interval(response.header("min-se"))
        assert self._client is not None
        asked, _ = parse_interval(self._client.request.headers.get_first("session-expires") or "")
        if self.over or not asked < least <= 86_400:
            return False
        self._client.again(lambda request: _set_interval(request, least))
        return True

    def _accepted(self, response: Response) -> None:
        if response.to.tag in self._acks:
            known = self._acks[response.to.tag]
            if known:
                known[1].send(known[0])
            return
        assert self._client is not None
        invite = self._client.request
        try:
            dialog = Dialog.of_response(invite, response, self._tag, self._client.cseq)
        except BadValue as error:
            self.end("error", f"unusable 2xx: {error}")
            return
        dialog.pinned = self._pinned
        first = not self._acks
        self._acks[response.to.tag] = None
        self._ack(dialog, invite, response.to.tag)
        if self.over or not first:
            # A second phone took the call too (section 13.2.2.4), or ours was cancelled too late.
            self.endpoint.send_in_dialog(dialog.request("BYE"), dialog, self.flow, _ignore, _ignore)
            return
        self.dialog = dialog
        self.endpoint.adopt(self, dialog.key)
        self.up = True
        self._stop_limit()
        try:
            self.connect(self.session.accept(response.body or self._early_sdp))
        except NotAcceptable as error:
            self.fail(f"unusable answer: {error}")
            return
        self.timer.agreed(response)
        self.emit(Answered())

    def _ack(self, dialog: Dialog, invite: SipRequest, to_tag: str) -> None:
        ack = dialog.request("ACK", int((invite.headers.get_first("cseq") or "0").split()[0]))
        for name in ("Authorization", "Proxy-Authorization"):
            value = invite.headers.get_first(name)
            if value:
                ack.headers.set_single(name, value)

        def sent(data: bytes, flow: Flow) -> None:
            self._acks[to_tag] = (data, flow)

        self.endpoint.send_ack(ack, dialog, self.flow, sent)

    def end(self, by: Literal["peer", "us", "error"], reason: str = "") -> None:
        self._stop_limit()
        super().end(by, reason)

    def _stop_limit(self) -> None:
        if self._limit:
            self._limit.cancel()
            self._limit = None

    def _abandon(self) -> None:
        self._cancelling = True
        if self._client and self._client.transaction.proceeding:
            self._cancel()

    def _cancel(self) -> None:
        assert self._client is not None
        self._cancelling = False
        transaction = self._client.transaction
        sent_by = self.endpoint.transports.sent_by(transaction.flow)
        cancel = copy_for(transaction.request, "CANCEL")
        self.endpoint.layer.send(cancel, transaction.flow, sent_by, _ignore, _ignore)
        # Section 9.1: an INVITE that gets no final answer after its CANCEL is over after 64*T1.
        self.endpoint.clock.call_later(self.endpoint.settings.timers.timeout, self._give_up)

    def _give_up(self) -> None:
        if self._client and self._client.transaction.pending:
            self._client.transaction.end()

    def _forget(self) -> None:
        self._early_sdp = b""
        self.release()


def _set_interval(request: SipRequest, seconds: int) -> None:
    request.headers.set_single("Session-Expires", str(seconds))
    request.headers.set_single("Min-SE", str(seconds))


def _ignore(_: object) -> None:
    """Nothing depends on how this ends."""
