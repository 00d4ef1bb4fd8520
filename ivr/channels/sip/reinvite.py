"""A re-INVITE of ours that changes nothing: the session refresh for peers without UPDATE (RFC 4028 section 7.4)."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from ivr.channels.sip.flow import Flow
from ivr.channels.sip.message import Response
from ivr.channels.sip.sdp import NotAcceptable

if TYPE_CHECKING:
    from ivr.channels.sip.leg import SipLeg


class Reinvite:
    """One re-INVITE, through collisions with the peer's own (491), to its ACK.

    It offers what we said last, so a call on hold stays on hold. `on_final` gets its final response; `on_failed` why
    there is none.
    """

    def __init__(
        self,
        leg: SipLeg,
        headers: dict[str, str],
        on_final: Callable[[Response], None],
        on_failed: Callable[[str], None],
    ) -> None:
        self._leg, self._headers = leg, headers
        self._on_final, self._on_failed = on_final, on_failed
        self._ack: tuple[bytes, Flow] | None = None
        self._answered = False
        self._start()

    def _start(self) -> None:
        leg = self._leg
        if not leg.up:
            return
        if leg.inviting or leg.being_invited:
            # Section 14.1: one INVITE at a time in either direction.
            self._later()
            return
        leg.inviting = True
        request = leg.request("INVITE")
        for name, value in self._headers.items():
            request.headers.set_single(name, value)
        request.headers.set_single("Content-Type", "application/sdp")
        request.body = leg.session.repeat()
        leg.send(request, self._responded, self._failed)

    def _later(self) -> None:
        """Section 14.1: whoever made the Call-ID waits longer, so that two don't collide for ever."""
        seconds = random.uniform(2.1, 4.0) if self._leg.placed else random.uniform(0.0, 2.0)  # noqa: S311 - no secret
        self._leg.endpoint.clock.call_later(seconds, self._leg.endpoint.guarded, self._start)

    def _responded(self, response: Response) -> None:
        if response.status < 200:
            return
        if response.status < 300 and self._ack:
            self._ack[1].send(self._ack[0])  # our ACK was lost
            return
        if self._answered:
            return
        leg = self._leg
        leg.inviting = False
        if response.status == 491:
            self._later()
            return
        self._answered = True
        if response.status < 300:
            self._acknowledge(response)
            if leg.over:
                return
            with suppress(NotAcceptable):  # it was no question: whatever came back, the call goes on as it was
                agreed = leg.session.accept(response.body)
                if agreed != leg.agreed:
                    leg.connect(agreed)
        self._on_final(response)

    def _acknowledge(self, response: Response) -> None:
        leg = self._leg
        assert leg.dialog is not None
        leg.dialog.retarget(response)

        def sent(data: bytes, flow: Flow) -> None:
            self._ack = (data, flow)

        leg.endpoint.send_ack(leg.dialog.request("ACK", response.cseq), leg.dialog, leg.flow, sent)

    def _failed(self, why: str) -> None:
        self._leg.inviting = False
        self._on_failed(why)
