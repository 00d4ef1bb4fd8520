"""A leg that we start: INVITE, its answers, CANCEL, and the ACK of a 2xx (RFC 3261 sections 13.2 and 9.1)."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from aiosipua.message import SipRequest

from ivr.channels.leg import Answered
from ivr.channels.sip.branch import Branch, ignore
from ivr.channels.sip.clock import Handle
from ivr.channels.sip.dialog import Dialog
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.message import Response, retry_after
from ivr.channels.sip.sdp import NotAcceptable
from ivr.channels.sip.session_timer import parse as parse_interval
from ivr.channels.sip.values import BadValue, Uri, new_tag

if TYPE_CHECKING:
    from ivr.channels.sip.endpoint import SipEndpoint


PATIENCE = 8
"""So many times T1 (4 s) a server has for its first answer where there is another one."""
SILENCE = 2.0
"""Seconds after which a telephone that has answered nothing isn't waited for, when all others have refused."""


class OutgoingLeg(SipLeg):
    """Dialling until `Answered` or `HungUp`, whose reason starts with the status where the peer refused. Where several
    telephones ring, the first to answer has the call, and the others' are cancelled."""

    placed = True

    def __init__(
        self, endpoint: SipEndpoint, target: Uri, caller: str, headers: Mapping[str, str], timeout: float
    ) -> None:
        super().__init__(endpoint, new_tag() + new_tag(), caller, target.user, headers, None)
        self._target, self._timeout = target, timeout
        self._tag = new_tag()
        self._branches: list[Branch] = []
        self._acks: dict[str, tuple[bytes, Flow] | None] = {}
        self._limit: Handle | None = None
        self._cseq = 1
        self._began = 0.0
        self._sender = ""

    async def start(self, sender: str, telephones: Sequence[tuple[Uri, Flow]] = ()) -> None:
        """Find a flow and a media port, then send the INVITE with `sender`, a URI, in the From.

        `telephones` are those that are registered with us, each with its Request-URI and the way there: all of the call
        goes that way, because its Contact may be an address behind a NAT.
        """
        try:
            if self.endpoint.draining or self.endpoint.calls > self.endpoint.settings.max_calls:
                raise BlockingIOError("no more calls")
            places = telephones or [(self._target, await self.endpoint.transports.flow_to(self._target))]
            self._sender = sender
            self.take_flow(places[0][1])
            self.stream = await self.endpoint.open_stream(self.on_media)
            if self.over:
                self.stream.close()
                return
            self._limit = self.endpoint.clock.call_later(self._timeout, self.endpoint.guarded, self._too_long)
            self._invite([Branch(self.endpoint, *place, pinned=bool(telephones)) for place in places])
        except Exception as error:
            self.end("error", str(error) or type(error).__name__)

    def _invite(self, branches: list[Branch]) -> None:
        self._branches, self._began = branches, self.endpoint.clock.time()
        for branch in branches:
            if not self.over:
                branch.invite(self._request(branch), self._next, self._responded, self._refused)
                self._watch(branch)

    # Another server of the target's (RFC 3263 section 4.3)

    def _watch(self, branch: Branch) -> None:
        """Timer B is longer than anybody waits: where there is another server, one that says nothing has `PATIENCE`."""
        if not branch.pinned and self.endpoint.transports.has_another(branch.flow, self._target):
            seconds = PATIENCE * self.endpoint.settings.timers.t1
            self.endpoint.clock.call_later(seconds, self.endpoint.guarded, functools.partial(self._silent, branch))

    def _silent(self, branch: Branch) -> None:
        if not branch.heard and branch.refused is None and not self.over and not self.up:
            branch.abandon()
            self._refused(branch, "timeout")

    def _elsewhere(self, branch: Branch) -> bool:
        """Whether the call goes on by another server than this branch's, which is away."""
        away = branch.refused.status == 503 if isinstance(branch.refused, Response) else True
        if not away or branch.pinned or self.over or self.up:
            return False
        after = retry_after(branch.refused) if isinstance(branch.refused, Response) else 0.0
        if not self.endpoint.transports.failed(branch.flow, self._target, after):
            return False
        self._branches.remove(branch)
        self.endpoint.spawn(self._again())
        return True

    async def _again(self) -> None:
        try:
            flow = await self.endpoint.transports.flow_to(self._target)
            if not self.over and not self.up:
                self.take_flow(flow)
                self._invite([Branch(self.endpoint, self._target, flow, pinned=False)])
        except Exception as error:
            self.end("error", str(error) or type(error).__name__)

    def _request(self, branch: Branch) -> SipRequest:
        assert self.stream is not None
        request = SipRequest(method="INVITE", uri=str(branch.target))
        headers = request.headers
        headers.append("From", f"<{self._sender}>;tag={self._tag}")
        headers.append("To", f"<{branch.target}>")
        headers.append("Call-ID", self.id)
        headers.append("CSeq", "1 INVITE")
        headers.append("Max-Forwards", "70")
        self.endpoint.describe(request, branch.flow, secure=branch.target.scheme == "sips")
        self.timer.offer(request)
        for name, value in self.headers.items():
            headers.set_single(name, value)
        headers.set_single("Content-Type", "application/sdp")
        request.body = branch.session.offer(self.stream.port)
        return request

    def _next(self) -> int:
        self._cseq += 1
        return self._cseq

    def _too_long(self) -> None:
        self._limit = None
        if not self.up and not self.over:
            self._abandon()
            self.end("us", "no answer")

    def _responded(self, branch: Branch, response: Response) -> None:
        if response.status < 300:
            self._accepted(branch, response)
        elif not (self._longer(branch, response) or self._insists(branch, response)):
            # A redirection is not followed: where our calls go is not for the callee to say.
            self._refused(branch, response)

    def _refused(self, branch: Branch, why: Response | str) -> None:
        branch.refused = why
        if branch in self._branches and not self._elsewhere(branch):
            self._judge()

    def _judge(self) -> None:
        """A telephone has refused, or can't be reached. All of them have when the last has; when somebody declines for
        good (6xx: section 16.7, step 5); and when those that are left are silent, as what is unplugged is."""
        if self.over or self.up:
            return
        left = [branch for branch in self._branches if branch.refused is None]
        worst = min((branch for branch in self._branches if branch.refused), key=lambda branch: branch.weight)
        if left and worst.weight:
            silent = self._began + SILENCE - self.endpoint.clock.time()
            if any(branch.heard for branch in left):
                return
            if silent > 0:
                self.endpoint.clock.call_later(silent, self.endpoint.guarded, self._judge)
                return
        self._abandon()
        if isinstance(worst.refused, Response):
            self.end("peer", f"{worst.refused.status} {worst.refused.reason}")
        else:
            self.end("error", worst.refused or "")

    def _longer(self, branch: Branch, response: Response) -> bool:
        """RFC 4028 section 7.4: ask again with the interval that the peer wants at least."""
        if response.status != 422:
            return False
        least, _ = parse_interval(response.header("min-se"))
        assert branch.client is not None
        asked, _ = parse_interval(branch.client.request.headers.get_first("session-expires") or "")
        if self.over or self.up or not asked < least <= 86_400:
            return False
        branch.client.again(lambda request: _set_interval(request, least))
        return True

    def _insists(self, branch: Branch, response: Response) -> bool:
        """Ask again with an offer that is encrypted or nothing, where the one before left the choice (RFC 8643)."""
        if self.over or self.up or response.status not in (488, 606):
            return False
        assert self.stream is not None
        assert branch.client is not None
        body = branch.session.insist(self.stream.port)
        if body is None:
            return False
        branch.client.again(lambda request: setattr(request, "body", body))
        return True

    def _accepted(self, branch: Branch, response: Response) -> None:
        if response.to.tag in self._acks:
            known = self._acks[response.to.tag]
            if known:
                known[1].send(known[0])
            return
        assert branch.client is not None
        invite = branch.client.request
        try:
            dialog = Dialog.of_response(invite, response, self._tag, branch.client.cseq)
        except BadValue as error:
            branch.refused = f"unusable 2xx: {error}"
            self._judge()
            return
        dialog.pinned = branch.pinned
        first = not self._acks
        self._acks[response.to.tag] = None
        self._ack(branch, dialog, response.to.tag)
        if self.over or not first:
            # A second phone took the call too (section 13.2.2.4), or ours was cancelled too late.
            self.endpoint.send_in_dialog(dialog.request("BYE"), dialog, branch.flow, ignore, ignore)
            return
        self.dialog, self.flow, self.session = dialog, branch.flow, branch.session
        self.endpoint.adopt(self, dialog.key)
        self.up = True
        self._stop_limit()
        for other in self._branches:
            if other is not branch and other.refused is None:
                other.abandon()
        try:
            self.connect(self.session.accept(response.body or branch.early_sdp))
        except NotAcceptable as error:
            self.fail(f"unusable answer: {error}")
            return
        self.timer.agreed(response)
        self.emit(Answered())

    def _ack(self, branch: Branch, dialog: Dialog, to_tag: str) -> None:
        assert branch.client is not None
        invite = branch.client.request
        ack = dialog.request("ACK", int((invite.headers.get_first("cseq") or "0").split()[0]))
        for name in ("Authorization", "Proxy-Authorization"):
            value = invite.headers.get_first(name)
            if value:
                ack.headers.set_single(name, value)

        def sent(data: bytes, flow: Flow) -> None:
            self._acks[to_tag] = (data, flow)

        self.endpoint.send_ack(ack, dialog, branch.flow, sent)

    def end(self, by: Literal["peer", "us", "error"], reason: str = "") -> None:
        self._stop_limit()
        super().end(by, reason)

    def _stop_limit(self) -> None:
        if self._limit:
            self._limit.cancel()
            self._limit = None

    def _abandon(self) -> None:
        for branch in self._branches:
            if branch.refused is None:
                branch.abandon()


def _set_interval(request: SipRequest, seconds: int) -> None:
    request.headers.set_single("Session-Expires", str(seconds))
    request.headers.set_single("Min-SE", str(seconds))
