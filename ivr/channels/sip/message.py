"""SIP messages in and out: aiosipua's parser under the checks that decide what may enter (RFC 3261 sections 7, 8, 18).

`parse` gives a `Request` or a `Response` with what every layer needs taken out once, or raises `Malformed`, which
carries the status to answer with where an answer is possible at all.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiosipua.message import SipMessage, SipRequest, SipResponse

from ivr.channels.sip.values import BadValue, NameAddr, Via, parse_cseq, parse_name_addr, parse_via

if TYPE_CHECKING:
    from ivr.channels.sip.flow import Flow

# The parser warns about every odd Content-Length; a stranger must not be able to fill a log. We count and answer 400.
logging.getLogger("aiosipua").setLevel(logging.ERROR)

MAX_BYTES = 65_535
_REQUEST_LINE = re.compile(rb"^([A-Za-z0-9\-.!%*_+`'~]{1,32}) ([^\s<>]+) SIP/([0-9]+\.[0-9]+)\r?$")
_STATUS_LINE = re.compile(rb"^SIP/2\.0 ([1-6][0-9][0-9])(?: [^\r\n]*)?\r?$", re.IGNORECASE)
_END = re.compile(rb"\r?\n\r?\n")
_AMBIGUOUS = re.compile(rb"\r(?!\n)|\0|\n(?![A-Za-z0-9\-.!%*_+`'~]+[ \t]*:|[ \t]|\r?\Z)")
"""In the headers: a CR alone, a NUL, a line that begins neither with a header's name nor with a blank."""
_ONCE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length")
_COMPACT = {"session-expires": "x", "refer-to": "r", "event": "o", "referred-by": "b"}

_REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 183: "Session Progress", 200: "OK", 202: "Accepted",
    400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    407: "Proxy Authentication Required", 408: "Request Timeout", 413: "Request Entity Too Large",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    422: "Session Interval Too Small", 469: "Bad Info Package", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
    500: "Server Internal Error", 503: "Service Unavailable", 505: "Version Not Supported", 600: "Busy Everywhere",
    603: "Decline",
}  # fmt: skip


