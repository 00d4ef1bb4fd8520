"""Offer and answer (RFC 3264) for one G.711 audio stream with telephone-event, on aiosipua's SDP parser.

Every other stream of an offer is answered with port 0. We send 20 ms frames whatever ptime was asked for: G.711
receivers must take any length (RFC 3551 section 4.2). Encrypted sound is `RTP/SAVP` with keys (RFC 4568), or `RTP/AVP`
with keys, which are taken or left (RFC 8643). RTCP goes over RTP's port where the offer wants it so (RFC 5761).
"""

from __future__ import annotations

import ipaddress
import re
import secrets
from dataclasses import dataclass
from typing import Literal

from aiosipua.sdp import MediaDescription, SdpMessage, parse_sdp

from ivr.channels.sip.crypto import Crypto, Keyring, Keys
from ivr.channels.sip.encryption import Encryption

Codec = Literal["PCMU", "PCMA"]
_CODECS: dict[int, Codec] = {0: "PCMU", 8: "PCMA"}
_ANSWER = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
_ONE_PORT = re.compile(r"^(m=\S+ \d+)/1(?= )", re.MULTILINE)
"""`m=audio 5000/1` is `m=audio 5000` (RFC 4566 section 5.14), which the parser does not know."""
_MAX_BYTES = 16_384
_MAX_STREAMS = 32
OFFERED_EVENT_TYPE = 101
_NOT_ENCRYPTED = Encryption()
_OVER_TLS = "sound must be encrypted here, and its keys come over TLS alone"
_NO_SRTP = "no SRTP here: it is off, or its keys come over TLS alone"
_PLAIN, _SECURE = "RTP/AVP", "RTP/SAVP"


class NotAcceptable(Exception):
    """No common ground: to be answered 488, with a Warning of this code (RFC 3261 section 20.43)."""

    def __init__(self, reason: str, warning: int = 305) -> None:
        super().__init__(reason)
        self.warning = warning


@dataclass(frozen=True, slots=True)
class Agreed:
    """What both sides settled on. `event_type` is None where the peer takes no telephone-event; a hold is
    `send=False`; `keys` is None where the sound is not encrypted; `mux`: RTCP goes over RTP's port."""

    remote: tuple[str, int]
    codec: Codec
    event_type: int | None
    send: bool
    receive: bool
    keys: Keys | None = None
    mux: bool = False


@dataclass(frozen=True, slots=True)
class _Audio:
    index: int
    payload_type: int
    agreed: Agreed
    direction: str
    proto: str
    crypto: Crypto | None


