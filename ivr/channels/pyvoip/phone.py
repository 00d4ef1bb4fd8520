"""pyVoIP 1.6.8's phone, mended: it registers, rings and answers; its sockets, threads and RTP stay unused.

pyVoIP reads its socket in a thread of its own and takes whatever comes next for the answer to a REGISTER. Here the
event loop reads, and gives pyVoIP only the answers to its REGISTERs and INVITEs that are fit for its parser. What
pyVoIP sends goes out through `send`.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from collections.abc import Callable
from typing import Any

from pyVoIP import SIP
from pyVoIP.VoIP import VoIPPhone
from pyVoIP.VoIP.VoIP import CallState, VoIPCall

from ivr.channels.sip.message import Request
from ivr.channels.sip.settings import Registration
from ivr.channels.sip.values import new_tag, parse_uri

log = logging.getLogger(__name__)


def _debug(what: str, short: str | None = None) -> None:
    # pyVoIP prints `short` whatever its DEBUG says; `what` may hold credentials.
    if short is not None:
        log.debug("pyVoIP: %s", short)


SIP.debug = _debug

Send = Callable[[bytes], None]
REGISTER_SECONDS = 5
"""How long pyVoIP waits for each answer to a REGISTER; it tries three times."""


class _Out:
    """What pyVoIP takes for its UDP socket. Waiting for it to be readable is waiting for an answer to a REGISTER."""

    def __init__(self, send: Send, answers: socket.socket) -> None:
        self._send, self._answers = send, answers

    def sendto(self, data: bytes, address: tuple[str, int]) -> None:
        self._send(data)

    def setblocking(self, flag: bool) -> None:
        pass

    def fileno(self) -> int:
        return self._answers.fileno()

    def close(self) -> None:
        pass


class Signalling(SIP.SIPClient):
    """`start` registers, which may take 15 seconds: not for the event loop. `answered` gives it an answer."""

    def __init__(self, *arguments: Any, send: Send, hang_up: Callable[[str], None], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.register_timeout = REGISTER_SECONDS
        self.s, self._answers = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._answers.setblocking(False)
        self.out: Any = _Out(send, self.s)
        self._hang_up = hang_up

    def start(self) -> None:
        self.NSD = True
        self.register()

    def answered(self, data: bytes) -> None:
        """An answer to a REGISTER, well formed."""
        with contextlib.suppress(OSError):  # nobody may wait for it any more
            self._answers.send(data)

    def recv_loop(self) -> None:
        raise AssertionError("the event loop receives")

    def gen_tag(self) -> str:
        # pyVoIP keeps every tag that it ever made, and makes them from a guessable number.
        return new_tag()

    def bye(self, request: SIP.SIPMessage) -> None:
        # pyVoIP's own BYE carries the INVITE's Via, so that the answer to it goes astray.
        self._hang_up(request.headers["Call-ID"])

    def _close_sockets(self) -> None:
        super()._close_sockets()
        self._answers.close()


class Call(VoIPCall):
    """A call without pyVoIP's RTP: a hold doubles that, and a datagram of a byte ends its receiving."""

    def create_rtp_clients(self, *arguments: Any) -> None:
        self.RTPClients: list[Any] = []


class Phone(VoIPPhone):
    """One account at one PBX. `send` takes each message that pyVoIP wants sent; `hang_up(call_id)` is to end a call;
    `failed()` tells that the registration was lost for good. `send` and `failed` are called from any thread."""

    sip: Signalling

    def __init__(
        self,
        account: Registration,
        local: tuple[str, int],
        send: Send,
        hang_up: Callable[[str], None],
        failed: Callable[[], None],
    ) -> None:
        registrar = parse_uri(account.registrar)
        port = registrar.port or 5060
        super().__init__(registrar.host, port, account.user, account.password, myIP=local[0], sipPort=local[1])
        self._failed = failed
        self.sip._close_sockets()
        self.sip = Signalling(
            registrar.host,
            port,
            account.user,
            account.password,
            phone=self,
            myIP=local[0],
            myPort=local[1],
            callCallback=self.callback,
            fatalCallback=self.fatal,
            send=send,
            hang_up=hang_up,
        )

    def ring(self, invite: Request) -> Call:
        """Begin a call: pyVoIP sends 180 for it. Raises ValueError or KeyError where pyVoIP can't read it."""
        self.callback(SIP.SIPMessage(plain(invite)))
        call = self.calls[invite.call_id]
        assert isinstance(call, Call)
        return call

    def registered(self, data: bytes) -> None:
        """The PBX's answer to a REGISTER, well formed."""
        self.sip.answered(data)

    def forget(self, call: Call) -> None:
        """The call is over, however it ended."""
        call.state = CallState.ENDED
        self.calls.pop(call.call_id, None)
        self.sip.tagLibrary.pop(call.call_id, None)

    def fatal(self) -> None:
        self._failed()

    # What pyVoIP does with a thread for each call, and never frees

    def _callback_MSG_Invite(self, request: SIP.SIPMessage) -> None:
        self.sip.out.sendto(self.sip.gen_ringing(request).encode(), (self.server, self.port))
        self._create_Call(request, 1)

    def _create_Call(self, request: SIP.SIPMessage, sess_id: int) -> None:
        self.calls[request.headers["Call-ID"]] = Call(
            self, CallState.RINGING, request, sess_id, self.myIP, sendmode=self.recvmode
        )

    def request_port(self, blocking: bool = True) -> int:
        return 0

    def release_ports(self, call: VoIPCall | None = None) -> None:
        pass


def plain(invite: Request) -> bytes:
    """An INVITE that pyVoIP can read: it knows no short header names, no `tel:`, no encrypted or second stream.

    Only Call-ID, CSeq and tags matter; what pyVoIP answers is mended on its way out.
    """
    sdp = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 0\r\n"
    lines = (
        "INVITE sip:phone@pbx SIP/2.0",
        f"Via: SIP/2.0/UDP pbx:5060;branch={invite.via.branch}",
        f"From: <sip:caller@pbx>;tag={invite.from_.tag}",
        "To: <sip:phone@pbx>",
        f"Call-ID: {invite.call_id}",
        f"CSeq: {invite.cseq} INVITE",
        "Contact: <sip:caller@pbx>",
        "Content-Type: application/sdp",
        f"Content-Length: {len(sdp)}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n" + sdp).encode()
