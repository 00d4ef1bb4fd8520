"""What comes off the wire: parsed, told where it came from, and let in or not, before any state is kept for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ivr.channels.sip.digest import DigestServer
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.guard import Answers, Lockout
from ivr.channels.sip.message import Malformed, Request, Response, make_response, parse

if TYPE_CHECKING:
    from ivr.channels.sip.endpoint import SipEndpoint

_SPACE = b"\r\n\x00 "


class Gate:
    """Stands before the transaction layer."""

    def __init__(self, endpoint: SipEndpoint) -> None:
        self._endpoint = endpoint
        settings = endpoint.settings
        self._digest = (
            DigestServer(settings.users, settings.realm, endpoint.clock, settings.digests) if settings.users else None
        )
        self._lockout = Lockout(endpoint.clock)
        self._answers = Answers(endpoint.clock)

    def receive(self, data: bytes, flow: Flow) -> None:
        """One datagram or one framed message. May raise; the endpoint guards."""
        endpoint = self._endpoint
        if data[:1] in _SPACE:
            data = data.lstrip(_SPACE)
            if not data:
                return
        allowed = endpoint.guard.allows(flow.remote[0])
        try:
            message = parse(data, flow)
        except Malformed as error:
            endpoint.oddities.note("malformed", str(error))
            request = error.request
            if request and request.method != "ACK" and (allowed or self._may_ask(flow.remote[0])):
                self._note_source(request)
                if allowed or self._may_answer(request):
                    self._refuse(request, error.status, str(error) if error.status == 400 else "")
            return
        if isinstance(message, Response):
            if not endpoint.layer.on_response(message):
                endpoint.oddities.note("stray response", f"{message.status} {message.method}")
            return
        self._note_source(message)
        registrar = endpoint.telephones
        if registrar is not None and message.method == "REGISTER" and not endpoint.layer.knows(message):
            # a telephone shows its password wherever it is
            if self._identified(message, registrar.digest, registrar.algorithms(message)):
                endpoint.layer.on_request(message)
            return
        if (
            allowed
            or endpoint.layer.knows(message)
            or endpoint.within_dialog(message)
            or self._identified(message, self._digest)
        ):
            endpoint.layer.on_request(message)

    def _may_ask(self, source: str) -> bool:
        """Whether a stranger from there is answered at all."""
        return self._digest is not None and not self._lockout.locked(source)

    def _identified(self, request: Request, digest: DigestServer | None, only: Sequence[str] | None = None) -> bool:
        """Digest for strangers; where no user is configured they get nothing at all."""
        source = request.flow.remote[0]
        if digest is None:
            self._endpoint.oddities.note("not allowed", source)
            return False
        who = self._guesser(request)
        if self._lockout.locked(who):
            self._endpoint.oddities.note("locked out", source)
            return False
        if request.method in ("ACK", "CANCEL"):
            # Neither can be challenged (section 22.1), and without a transaction neither means anything.
            return False
        verdict = digest.check(request)
        if verdict == "ok":
            return True
        if request.header("authorization") and verdict in ("no", "wrong"):
            self._endpoint.oddities.note("wrong credentials", source)
        if verdict == "wrong":
            self._lockout.failed(who)
        if not self._may_answer(request):
            return False
        response = make_response(request, 401, "", self._endpoint.tag_of(request))
        for challenge in digest.challenges(source, stale=verdict == "stale", only=only):
            response.headers.append("WWW-Authenticate", challenge)
        response.headers.set_single("Server", self._endpoint.settings.user_agent)
        request.flow.send(bytes(response))
        return False

    def _may_answer(self, request: Request) -> bool:
        """Whether a stranger gets one more answer now."""
        source = request.flow.remote[0]
        if request.flow.reliable or self._endpoint.guard.allows(source) or self._answers.admits(source):
            return True
        self._endpoint.oddities.note("not answered", source)
        return False

    def _guesser(self, request: Request) -> str:
        """Whose wrong passwords count together: an address's. Where telephones are registered from there, each user's
        alone: one telephone that is set up wrong must not lock its whole office out."""
        source, telephones = request.flow.remote[0], self._endpoint.telephones
        if request.method != "REGISTER" or telephones is None or not telephones.bindings.any_from(source):
            return source
        return f"{source} {telephones.digest.name_of(request)[:64]}".replace(":", ".")

    def _refuse(self, request: Request, status: int, reason: str) -> None:
        """Section 8.2.7: no state for strangers, and nothing is sent to them twice unasked."""
        response = make_response(request, status, reason, self._endpoint.tag_of(request))
        response.headers.set_single("Server", self._endpoint.settings.user_agent)
        request.flow.send(bytes(response))

    def _note_source(self, request: Request) -> None:
        """Section 18.2.1 and RFC 3581: answers go where the request came from."""
        via, (host, port) = request.via, request.flow.remote
        if "rport" in via.params:
            via.params["rport"] = str(port)
            via.params["received"] = host
            return
        if via.host.strip("[]") != host:
            via.params["received"] = host
        if not request.flow.reliable and (via.port or 5060) != port:
            request.flow = self._endpoint.transports.udp.flow((host, via.port or 5060))