class Session:
    """One leg's side of the SDP: the same origin through all offers and answers, its version going up with each
    change (RFC 3264 section 8)."""

    def __init__(self, host: str, encryption: Encryption = _NOT_ENCRYPTED) -> None:
        self._host, self._encryption = host, encryption
        self._kind = "IP6" if ":" in host else "IP4"
        self._id = secrets.randbits(31)
        self._version = 0
        self._last = ""
        self._shape: list[str | None] = [None]
        """The session's m-lines in order: None is our audio, the others are rejected. No offer may drop one."""
        self._event_type = OFFERED_EVENT_TYPE
        self._keyring = Keyring()
        self._proto = _SECURE if encryption.needed else _PLAIN
        self._mux = False
        self._checked: tuple[bytes, SdpMessage, _Audio] | None = None

    def check(self, offer: bytes) -> None:
        """Raises NotAcceptable where `answer` would; that need not read the offer again."""
        self._checked = (offer, *self._read(offer, answered=False))

    def answer(self, offer: bytes, port: int) -> tuple[bytes, Agreed]:
        """The answer to an offer and what it settles. Raises NotAcceptable."""
        checked, self._checked = self._checked, None
        sdp, audio = checked[1:] if checked is not None and checked[0] is offer else self._read(offer, answered=False)
        self._shape = [None if index == audio.index else _rejected(media) for index, media in enumerate(sdp.media)]
        events = audio.agreed.event_type
        self._event_type = events if events is not None else self._event_type
        self._proto, self._mux = audio.proto, audio.agreed.mux
        extra = ["a=rtcp-mux"] if self._mux else []
        if audio.crypto is not None:
            extra.append(self._keyring.answer(audio.crypto))
        lines = _audio_lines(port, self._proto, [audio.payload_type], events, _ANSWER[audio.direction], extra)
        return self._whole(lines), audio.agreed

    def offer(self, port: int, *, hold: bool = False) -> bytes:
        """An offer of our own: both codecs, and telephone-event with the type in use, 101 at first; keys where they
        are wanted. Raises NotAcceptable where they are needed and may not be told."""
        wanted, needed = self._encryption.wanted, self._encryption.needed
        if needed and not wanted:
            raise NotAcceptable(_OVER_TLS, 399)
        extra = ["a=rtcp-mux"] if self._mux else []
        extra += self._keyring.offer() if wanted else []
        direction = "sendonly" if hold else "sendrecv"
        return self._whole(_audio_lines(port, self._proto, list(_CODECS), self._event_type, direction, extra))

    def insist(self, port: int) -> bytes | None:
        """Another offer after one with keys beside RTP/AVP was refused: RTP/SAVP, for who takes nothing else and does
        not know RFC 8643. None where there are no keys, or that was it already."""
        if not self._encryption.wanted or self._proto == _SECURE:
            return None
        self._proto = _SECURE
        return self.offer(port)

    def repeat(self) -> bytes:
        """What we said last, unchanged down to its version: the offer of a session refresh (RFC 4028 section 7.4)."""
        return self._composed(self._last)

    def accept(self, answer: bytes) -> Agreed:
        """What an answer to our offer settles. Raises NotAcceptable."""
        return self._read(answer, answered=True)[1].agreed

    def _read(self, body: bytes, *, answered: bool) -> tuple[SdpMessage, _Audio]:
        sdp = self._parse(body)
        return sdp, self._audio_of(sdp, answered)

    def _parse(self, body: bytes) -> SdpMessage:
        if len(body) > _MAX_BYTES:
            raise NotAcceptable("SDP too large", 399)
        try:
            sdp = parse_sdp(_ONE_PORT.sub(r"\1", body.decode("utf-8", "replace")))
        except (ValueError, IndexError) as error:
            raise NotAcceptable(f"unreadable SDP: {error}", 399) from error
        if not sdp.media or len(sdp.media) > _MAX_STREAMS:
            raise NotAcceptable("no media or too many streams", 399)
        return sdp

    def _audio_of(self, sdp: SdpMessage, answered: bool) -> _Audio:
        """The first stream that we can take, an encrypted one rather than another."""
        reason = NotAcceptable("no audio stream with PCMU or PCMA", 305)
        plain: _Audio | None = None
        for index, media in enumerate(sdp.media):
            if media.media != "audio" or not 0 < media.port < 65536:
                continue
            try:
                audio = self._stream(sdp, index, media, answered)
            except NotAcceptable as error:
                reason = error
                continue
            if audio is not None and (audio.crypto is not None or not self._encryption.wanted):
                return audio
            plain = plain or audio
        if plain is None:
            raise reason
        return plain

    def _stream(self, sdp: SdpMessage, index: int, media: MediaDescription, answered: bool) -> _Audio | None:
        """None for a stream that is none of ours; raises NotAcceptable for one that could be."""
        proto = media.proto.upper()
        codec = next((c.payload_type for c in media.codecs if c.payload_type in _CODECS and _is_g711(c)), None)
        if codec is None or proto not in (_PLAIN, _SECURE):
            return None
        crypto = self._crypto(proto, media, answered)
        remote = self._remote(sdp, media)
        events = next(
            (
                c.payload_type
                for c in media.codecs
                if c.encoding_name.lower() == "telephone-event" and c.clock_rate == 8000 and 0 <= c.payload_type < 128
            ),
            None,
        )
        direction = _direction(sdp, media)
        # RFC 2543's hold: an unspecified address means "send me nothing" (RFC 3264 section 8.4).
        nowhere = ipaddress.ip_address(remote[0]).is_unspecified
        send = direction in ("sendrecv", "recvonly") and not nowhere
        receive = direction in ("sendrecv", "sendonly")
        keys = None if crypto is None else self._keyring.keys(crypto)
        mux = "rtcp-mux" in media.attributes and (self._mux or not answered)
        agreed = Agreed(remote, _CODECS[codec], events, send, receive, keys, mux)
        return _Audio(index, codec, agreed, direction, proto, crypto)

    def _crypto(self, proto: str, media: MediaDescription, answered: bool) -> Crypto | None:
        """The keys that a stream brings, None where it isn't encrypted. Raises NotAcceptable."""
        wanted, needed = self._encryption.wanted, self._encryption.needed
        if not wanted:
            if needed or proto == _SECURE:
                raise NotAcceptable(_OVER_TLS if needed else _NO_SRTP, 399)
            return None
        crypto = self._keyring.choose(media.attributes.get("crypto", ()), answered=answered)
        if crypto is None and proto == _SECURE:
            raise NotAcceptable("no a=crypto line that can be used", 305)
        if crypto is None and needed:
            raise NotAcceptable("sound must be encrypted here: RTP/SAVP with a=crypto", 305)
        return crypto

    def _remote(self, sdp: SdpMessage, media: MediaDescription) -> tuple[str, int]:
        connection = media.connection or sdp.connection
        if connection is None:
            raise NotAcceptable("no c= line", 399)
        try:
            address = ipaddress.ip_address(connection.address.split("/")[0])
        except ValueError as error:
            raise NotAcceptable("c= is no IP address", 300) from error
        if getattr(address, "scope_id", None):  # a name of the peer's own interface, which means nothing here
            raise NotAcceptable("c= has a zone", 300)
        if address.is_multicast or (address.version == 6) != (self._kind == "IP6"):
            raise NotAcceptable("incompatible network address format", 301)
        return (str(address), media.port)

    def _whole(self, audio: list[str]) -> bytes:
        """The session part is the same each time; the version goes up where the media part changed."""
        text = "\r\n".join(line for slot in self._shape for line in (audio if slot is None else [slot]))
        if text != self._last:
            self._version += 1
            self._last = text
        return self._composed(text)

    def _composed(self, text: str) -> bytes:
        origin = f"o=- {self._id} {self._version} IN {self._kind} {self._host}"
        head = ("v=0", origin, "s=-", f"c=IN {self._kind} {self._host}", "t=0 0")
        return ("\r\n".join(head) + "\r\n" + text + "\r\n").encode()


