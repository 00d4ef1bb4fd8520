"""One INVITE of a call that we place. A call to somebody with several telephones has one for each, with the same
Call-ID, From tag and CSeq, as a forking proxy would send them (RFC 3261 section 16.7)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiosipua.message import SipRequest

from ivr.channels.sip.client import ClientRequest
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.message import Response
from ivr.channels.sip.running import copy_for
from ivr.channels.sip.values import Uri

if TYPE_CHECKING:
    from ivr.channels.sip.agent import Agent


class Branch:
    """`target` is the Request-URI and `flow` the way there; `pinned` says that all of the call goes that way. `refused`
    is the final answer that was no 2xx, or why none came; None until then."""

    def __init__(self, agent: Agent, target: Uri, flow: Flow, *, pinned: bool) -> None:
        self._agent, self.target, self.flow, self.pinned = agent, target, flow, pinned
        self.session = agent.session(flow)
        self.early_sdp = b""
        self.refused: Response | str | None = None
        self.heard = False
        """Something was answered."""
        self.client: ClientRequest | None = None
        self._cancelling = False

    def invite(
        self,
        request: SipRequest,
        next_cseq: Callable[[], int],
        on_response: Callable[[Branch, Response], None],
        on_failed: Callable[[Branch, str], None],
    ) -> None:
        """Send it; `on_response` gets all answers but 100 to 199, which are noted here."""

        def responded(response: Response) -> None:
            self.heard = True
            if response.status >= 200:
                on_response(self, response)
            elif self._cancelling:
                self._cancel()
            elif response.body and not self.early_sdp:
                self.early_sdp = response.body

        self.client = ClientRequest(
            self._agent, request, self.flow, next_cseq, responded, lambda why: on_failed(self, why)
        )

    def abandon(self) -> None:
        """CANCEL, now or as soon as the peer has answered anything (section 9.1). What comes of it is told still."""
        self._cancelling = True
        if self.client and self.client.transaction.proceeding:
            self._cancel()

    def _cancel(self) -> None:
        assert self.client is not None
        self._cancelling = False
        transaction = self.client.transaction
        sent_by = self._agent.transports.sent_by(transaction.flow)
        cancel = copy_for(transaction.request, "CANCEL")
        self._agent.layer.send(cancel, transaction.flow, sent_by, ignore, ignore)
        # Section 9.1: an INVITE that gets no final answer after its CANCEL is over after 64*T1.
        self._agent.clock.call_later(self._agent.settings.timers.timeout, self._give_up)

    def _give_up(self) -> None:
        if self.client and self.client.transaction.pending:
            self.client.transaction.end()

    @property
    def weight(self) -> int:
        """The lower, the more its refusal says of why the call failed (section 16.7, step 6): who has declined or is
        busy has spoken for all of his telephones, one that can't be reached for none."""
        if not isinstance(self.refused, Response):
            return 5
        status = self.refused.status
        return {6: 0, 4: 1 if status in (486, 403) else 2, 3: 3}.get(status // 100, 4)


def ignore(_: object) -> None:
    """Nothing depends on how this ends."""
