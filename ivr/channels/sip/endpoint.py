"""`SipEndpoint`: one SIP user agent on UDP, TCP and TLS, that takes calls and places them.

    media = await Media.start()
    endpoint = await SipEndpoint.start(SipSettings(port=5060), media, on_call)

`on_call(leg)` runs as a task of its own for each call; when it returns or raises, the call is hung up.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from aiosipua.message import SipMessage, SipRequest

from ivr.channels.leg import LegEvent
from ivr.channels.sip import indialog, reception
from ivr.channels.sip.clock import Clock
from ivr.channels.sip.dialog import Dialog, Key
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.guard import Guard, Oddities
from ivr.channels.sip.layer import ServerTransaction, TransactionLayer
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.message import Malformed, Request, Response, make_response, parse
from ivr.channels.sip.sdp import NotAcceptable
from ivr.channels.sip.settings import SipSettings
from ivr.channels.sip.transports import Transports
from ivr.channels.sip.values import BadValue, host_port

if TYPE_CHECKING:
    from ivr.channels.sip.media.client import Media, Stream

log = logging.getLogger(__name__)

OnCall = Callable[[SipLeg], Awaitable[None]]
_PING = (b"\r\n\r\n", b"\r\n", b"")


class SipEndpoint:
    """Made by `start`. `allow` is the value of the Allow header, `address` what the UDP socket is bound to."""

    allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY"
    supported = ("timer",)

    def __init__(self, settings: SipSettings, media: Media, on_call: OnCall, clock: Clock) -> None:
        self.settings, self.media, self.clock, self._on_call = settings, media, clock, on_call
        self.guard = Guard(settings)
        self.oddities = Oddities(clock)
        self.draining = False
        self.legs: dict[Key, SipLeg] = {}
        self._active = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._secret = secrets.token_bytes(16)
        self.transports = Transports(settings, self._on_data, self._on_lost)
        self.layer = TransactionLayer(self, clock, settings.timers, settings.user_agent, self.tag_of, self.guarded)

    @classmethod
    async def start(
        cls, settings: SipSettings, media: Media, on_call: OnCall, clock: Clock | None = None
    ) -> SipEndpoint:
        """Bind and serve. Raises OSError where an address can't be bound or a certificate can't be read."""
        endpoint = cls(settings, media, on_call, clock or asyncio.get_running_loop())
        await endpoint.transports.open()
        return endpoint

    @property
    def address(self) -> tuple[str, int]:
        return self.transports.udp.local

    @property
    def calls(self) -> int:
        """Calls that are not over."""
        return self._active

    async def drain(self, deadline_seconds: float | None = None) -> None:
        """Take no new calls (503), let live ones finish, hang up those that remain at the deadline."""
        self.draining = True
        seconds = self.settings.drain_seconds if deadline_seconds is None else deadline_seconds
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            log.info("drain: %d calls hung up at the deadline", self._active)
            for leg in list(self.legs.values()):
                leg.hang_up()

    async def close(self) -> None:
        """Hang up everything and free the sockets. The media belongs to whoever started it."""
        self.draining = True
        for leg in list(self.legs.values()):
            leg.hang_up()
            leg.release()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.layer.close()
        await self.transports.close()

    def stats(self) -> dict[str, int]:
        """Gauges, all 0 on an idle endpoint, and counters of what was dropped, prefixed `odd_`."""
        gauges = {
            "calls": self._active,
            "dialogs": len(self.legs),
            "transactions": len(self.layer),
            "tasks": len(self._tasks),
        }
        return gauges | {f"odd_{kind.replace(' ', '_')}": count for kind, count in self.oddities.counts.items()}

    # Receiving

    def guarded(self, action: Callable[[], None]) -> None:
        """Run a callback so that a fault in it ends nothing but itself."""
        try:
            action()
        except Exception as error:
            self.oddities.note("fault", repr(error), error=error)

    def _on_data(self, data: bytes, flow: Flow) -> None:
        self.guarded(lambda: self._receive(data, flow))

    def _on_lost(self, flow: Flow) -> None:
        self.guarded(lambda: self.layer.flow_lost(flow))

    def _receive(self, data: bytes, flow: Flow) -> None:
        data = data.lstrip(b"\r\n\x00 ") if data[:1] in b"\r\n\x00 " else data
        if not data:
            return
        allowed = self.guard.allows(flow.remote[0])
        try:
            message = parse(data, flow)
        except Malformed as error:
            self.oddities.note("malformed", str(error))
            request = error.request
            if request and request.method != "ACK" and (allowed or self.settings.users):
                self._answer_stateless(request, error.status, str(error))
            return
        if isinstance(message, Response):
            if not self.layer.on_response(message):
                self._stray(message)
            return
        self._note_source(message)
        if not allowed and not self.layer.knows(message) and not self._within_dialog(message):
            if not self.settings.users:
                self.oddities.note("not allowed", flow.remote[0])
                return
            if message.method not in ("ACK", "CANCEL") and not self._authenticated(message):
                return
        self.layer.on_request(message)

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
            request.flow = self.transports.udp.flow((host, via.port or 5060))

    def _within_dialog(self, request: Request) -> bool:
        return bool(request.to.tag) and self._leg_of(request) is not None

    def _authenticated(self, request: Request) -> bool:
        return False

    def _answer_stateless(self, request: Request, status: int, reason: str = "", **headers: str) -> None:
        """Section 8.2.7: no state for strangers, and nothing is sent to them twice unasked."""
        self._note_source(request)
        response = make_response(request, status, reason if status == 400 else "", self.tag_of(request))
        response.headers.set_single("Server", self.settings.user_agent)
        for name, value in headers.items():
            response.headers.set_single(name.replace("_", "-"), value)
        request.flow.send(bytes(response))

    def _stray(self, response: Response) -> None:
        self.oddities.note("stray response", f"{response.status} {response.method}")

    # The core of section 8

    def on_request(self, transaction: ServerTransaction, request: Request) -> None:
        reception.on_request(self, transaction, request)

    def on_ack(self, request: Request) -> None:
        leg = self._leg_of(request)
        if leg:
            leg.on_ack(request)

    def in_dialog(self, transaction: ServerTransaction, request: Request) -> None:
        leg = self._leg_of(request)
        if leg:
            indialog.on_request(leg, transaction, request)
        else:
            transaction.reply(481)

    def _leg_of(self, request: Request) -> SipLeg | None:
        return self.legs.get((request.call_id, request.to.tag, request.from_.tag))

    def tag_of(self, request: Request) -> str:
        """The To tag of answers outside a dialog: the same for the same request, without keeping it (8.2.7)."""
        if request.to.tag:
            return request.to.tag
        seed = f"{request.call_id}\0{request.from_.tag}\0{request.cseq}\0{request.via.branch}".encode(
            "utf-8", "replace"
        )
        return hashlib.blake2b(seed, key=self._secret, digest_size=8).hexdigest()

    # Legs

    def adopt(self, leg: SipLeg, key: Key) -> None:
        """Know a leg by its dialog."""
        self.legs[key] = leg

    def serve(self, leg: SipLeg) -> None:
        """Hand a new call to the application."""
        self.count_call(1)
        self.spawn(self._serve(leg))

    async def _serve(self, leg: SipLeg) -> None:
        try:
            await self._on_call(leg)
        except Exception:
            log.exception("call %s: the application failed", leg.id)
        finally:
            leg.hang_up()

    def count_call(self, change: int) -> None:
        self._active += change
        if self._active:
            self._idle.clear()
        else:
            self._idle.set()

    def leg_over(self, leg: SipLeg) -> None:
        self.count_call(-1)

    def forget(self, leg: SipLeg) -> None:
        if leg.dialog and self.legs.get(leg.dialog.key) is leg:
            del self.legs[leg.dialog.key]

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def open_stream(self, on_event: Callable[[LegEvent], None]) -> Stream:
        """Raises what `Media.open` raises."""
        return await self.media.open(on_event)

    # Messages of ours

    def contact(self, flow: Flow, secure: bool = False) -> str:
        transport = {"TCP": ";transport=tcp", "TLS": ";transport=tls"}.get(flow.protocol, "")
        scheme = "sips" if secure else "sip"
        return f"<{scheme}:{host_port(*self.transports.advertised(flow))}{'' if secure else transport}>"

    def describe(self, message: SipMessage, flow: Flow, *, secure: bool = False) -> None:
        """Contact, Allow, Supported: what a message that makes or refreshes a dialog carries."""
        message.headers.set_single("Contact", self.contact(flow, secure))
        message.headers.set_single("Allow", self.allow)
        message.headers.set_single("Supported", ", ".join(self.supported))

    def describe_to(self, transaction: ServerTransaction) -> None:
        """Answer an OPTIONS (section 11.2)."""
        transaction.reply(200, Allow=self.allow, Accept="application/sdp", Accept_Language="en",
                          Supported=", ".join(self.supported))  # fmt: skip

    def refuse_media(self, transaction: ServerTransaction, error: NotAcceptable) -> None:
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
        """Send to the dialog's next hop; over the call's own connection where there is one and no route says else."""
        try:
            hop = dialog.next_hop
        except BadValue as error:
            on_failed(str(error))
            return
        now = flow if flow.reliable and not dialog.routes else self.transports.flow_now(hop)
        if now:
            self._send(request, now, on_response, on_failed)
            return

        async def later() -> None:
            try:
                found = await self.transports.flow_to(hop)
            except OSError as error:
                self.guarded(lambda error=error: on_failed(str(error)))  # type: ignore[misc]
            else:
                self.guarded(lambda: self._send(request, found, on_response, on_failed))

        self.spawn(later())

    def _send(
        self,
        request: SipRequest,
        flow: Flow,
        on_response: Callable[[Response], None],
        on_failed: Callable[[str], None],
    ) -> None:
        if request.method in ("UPDATE", "INVITE", "REFER"):
            self.describe(request, flow)
        self.layer.send(request, flow, self.transports.sent_by(flow), on_response, on_failed)


_QUOTED = str.maketrans({'"': "'", "\\": "/", "\r": " ", "\n": " "})
