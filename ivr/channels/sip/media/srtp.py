"""SRTP and SRTCP (RFC 3711, RFC 7714) between a stream and its sockets, by libsrtp.

A stream that is encrypted sends and receives through a `Secure`, which has the sockets' own methods; all others use
their sockets directly, so that they pay nothing for it. Headers stay in the clear: the kernel's sieve works as before,
and what it drops costs no decryption. A packet that isn't authentic, or came before, is dropped and counted.
"""

from __future__ import annotations

import functools
import secrets
import socket
from collections import Counter
from typing import TYPE_CHECKING

from pylibsrtp import Error, Policy, Session

from ivr.channels.sip.media.rollover import Rollover
from ivr.channels.sip.media.rtp import is_rtcp

if TYPE_CHECKING:
    from ivr.channels.sip.media.stream import RtpStream

Address = tuple[str, int]
Sealed = tuple[str, bytes, bytes]
"""Suite, what we send with, what the peer sends with: master key, then salt (RFC 4568 section 6.1)."""

_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
}
_MOST = 2048
"""Bytes of a datagram that are read; libsrtp takes 1,500."""


class Refused(OSError):
    """A packet that was dropped. To who reads a socket it is one more that brought nothing."""


def agree(stream: RtpStream, keys: Sealed | None, dropped: Counter[str]) -> None:
    """Encrypt all that a stream sends, and take nothing else, from now on; in the clear again where `keys` is None.
    Keys that stand already change nothing, so that the counters of both sides go on."""
    if keys is None:
        stream.in_the_clear()
        return
    if stream.secure is None:
        stream.through(Secure(stream.rtp, stream.rtcp, dropped))
    assert stream.secure is not None
    if stream.secure.use(keys):
        # Counters begin at 0 here and, for a new SSRC, at every peer; nor may a key meet an index of an SSRC again.
        stream.new_sender(secrets.randbits(32))


class Secure:
    """One stream's keys and counters, before its sockets. `dropped` counts `unauthentic` and `replayed` packets."""

    def __init__(self, rtp: socket.socket, rtcp: socket.socket, dropped: Counter[str]) -> None:
        self._rtp, self._rtcp, self._dropped = rtp, rtcp, dropped
        self._keys: Sealed | None = None
        self._out = self._in = Session()
        self._before: Session | None = None
        self._rollover: Rollover | None = None

    def use(self, keys: Sealed) -> bool:
        """Take what was agreed on; True where what we send with is new."""
        before, self._keys = self._keys, keys
        if before is None or keys[::2] != before[::2]:
            # until the first packet under the new key those under the old one are taken (they are still under way)
            self._before = None if before is None else self._in
            self._in = _session(keys[0], keys[2], Policy.SSRC_ANY_INBOUND)
            self._rollover = Rollover(functools.partial(_either, keys[0], keys[2]))
        if before is not None and keys[:2] == before[:2]:
            return False
        self._out = _session(keys[0], keys[1], Policy.SSRC_ANY_OUTBOUND)
        return True

    # Sending: raises OSError

    def send(self, packet: bytes) -> int:
        return self._rtp.send(self._sealed(packet))

    def send_to(self, packet: bytes, address: Address) -> int:
        return self._rtp.sendto(self._sealed(packet), address)

    def _sealed(self, packet: bytes) -> bytes:
        try:
            return self._out.protect(packet)
        except Error as error:  # the key is used up (RFC 3711 section 9.2), after 2**48 packets
            raise Refused(str(error)) from None

    def seal_report(self, packet: bytes) -> bytes:
        """RTCP as SRTCP. Raises OSError."""
        try:
            return self._out.protect_rtcp(packet)
        except Error as error:
            raise Refused(str(error)) from None

    # Receiving: the sockets' methods, and Refused

    def recv_into(self, buffer: bytearray) -> int:
        return self._open(self._rtp.recv(_MOST), buffer)

    def receive_from(self, buffer: bytearray) -> tuple[int, Address]:
        data, address = self._rtp.recvfrom(_MOST)
        return self._open(data, buffer), address

    def receive_report(self, buffer: bytearray) -> tuple[int, Address]:
        data, address = self._rtcp.recvfrom(_MOST)
        return self._open(data, buffer), address

    def _open(self, data: bytes, buffer: bytearray) -> int:
        """What a datagram holds, RTP or RTCP, into the beginning of `buffer`; its size."""
        try:
            if is_rtcp(data, len(data)):
                plain = self._in.unprotect_rtcp(data)
            else:
                plain = self._in.unprotect(data)
                self._before = self._rollover = None
        except Error as error:
            plain = self._opened_otherwise(data, str(error))
        except ValueError:
            raise Refused("too long") from None
        buffer[: len(plain)] = plain
        return len(plain)

    def _opened_otherwise(self, data: bytes, why: str) -> bytes:
        """Under the key before, or further on under this one, of which nothing has come yet. Raises Refused."""
        report = is_rtcp(data, len(data))
        if self._before is not None and "authentication" in why:
            try:
                return self._before.unprotect_rtcp(data) if report else self._before.unprotect(data)
            except Error as error:
                why = str(error)
        if self._rollover is not None and not report and (found := self._rollover.open(data)):
            plain, self._in = found
            self._before = self._rollover = None
            return plain
        self._dropped["replayed" if "replay" in why else "unauthentic"] += 1
        raise Refused(why)


def _either(suite: str, key: bytes, outbound: bool) -> Session:
    return _session(suite, key, Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND)


def _session(suite: str, key: bytes, kind: int) -> Session:
    """For any number of SSRCs: a peer's may change, and each has a counter of its own."""
    return Session(Policy(key=key, ssrc_type=kind, srtp_profile=_PROFILES[suite]))