def _is_g711(codec: object) -> bool:
    # A static type may be mapped again by rtpmap; then it is what rtpmap says.
    name, rate = getattr(codec, "encoding_name", "").upper(), getattr(codec, "clock_rate", 0)
    return name in ("PCMU", "PCMA") and rate == 8000 and name == _CODECS.get(getattr(codec, "payload_type", -1))


def _direction(sdp: SdpMessage, media: MediaDescription) -> str:
    """The stream's own direction, else the session's, else sendrecv (RFC 4566 section 6)."""
    for attributes in (media.attributes, sdp.attributes):
        for direction in _ANSWER:
            if direction in attributes:
                return direction
    return "sendrecv"


def _audio_lines(
    port: int, proto: str, codecs: list[int], event_type: int | None, direction: str, extra: list[str]
) -> list[str]:
    types = [str(codec) for codec in codecs] + ([str(event_type)] if event_type is not None else [])
    lines = [f"m=audio {port} {proto} {' '.join(types)}"]
    lines += [f"a=rtpmap:{codec} {_CODECS[codec]}/8000" for codec in codecs]
    if event_type is not None:
        lines += [f"a=rtpmap:{event_type} telephone-event/8000", f"a=fmtp:{event_type} 0-15"]
    return [*lines, *extra, "a=ptime:20", f"a={direction}"]


def _rejected(media: MediaDescription) -> str:
    formats = " ".join(map(_token, media.formats)) or "0"
    return f"m={_token(media.media)} 0 {_token(media.proto)} {formats}"


def _token(text: str) -> str:
    return text if text.isprintable() and " " not in text and text else "0"
