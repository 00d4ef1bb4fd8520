"""Being registered with a PBX or provider (RFC 3261 section 10.2): refreshed early, found again when lost."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Literal

from aiosipua.message import SipRequest

from ivr.channels.sip.client import ClientRequest
from ivr.channels.sip.clock import Handle
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.message import Response, retry_after
from ivr.channels.sip.settings import Registration
from ivr.channels.sip.values import BadValue, Uri, new_tag, parse_name_addr, parse_uri

if TYPE_CHECKING:
    from ivr.channels.sip.agent import Agent

log = logging.getLogger(__name__)

FIRST_RETRY = 1.0
LONGEST_RETRY = 60.0
"""Seconds: a lost registrar is tried again after 1, 2, 4 and so on to 60 s, or as its Retry-After says."""
KEEPALIVE = 25.0
"""Seconds between empty datagrams to a registrar over UDP: many a NAT forgets a mapping that was idle for 30."""
_PING = b"\r\n\r\n"
"""What RFC 5626 section 3.5.1 has for connections; over UDP, where that has STUN, registrars ignore it."""


class Registrar:
    """One account. `state` is "registering", "registered", "lost" (being tried again), or "stopped"."""

    def __init__(self, agent: Agent, account: Registration) -> None:
        """Raises ValueError where the registrar is no SIP URI."""
        self._agent, self.account = agent, account
        self._uri: Uri = parse_uri(account.registrar)
        self._call_id, self._tag, self._cseq = new_tag() + new_tag(), new_tag(), 0
        self.state: Literal["registering", "registered", "lost", "stopped"] = "stopped"
        self.reason = ""
        self.leaving = False
        self._expires = account.expires
        self._retry = FIRST_RETRY
        self._timer: Handle | None = None
        self._keepalive: Handle | None = None
        self._client: ClientRequest | None = None
        self._flow: Flow | None = None

    def start(self) -> None:
        self.state = "registering"
        self._agent.spawn(self._register(self._expires))

    def stop(self) -> None:
        """Unregister, once; `leaving` until the registrar has answered."""
        was, self.state = self.state, "stopped"
        self._cancel_timer()
        if self._keepalive:
            self._keepalive.cancel()
            self._keepalive = None
        if was == "registered":
            self.leaving = True
            self._agent.spawn(self._register(0))

    async def _register(self, expires: int) -> None:
        try:
            # where we are registered already, rather than with another of its servers
            self._flow = flow = await self._agent.transports.flow_to(self._uri, near=self._flow)
        except OSError as error:
            self._lost(str(error))
            return
        self._agent.guard.admit(str(self._uri), self._agent.transports.locator.addresses_of(self._uri))
        self._agent.guarded(lambda: self._send(flow, expires))

    def _send(self, flow: Flow, expires: int) -> None:
        home = f"{self._uri.scheme}:{self.account.user}@{self._uri.host}"
        request = SipRequest(method="REGISTER", uri=str(Uri(self._uri.scheme, "", self._uri.host, self._uri.port)))
        headers = request.headers
        headers.append("From", f"<{home}>;tag={self._tag}")
        headers.append("To", f"<{home}>")
        headers.append("Call-ID", self._call_id)
        headers.append("CSeq", f"{self._next()} REGISTER")
        headers.append("Max-Forwards", "70")
        headers.append("Contact", self._agent.contact(flow, user=self.account.user))
        headers.append("Expires", str(expires))
        headers.append("Allow", self._agent.allow)
        self._client = ClientRequest(
            self._agent,
            request,
            flow,
            self._next,
            lambda response: self._answered(response, expires, flow),
            lambda why: self._failed(flow, expires, why),
        )

    def _next(self) -> int:
        self._cseq += 1
        return self._cseq

    def _answered(self, response: Response, asked: int, flow: Flow) -> None:
        if response.status < 200:
            return
        if not asked or self.state == "stopped":
            self.leaving = False
            return
        if response.status < 300:
            granted = self._granted(response)
            if self.state != "registered":
                log.info("registered as %s with %s for %d s", self.account.user, self._uri.host, granted)
            self.state, self.reason, self._retry = "registered", "", FIRST_RETRY
            # Early enough for a refresh that is lost and retransmitted for half a minute.
            self._after(max(granted - 40.0, granted * 0.6))
            self._keep_open(response.flow)
            return
        least = response.header("min-expires")
        if response.status == 423 and least.isascii() and least.isdigit() and self._expires < int(least[:9]) <= 86_400:
            self._expires = int(least)
            self._agent.spawn(self._register(self._expires))
            return
        why, after = f"{response.status} {response.reason}", retry_after(response)
        if response.status == 503:
            self._failed(flow, asked, why, after)
        else:
            self._lost(why, after)

    def _keep_open(self, flow: Flow) -> None:
        """Keep a NAT's mapping to the registrar, so that its calls come in, until the next REGISTER."""
        if self._keepalive:
            self._keepalive.cancel()
        self._keepalive = None if flow.reliable else self._agent.clock.call_later(KEEPALIVE, self._ping, flow)

    def _ping(self, flow: Flow) -> None:
        self._keepalive = None
        if self.state == "registered" and flow.alive:
            flow.send(_PING)
            self._keep_open(flow)

    def _granted(self, response: Response) -> int:
        """What the registrar gave our own Contact (section 10.2.4), its Expires, or what we asked for."""
        assert self._client is not None
        ours = parse_name_addr(self._client.request.headers.get_first("contact") or "").uri
        for value in response.headers("contact"):
            try:
                contact = parse_name_addr(value)
            except BadValue:
                continue
            if contact.uri == ours and contact.params.get("expires", "").isdecimal():
                return max(1, int(contact.params["expires"][:9]))
        return max(1, _seconds(response.header("expires")) or self._expires)

    def _failed(self, flow: Flow, expires: int, why: str, after: float = 0.0) -> None:
        """A server is away: the next one, at once, where the registrar has another (RFC 3263 section 4.3)."""
        if expires and self.state != "stopped" and self._agent.transports.failed(flow, self._uri, after):
            log.info("%s at %s: %s; trying another of its servers", self._uri.host, flow.remote[0], why)
            self._agent.spawn(self._register(self._expires))
        else:
            self._lost(why, after)

    def _lost(self, why: str, after: float = 0.0) -> None:
        if self.state == "stopped":
            self.leaving = False
            return
        if self.state != "lost":
            log.warning("not registered as %s with %s: %s", self.account.user, self._uri.host, why)
        self.state, self.reason = "lost", why
        self._after(after or self._retry)
        self._retry = min(2 * self._retry, LONGEST_RETRY)

    def _after(self, seconds: float) -> None:
        self._cancel_timer()
        self._timer = self._agent.clock.call_later(seconds, self._again)

    def _again(self) -> None:
        self._timer = None
        self._agent.spawn(self._register(self._expires))

    def _cancel_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None


def _seconds(value: str) -> int:
    match = re.match(r"\s*(\d{1,6})\b", value, re.ASCII)
    return int(match[1]) if match else 0