class Malformed(Exception):
    """A message that can't be served. `status` is what to answer with; `request` is None where nothing can be."""

    def __init__(self, reason: str, status: int = 400, request: Request | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.request = request


class _Received:
    """What requests and responses have in common."""

    __slots__ = ()
    message: SipMessage

    def header(self, name: str) -> str:
        return header(self.message, name)

    def headers(self, name: str) -> list[str]:
        return self.message.headers.get(name)

    @property
    def body(self) -> bytes:
        return self.message.body


@dataclass(slots=True)
class Request(_Received):
    """A request as received. `method` is that of the start line; `flow` is where answers go."""

    message: SipRequest
    flow: Flow
    via: Via
    method: str
    uri: str
    call_id: str
    cseq: int
    from_: NameAddr
    to: NameAddr


@dataclass(slots=True)
class Response(_Received):
    """A response as received; `method` is that of its CSeq."""

    message: SipResponse
    flow: Flow
    via: Via
    status: int
    reason: str
    method: str
    call_id: str
    cseq: int
    to: NameAddr


def reason_of(status: int) -> str:
    """The usual reason phrase (RFC 3261 section 21)."""
    return _REASONS.get(status, "Unknown")


def header(message: SipMessage, name: str) -> str:
    """The first value of a header, in its long or compact form, or ""."""
    value = message.headers.get_first(name)
    if value is None and name.lower() in _COMPACT:
        value = message.headers.get_first(_COMPACT[name.lower()])
    return value or ""


def tokens(values: Iterable[str]) -> list[str]:
    """Comma-separated tokens of a header, in lower case (Require, Supported, Allow)."""
    return [token.strip().lower() for value in values for token in value.split(",") if token.strip()]


def retry_after(response: Response) -> int:
    """Seconds of the Retry-After; 0 where there is none."""
    match = re.match(r"\s*(\d{1,6})\b", response.header("retry-after"), re.ASCII)
    return int(match[1]) if match else 0


def parse(data: bytes, flow: Flow) -> Request | Response:
    """Read one whole message. Raises Malformed."""
    if len(data) > MAX_BYTES:
        raise Malformed("too large", 413)
    line = data.split(b"\n", 1)[0]
    status_line = _STATUS_LINE.match(line)
    request_line = None if status_line else _REQUEST_LINE.match(line)
    if not status_line and not request_line:
        # A start line that is nearly a request may still carry all that an answer needs (RFC 4475 3.1.2.10 to 13).
        parts = line.split()
        if len(parts) < 3 or not parts[-1].upper().startswith(b"SIP/"):
            raise Malformed("not a SIP message")
        data = b"%b %b SIP/2.0\n" % (parts[0], parts[1]) + data[len(line) + 1 :]
    try:
        message = SipMessage.parse(_unambiguous(data))
        vias = message.headers.get("via")
        via = parse_via(vias[0])
        cseq, method = parse_cseq(header(message, "cseq"))
        sender, to = parse_name_addr(header(message, "from")), parse_name_addr(header(message, "to"))
        call_id = header(message, "call-id")
    except (BadValue, ValueError, IndexError, UnicodeError) as error:
        raise Malformed(f"unreadable: {error}", request=_salvage(data, flow)) from error
    if not call_id:
        raise Malformed("no Call-ID", request=_salvage(data, flow))
    if isinstance(message, SipResponse):
        return Response(message, flow, via, message.status_code, message.reason_phrase, method, call_id, cseq, to)
    request = Request(message, flow, via, message.method, message.uri, call_id, cseq, sender, to)
    _check(request, method, data, request_line)
    return request


def _unambiguous(data: bytes) -> bytes:
    """The message in which everybody finds the same headers. A proxy that takes P-Asserted-Identity out of what its
    users send must not miss one that we read: aiosipua ends lines at a CR alone, cuts control characters and Unicode's
    blanks off a header's name, and finds CRLF CRLF in a body whose headers ended with LF LF. Raises ValueError."""
    end = _END.search(data)
    head, body = (data[: end.start()], data[end.end() :]) if end else (data, b"")
    if _AMBIGUOUS.search(head):
        raise ValueError("a line that isn't a header")
    return b"%b\r\n\r\n%b" % (head, body) if end else head


def _check(request: Request, cseq_method: str, data: bytes, request_line: re.Match[bytes] | None) -> None:
    if request_line is None:
        raise Malformed("bad request line", request=request)
    if request_line[3] != b"2.0":
        raise Malformed("unknown SIP version", 505, request)
    if cseq_method != request.method:
        raise Malformed("CSeq names another method", request=request)
    for name in _ONCE:
        if len(request.headers(name)) > 1:
            raise Malformed(f"more than one {name}", request=request)
    if not request.from_.uri or not request.to.uri:
        raise Malformed("empty From or To", request=request)
    hops = request.header("max-forwards")
    if hops and not (hops.isascii() and hops.isdigit() and int(hops[:9]) <= 255):
        raise Malformed("bad Max-Forwards", request=request)
    length = request.header("content-length")
    if length:
        if not (length.isascii() and length.isdigit()):
            raise Malformed("bad Content-Length", request=request)
        if int(length[:9]) > len(request.body):
            raise Malformed("body shorter than Content-Length", request=request)


def _salvage(data: bytes, flow: Flow) -> Request | None:
    """What a 400 needs (Via, From, To, Call-ID, CSeq) from a request that does not parse, or None."""
    try:
        message = SipMessage.parse(data)
        if not isinstance(message, SipRequest):
            return None
        via = parse_via(message.headers.get("via")[0])
        if not all(header(message, name) for name in ("from", "to", "call-id", "cseq")):
            return None
    except (BadValue, ValueError, IndexError, UnicodeError):
        return None
    nobody = NameAddr("")
    return Request(message, flow, via, message.method, message.uri, header(message, "call-id"), 0, nobody, nobody)


def make_response(request: Request, status: int, reason: str = "", to_tag: str = "") -> SipResponse:
    """A response with the headers that section 8.2.6 has copied; `to_tag` is added where the To had none."""
    source = request.message.headers
    response = SipResponse(status_code=status, reason_phrase=_one_line(reason) or reason_of(status))
    headers = response.headers
    # received and rport were noted in the parsed top Via when the request came in (section 18.2.1, RFC 3581).
    headers.append("Via", str(request.via))
    for value in source.get("via")[1:]:
        headers.append("Via", value)
    headers.append("From", source.get_first("from") or "")
    to = source.get_first("to") or ""
    headers.append("To", to if not to_tag or request.to.tag else f"{to};tag={to_tag}")
    headers.append("Call-ID", request.call_id)
    headers.append("CSeq", source.get_first("cseq") or "")
    return response


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
