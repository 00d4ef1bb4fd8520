"""Session timers (RFC 4028): a call whose peer died without a BYE ends all the same.

Whoever refreshes sends an UPDATE, or a re-INVITE to a peer without it, at half the interval; the other side hangs up
shortly before the interval ends.
"""

from __future__ import annotations

import re
import weakref
from typing import TYPE_CHECKING

from aiosipua.message import SipMessage, SipRequest

from ivr.channels.sip.clock import Handle
from ivr.channels.sip.message import Request, Response, tokens
from ivr.channels.sip.reinvite import Reinvite

if TYPE_CHECKING:
    from ivr.channels.sip.leg import SipLeg
    from ivr.channels.sip.running import ServerTransaction

_VALUE = re.compile(r"^\s*(\d{1,9})\s*(?:;.*?refresher\s*=\s*(uac|uas))?", re.IGNORECASE)


class SessionTimer:
    """The timer of one leg. `interval` is 0 while there is none."""

    def __init__(self, leg: SipLeg) -> None:
        self._leg: SipLeg = weakref.proxy(leg)  # who owns this: no cycle is left for the collector
        self.interval = 0
        self.refresher = False
        self._updates = True
        """The peer takes UPDATE, as far as its Allow header or its answers tell."""
        self._handle: Handle | None = None

    def offer(self, request: SipRequest) -> None:
        """Ask for a timer in an INVITE of ours."""
        settings = self._leg.endpoint.settings
        request.headers.set_single("Session-Expires", str(settings.session_expires))
        request.headers.set_single("Min-SE", str(settings.min_session_expires))

    def accepts(self, request: Request, transaction: ServerTransaction) -> bool:
        """False where the interval asked for is too small and the request was answered 422 (section 9)."""
        least = self._leg.endpoint.settings.min_session_expires
        asked, _ = parse(request.header("session-expires"))
        if asked and asked < least and "timer" in tokens(request.headers("supported")):
            transaction.reply(422, Min_SE=str(least))
            return False
        return True

    def agree(self, request: Request, response: SipMessage) -> None:
        """Answer the peer's INVITE or UPDATE: put Session-Expires in our 2xx and start over (section 9, table 2)."""
        settings = self._leg.endpoint.settings
        self._note_allow(request)
        supported = "timer" in tokens(request.headers("supported"))
        asked, refresher = parse(request.header("session-expires"))
        least, _ = parse(request.header("min-se"))
        if not asked and not self.interval and not settings.session_expires:
            return
        interval = asked or max(self.interval or settings.session_expires, least)
        if settings.session_expires and interval > settings.session_expires:
            interval = max(settings.session_expires, least, settings.min_session_expires)
        # A peer without the extension can't refresh, so we do, and it may not be told to.
        ours = not supported or refresher == "uas"
        if supported:
            response.headers.append("Require", "timer")
        response.headers.set_single("Session-Expires", f"{interval};refresher={'uas' if ours else 'uac'}")
        self.start(interval, ours)

    def agreed(self, response: Response) -> None:
        """Read a 2xx to an INVITE or UPDATE of ours (section 7.2)."""
        self._note_allow(response)
        interval, refresher = parse(response.header("session-expires"))
        if interval:
            self.start(interval, refresher != "uas")
        elif self.interval and self.refresher:
            self.start(self.interval, True)

    def start(self, interval: int, refresher: bool) -> None:
        self.stop()
        self.interval, self.refresher = interval, refresher
        # The watcher lets go a little early, so that its BYE still finds the peer (section 10).
        delay = interval / 2 if refresher else interval - min(32.0, interval / 3)
        action = self._refresh if refresher else self._expired
        self._handle = self._leg.endpoint.clock.call_later(delay, self._leg.endpoint.guarded, action)

    def stop(self) -> None:
        if self._handle:
            self._handle.cancel()
            self._handle = None

    def _expired(self) -> None:
        self._leg.fail("session timer expired")

    def _refresh(self) -> None:
        leg = self._leg
        if not leg.up:
            return
        headers = {
            "Supported": "timer",
            "Session-Expires": f"{self.interval};refresher=uac",
            "Min-SE": str(leg.endpoint.settings.min_session_expires),
        }
        if not self._updates:
            Reinvite(leg, headers, self._refreshed, self._not_refreshed)
            return
        request = leg.request("UPDATE")
        for name, value in headers.items():
            request.headers.set_single(name, value)
        leg.send(request, self._refreshed, self._not_refreshed)

    def _not_refreshed(self, why: str) -> None:
        self._leg.fail(f"session refresh: {why}")

    def _refreshed(self, response: Response) -> None:
        if response.status < 200 or self._leg.over:
            return
        if response.status < 300:
            self.agreed(response)
            return
        if response.status == 422:
            least, _ = parse(response.header("min-se"))
            if self.interval < least <= 86_400:
                self.interval = least
                self._refresh()
                return
        if response.status in (405, 501) and response.method == "UPDATE":
            self._updates = False
            self._refresh()
            return
        # Refused, but by a peer that is alive, which is all that a refresh is to show.
        self.start(self.interval, True)

    def _note_allow(self, message: Request | Response) -> None:
        allow = tokens(message.headers("allow"))
        if allow:
            self._updates = "update" in allow


def parse(value: str) -> tuple[int, str]:
    """`1800;refresher=uac` as (1800, "uac"); (0, "") where it can't be read."""
    match = _VALUE.match(value)
    return (int(match[1]), (match[2] or "").lower()) if match else (0, "")
