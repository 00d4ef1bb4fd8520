"""One registered line at one PBX: what comes from there goes to pyVoIP or to a leg, and nobody else is heard."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, cast

from aiosipua.message import SipRequest
from pyVoIP.VoIP.status import PhoneStatus

from ivr.channels.pyvoip.leg import PyvoipLeg
from ivr.channels.pyvoip.phone import Call, Phone
from ivr.channels.sip import indialog
from ivr.channels.sip.clock import Clock
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.layer import TransactionLayer
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.message import Malformed, Request, Response, parse
from ivr.channels.sip.running import ServerTransaction
from ivr.channels.sip.sdp import NotAcceptable, Session
from ivr.channels.sip.settings import Registration
from ivr.channels.sip.transaction import Timers
from ivr.channels.sip.udp import UdpListener
from ivr.channels.sip.values import new_tag, parse_uri

if TYPE_CHECKING:
    from ivr.channels.sip.media.client import Media

log = logging.getLogger(__name__)

OnCall = Callable[[PyvoipLeg], Awaitable[None]]
AGENT = "callwright/pyVoIP"
_POLL = 0.05


class NotRegistered(ConnectionError):
    """The PBX did not take us, or can't be reached."""


class Line:
    """Made by `open`. `lost` is set when pyVoIP has given up: three registrations in a row failed."""

    address: tuple[str, int]
    """Where the PBX finds us: what the Contact and the SDP say."""
    phone: Phone
    _peer: tuple[str, int]
    _listener: UdpListener
    _flow: Flow
    allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY"

    def __init__(self, account: Registration, media: Media, on_call: OnCall, max_calls: int) -> None:
        self.clock: Clock = asyncio.get_running_loop()
        self.media = media
        self.lost = asyncio.Event()
        self.draining = False
        self.legs: dict[str, PyvoipLeg] = {}
        self.max_calls = max_calls
        self._account, self._on_call = account, on_call
        self._tasks: set[asyncio.Task[None]] = set()
        self._layer = TransactionLayer(self, self.clock, Timers(), AGENT, lambda request: new_tag(), self._guarded)

    @classmethod
    async def open(
        cls, account: Registration, host: str, port: int, media: Media, on_call: OnCall, *, max_calls: int = 50
    ) -> Line:
        """Register from `host:port` and take calls. Raises `NotRegistered`, `OSError` where the address can't be
        bound or the PBX's name is unknown, `ValueError` for a registrar that is no SIP URI."""
        line = cls(account, media, on_call, max_calls)
        registrar = parse_uri(account.registrar)
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(
            registrar.address, registrar.port or 5060, family=socket.AF_INET, type=socket.SOCK_DGRAM
        )
        line._peer = (str(found[0][4][0]), int(found[0][4][1]))
        line._listener = await UdpListener.open(host, port, line._received)
        line.address = (_facing(line._peer) if host == "0.0.0.0" else host, line._listener.local[1])  # noqa: S104
        line._flow = line._listener.flow(line._peer)
        try:
            await line.register()
        except BaseException:
            line._listener.close()
            raise
        return line

    async def register(self) -> None:
        """Register with a new phone; calls that are up are not touched. Raises `NotRegistered`."""
        self.lost.clear()
        self.phone = Phone(self._account, self.address, self._sent, self._bye, lambda: self._threadsafe(self.lost.set))
        await asyncio.get_running_loop().run_in_executor(None, self.phone.start)
        while self.phone.get_status() is not PhoneStatus.REGISTERED:
            if self.lost.is_set():
                raise NotRegistered(f"{self._account.registrar} refuses {self._account.user} or does not answer")
            await asyncio.sleep(_POLL)

    @property
    def pbx(self) -> str:
        """The PBX's name or address, as it stands in URIs."""
        return parse_uri(self._account.registrar).host

    @property
    def contact(self) -> str:
        return f"<sip:{self._account.user}@{self.address[0]}:{self.address[1]}>"

    async def drain(self, seconds: float) -> None:
        """Take no new calls (503) and wait so long at most for live ones to end."""
        self.draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)

    async def close(self) -> None:
        """Hang up, leave the PBX, free the socket."""
        self.draining = True
        for leg in list(self.legs.values()):
            leg.hang_up()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if not self.lost.is_set():
            await asyncio.get_running_loop().run_in_executor(None, self.phone.stop)
        self._layer.close()
        self._listener.close()

    def send(
        self, request: SipRequest, on_response: Callable[[Response], None], on_failed: Callable[[str], None]
    ) -> None:
        self._layer.send(request, self._flow, f"{self.address[0]}:{self.address[1]}", on_response, on_failed)

    def forget(self, leg: PyvoipLeg, call: Call | None) -> None:
        self.legs.pop(leg.id, None)
        if call is not None:
            self.phone.forget(call)

    # In and out

    def _threadsafe(self, action: Callable[[], object]) -> None:
        cast(asyncio.AbstractEventLoop, self.clock).call_soon_threadsafe(action)

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            log.exception("a message or timer failed")

    def _sent(self, data: bytes) -> None:
        """What pyVoIP wants sent: a REGISTER as it is, from whatever thread; an answer, always from ours, mended."""
        if not data.startswith(b"SIP/2.0 "):
            self._threadsafe(lambda: self._guarded(lambda: self._flow.send(data)))
            return
        answer = parse(data, self._flow)
        if isinstance(answer, Response):
            self.legs[answer.call_id].respond(answer.status, answer.to.tag)

    def _bye(self, call_id: str) -> None:
        self.legs[call_id].bye()

    def _received(self, data: bytes, flow: Flow) -> None:
        if flow.remote[0] == self._peer[0] and data.strip(b"\r\n\0 "):
            self._guarded(lambda: self._take(data))

    def _take(self, data: bytes) -> None:
        try:
            message = parse(data, self._flow)
        except Malformed as error:
            log.debug("malformed: %s", error)
            return
        if isinstance(message, Request):
            self._layer.on_request(message)
        elif message.method == "REGISTER":
            self.phone.registered(bytes(message.message))
        else:
            self._layer.on_response(message)

    # The core of RFC 3261 section 8

    def on_ack(self, request: Request) -> None:
        leg = self.legs.get(request.call_id)
        if leg:
            leg.acknowledged(request)

    def on_request(self, transaction: ServerTransaction, request: Request) -> None:
        leg = self.legs.get(request.call_id) if request.to.tag else None
        known = leg is not None and leg.dialog is not None and request.to.tag == leg.dialog.local_tag
        if request.method == "CANCEL":
            self._cancel(transaction, request)
        elif leg is not None and known:
            self._within(leg, transaction, request)
        elif request.to.tag:
            transaction.reply(481)
        elif request.method == "INVITE":
            self._invited(transaction, request)
        elif request.method == "OPTIONS":
            transaction.reply(200, Allow=self.allow, Accept="application/sdp")
        else:
            transaction.reply(405, Allow=self.allow)

    def _invited(self, transaction: ServerTransaction, request: Request) -> None:
        if self.draining or len(self.legs) >= self.max_calls:
            transaction.reply(503, Retry_After="10")
            return
        if request.call_id in self.legs:
            transaction.reply(482)
            return
        try:
            Session(self.address[0]).check(request.body)
            leg = PyvoipLeg(self, transaction)
            self.legs[leg.id] = leg
            leg.ring()
        except NotAcceptable as error:
            transaction.reply(488, str(error))
            return
        except (LookupError, ValueError) as error:
            self.legs.pop(request.call_id, None)
            transaction.reply(400, str(error))
            return
        transaction.user = leg
        task = asyncio.get_running_loop().create_task(self._serve(leg))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, leg: PyvoipLeg) -> None:
        try:
            await self._on_call(leg)
        except Exception:
            log.exception("call %s: the application failed", leg.id)
        finally:
            leg.hang_up()

    def _cancel(self, transaction: ServerTransaction, request: Request) -> None:
        target = self._layer.invite_of(request)
        transaction.reply(200 if target else 481)
        if target and isinstance(target.user, PyvoipLeg):
            target.user.cancelled()

    def _within(self, leg: PyvoipLeg, transaction: ServerTransaction, request: Request) -> None:
        assert leg.dialog is not None
        if not leg.dialog.newer(request.cseq):
            transaction.reply(500, "CSeq out of order")
        elif request.method == "BYE":
            transaction.reply(200)
            leg.end("peer")
        elif request.method == "INVITE":
            leg.reinvited(transaction, request)
        elif request.method in ("INFO", "NOTIFY"):
            # These two ask of a leg only what ours has as well: pressed, referring, refer_ended.
            indialog.HANDLERS[request.method](cast(SipLeg, leg), transaction, request)
        elif request.method == "OPTIONS":
            transaction.reply(200, Allow=self.allow, Accept="application/sdp")
        else:
            transaction.reply(405, Allow=self.allow)


def _facing(peer: tuple[str, int]) -> str:
    """The address of the interface that leads to the peer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(peer)
        return str(probe.getsockname()[0])
