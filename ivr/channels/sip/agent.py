"""What every part of an endpoint stands on: transports, transactions, and the making and sending of our messages."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Callable, Coroutine
from typing import Any

from aiosipua.message import SipMessage, SipRequest

from ivr.channels.sip.client import ClientRequest
from ivr.channels.sip.clock import Clock
from ivr.channels.sip.dialog import Dialog
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.guard import Guard, Oddities
from ivr.channels.sip.layer import Core, TransactionLayer
from ivr.channels.sip.message import Request, Response
from ivr.channels.sip.running import ServerTransaction
from ivr.channels.sip.sdp import NotAcceptable, Session
from ivr.channels.sip.settings import Registration, SipSettings
from ivr.channels.sip.transports import Transports
from ivr.channels.sip.values import BadValue, Uri, host_port, parse_uri

_NAME = re.compile(r"\+?[A-Za-z0-9*#._-]{1,64}")
_QUOTED = str.maketrans({'"': "'", "\\": "/", "\r": " ", "\n": " "})


class Agent:
    """`allow` is the value of our Allow header, `supported` the option tags that we know."""

    allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"
    supported = ("timer",)

    def __init__(self, settings: SipSettings, clock: Clock, core: Core, on_data: Callable[[bytes, Flow], None]) -> None:
        self.settings, self.clock = settings, clock
        self.guard = Guard(settings)
        self.oddities = Oddities(clock)
        self.tasks: set[asyncio.Task[None]] = set()
        self._secret = secrets.token_bytes(16)
        self._on_data = on_data
        self.transports = Transports(settings, clock, self._received, self._lost, self._may_connect)
        self.layer = TransactionLayer(core, clock, settings.timers, settings.user_agent, self.tag_of, self.guarded)

    def guarded(self, action: Callable[[], None]) -> None:
        """Run a callback so that a fault in it ends nothing but itself."""
        try:
            action()
        except Exception as error:
            self.oddities.note("fault", repr(error), error=error)

    def _received(self, data: bytes, flow: Flow) -> None:
        self.guarded(lambda: self._on_data(data, flow))

    def _lost(self, flow: Flow) -> None:
        self.guarded(lambda: self.layer.flow_lost(flow))

    def _may_connect(self, ip: str) -> bool:
        """Whether a TCP connection from there is kept: a stranger that could only be ignored is not."""
        return bool(self.settings.users or self.settings.accounts) or self.guard.allows(ip)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine that `close` will end."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def tag_of(self, request: Request) -> str:
        """The To tag of answers outside a dialog: the same for the same request, without keeping it (8.2.7)."""
        if request.to.tag:
            return request.to.tag
        seed = f"{request.call_id}\0{request.from_.tag}\0{request.cseq}\0{request.via.branch}".encode(
            "utf-8", "replace"
        )
        return hashlib.blake2b(seed, key=self._secret, digest_size=8).hexdigest()

    def credentials_for(self, flow: Flow) -> Registration | None:
        """The account at the peer of a flow. Only a server that we register with may challenge us: an answer to
        anybody else's challenge would give him our password to guess at."""
        return next(
            (r for r in self.settings.registrations if self.transports.leads_to(flow, parse_uri(r.registrar))), None
        )

    def uri_at_peer(self, target: str, flow: Flow, peer: Uri) -> Uri:
        """`target` as a URI: a number or name belongs to the registrar at the end of `flow`, or else to `peer`.

        Raises ValueError where it is neither a name nor a SIP URI.
        """
        if target.lower().startswith(("sip:", "sips:")):
            return parse_uri(target)
        target = target.removeprefix("tel:")
        if not _NAME.fullmatch(target):
            raise BadValue(f"neither a number nor a SIP URI: {target[:80]!r}")
        account = self.credentials_for(flow)
        home = parse_uri(account.registrar) if account else peer
        return Uri("sip", target, home.host, home.port)

    def contact(self, flow: Flow, *, secure: bool = False, user: str = "") -> str:
        transport = {"TCP": ";transport=tcp", "TLS": ";transport=tls"}.get(flow.protocol, "")
        address = host_port(*self.transports.advertised(flow))
        who = f"{user}@" if user else ""
        return f"<sips:{who}{address}>" if secure else f"<sip:{who}{address}{transport}>"

    def describe(self, message: SipMessage, flow: Flow, *, secure: bool = False) -> None:
        """Contact, Allow, Supported: what a message that makes or refreshes a dialog carries."""
        message.headers.set_single("Contact", self.contact(flow, secure=secure))
        message.headers.set_single("Allow", self.allow)
        message.headers.set_single("Supported", ", ".join(self.supported))

    def describe_to(self, transaction: ServerTransaction) -> None:
        """Answer an OPTIONS (section 11.2)."""
        supported = ", ".join(self.supported)
        transaction.reply(200, Allow=self.allow, Accept="application/sdp", Accept_Language="en", Supported=supported)

    def session(self, flow: Flow) -> Session:
        """Our side of the SDP towards the peer of a flow."""
        return Session(self.transports.host_for(flow), self.settings.srtp.of(flow))

    def refuse_media(self, transaction: ServerTransaction, error: NotAcceptable) -> None:
        self.oddities.note("media refused", f"{transaction.flow.remote[0]}: {error}")
        host = self.transports.host_for(transaction.flow)
        transaction.reply(488, Warning=f'{error.warning} {host} "{str(error).translate(_QUOTED)[:120]}"')

    def send_in_dialog(
        self,
        request: SipRequest,
        dialog: Dialog,
        flow: Flow,
        on_response: Callable[[Response], None],
        on_failed: Callable[[str], None],
    ) -> None:
        """Send to the dialog's next hop, answering a proxy's challenge on the way."""

        def next_cseq() -> int:
            dialog.local_cseq += 1
            return dialog.local_cseq

        def send(found: Flow) -> None:
            if request.method in ("UPDATE", "INVITE", "REFER"):
                self.describe(request, found, secure=request.uri.startswith("sips:"))
            ClientRequest(self, request, found, next_cseq, on_response, on_failed)

        self._with_flow(dialog, flow, send, on_failed)

    def send_ack(self, ack: SipRequest, dialog: Dialog, flow: Flow, sent: Callable[[bytes, Flow], None]) -> None:
        """The ACK of a 2xx goes to the dialog's next hop outside any transaction (section 13.2.2.4)."""

        def send(found: Flow) -> None:
            self.layer.stamp(ack, found, self.transports.sent_by(found))
            data = bytes(ack)
            sent(data, found)
            found.send(data)

        self._with_flow(dialog, flow, send, lambda why: self.oddities.note("ACK not sent", why))

    def _with_flow(
        self, dialog: Dialog, flow: Flow, use: Callable[[Flow], None], on_failed: Callable[[str], None]
    ) -> None:
        """The call's own connection where there is one and no route says else; otherwise where the next hop points."""
        try:
            hop = dialog.next_hop
        except BadValue as error:
            on_failed(str(error))
            return
        own = dialog.pinned or (flow.reliable and not dialog.routes)
        now = flow if own and flow.alive else self.transports.flow_now(hop)
        if now:
            use(now)
            return

        async def later() -> None:
            try:
                found = await self.transports.flow_to(hop, near=flow)
            except OSError as error:
                why = str(error)
                self.guarded(lambda: on_failed(why))
            else:
                self.guarded(lambda: use(found))

        self.spawn(later())
