"""Requests of ours (RFC 3261 section 8.1): a flow is found, a digest challenge is answered, the outcome is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiosipua.auth import SipDigestAuth, build_credentials
from aiosipua.headers import parse_auth, stringify_auth
from aiosipua.message import SipRequest

from ivr.channels.sip.flow import Flow
from ivr.channels.sip.message import Response
from ivr.channels.sip.running import ClientTransaction
from ivr.channels.sip.settings import Registration

if TYPE_CHECKING:
    from ivr.channels.sip.agent import Agent

_AUTH = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
_STRENGTH = ("SHA-256", "MD5")
_TRIES = 3


class ClientRequest:
    """One request until its final response, through digest challenges.

    `on_response` gets all responses but answered challenges; `on_failed(why)` a timeout ("timeout"), a transport error
    ("transport"), or what kept the request from going out. `next_cseq` numbers the repetition (section 22.2).
    """

    def __init__(
        self,
        agent: Agent,
        request: SipRequest,
        flow: Flow,
        next_cseq: Callable[[], int],
        on_response: Callable[[Response], None],
        on_failed: Callable[[str], None],
    ) -> None:
        self._agent, self.request, self.flow = agent, request, flow
        self._next_cseq, self._on_response, self._on_failed = next_cseq, on_response, on_failed
        self._tries = 0
        self.transaction = self._start()

    @property
    def cseq(self) -> int:
        return int((self.request.headers.get_first("cseq") or "0").split()[0])

    def again(self, change: Callable[[SipRequest], None]) -> None:
        """Send the request anew as a transaction of its own, with the next CSeq and what `change` does to it."""
        headers = self.request.headers.copy()
        headers.remove("via")
        headers.set_single("CSeq", f"{self._next_cseq()} {self.request.method}")
        self.request = SipRequest(
            method=self.request.method, uri=self.request.uri, headers=headers, body=self.request.body
        )
        change(self.request)
        self.transaction = self._start()

    def _start(self) -> ClientTransaction:
        sent_by = self._agent.transports.sent_by(self.flow)
        return self._agent.layer.send(self.request, self.flow, sent_by, self._responded, self._on_failed)

    def _responded(self, response: Response) -> None:
        if response.status in _AUTH and self._tries < _TRIES:
            credentials = self._agent.credentials_for(self.flow)
            answer = answer_challenge(self.request, response, credentials) if credentials else None
            if answer and not self._refused(response):
                self._tries += 1
                self.again(lambda request: request.headers.set_single(*answer))
                return
        self._on_response(response)

    def _refused(self, response: Response) -> bool:
        """Our answer was there already and the nonce was not stale: the password is wrong."""
        asks, answers = _AUTH[response.status]
        stale = any(parse_auth(v).params.get("stale", "").lower() == "true" for v in response.headers(asks))
        return answers in self.request.headers and not stale


def answer_challenge(request: SipRequest, response: Response, credentials: Registration) -> tuple[str, str] | None:
    """The header that answers a 401 or 407, for the strongest algorithm offered (RFC 8760), or None."""
    asks, answers = _AUTH[response.status]
    challenges = [parse_auth(value) for value in response.headers(asks)]
    login = SipDigestAuth(credentials.auth_user or credentials.user, credentials.password)
    for algorithm in _STRENGTH:
        for challenge in challenges:
            if challenge.params.get("algorithm", "MD5").upper() == algorithm:
                answer = build_credentials(login, challenge, request.method, request.uri)
                if answer:
                    return answers, stringify_auth(answer)
    return None
