"""Messages after the cases of RFC 4475, in our own words: what each must be answered with, or None for nothing."""

from __future__ import annotations

_HEAD = (
    "Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{name};rport\r\n"
    "From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>\r\nCall-ID: {name}\r\nMax-Forwards: 70\r\n"
)


def _options(extra: str = "", *, line: str = "OPTIONS sip:b@example.com SIP/2.0", cseq: str = "7 OPTIONS") -> str:
    return f"{line}\r\n{_HEAD}CSeq: {cseq}\r\n{extra}\r\n"


CASES: dict[str, tuple[str, int | None]] = {
    # 3.1.1: valid, however odd
    "folded and spaced": (
        "OPTIONS sip:b@example.com;unknownparam SIP/2.0\r\nTO :\r\n sip:b@example.com ;  x = y\r\n"
        'from   : "J \\\\\\""   <sip:j@example.com>\r\n  ;\r\n  tag = 98asjd8\r\nmAx-fOrwArds: 0068\r\n'
        "Call-ID: {name}\r\ncSeq: 0009\r\n  OPTIONS\r\nVia  : SIP  /   2.0\r\n /UDP\r\n"
        "    127.0.0.1:{port};branch=z9hG4bK{name};rport\r\ns :\r\nl: 0\r\n\r\n",
        200,
    ),
    "extended token characters": (
        _options(
            "Z!%BC-: x\r\n",
            line="OPTIONS sip:1_odd.~(to-be!sure)&isn't+it$/crazy?,/;;*:&it=1,!*pas$wo~.(x'-it)@example.com SIP/2.0",
        ),
        200,
    ),
    "escaped nulls": (_options(line="OPTIONS sip:null-%00-null@example.com SIP/2.0"), 200),
    "percent in a method": (_options(line="RE%47IST%45R sip:b@example.com SIP/2.0", cseq="7 RE%47IST%45R"), 405),
    "no display name space": (_options().replace("<sip:a@example.com>;tag=1", "caller<sip:a@example.com>;tag=1"), 200),
    "long values": (_options("X-Long: " + "a" * 20_000 + "\r\n"), 200),
    "semicolons in the user part": (_options(line="OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0"), 200),
    "max-forwards 0": (_options().replace("Max-Forwards: 70", "Max-Forwards: 0"), 200),
    "unknown header and empty values": (_options("Unknown:\r\nX:\r\nSubject:\r\n"), 200),
    # 3.1.2: not valid
    "semicolon where a value is missing": (_options().replace(";tag=1", ";;,;,,;tag=1"), 200),
    "content-length larger than the message": (_options("Content-Length: 9999\r\n"), 400),
    "negative content-length": (_options("Content-Length: -999\r\n"), 400),
    "cseq overflows": (_options(cseq="36893488147419103232 OPTIONS"), 400),
    "max-forwards overflows": (_options().replace("Max-Forwards: 70", "Max-Forwards: 300"), 400),
    "unterminated quoted string": (_options().replace("<sip:b@example.com>", '"Mr. J. User <sip:b@example.com>'), 400),
    "request-uri in angle brackets": (_options(line="OPTIONS <sip:b@example.com> SIP/2.0"), 400),
    "space within the request-uri": (_options(line="OPTIONS sip:b@example.com; lr SIP/2.0"), 400),
    "spaces within the request line": (_options(line="OPTIONS  sip:b@example.com  SIP/2.0"), 400),
    "space after the request line": (_options(line="OPTIONS sip:b@example.com SIP/2.0  "), 400),
    "unknown version": (_options(line="OPTIONS sip:b@example.com SIP/7.0"), 505),
    "method differs from cseq": (_options(cseq="7 INVITE"), 400),
    "unknown method differs from cseq": (_options(line="NEWMETHOD sip:b@example.com SIP/2.0"), 400),
    "bad start line": ("SIP/2.0 200 Stranger\r\n\r\n", None),
    "status above 699": ("SIP/2.0 4294967301 better not break\r\n" + _HEAD + "CSeq: 1 OPTIONS\r\n\r\n", None),
    # 3.2 and 3.3
    "no transaction identifier": (_options().replace("branch=z9hG4bK{name}", "branch=z9hG4bK"), 200),
    "missing required headers": ("OPTIONS sip:b@example.com SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n", None),
    "unknown scheme": (_options(line="OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0"), 416),
    "known but wrong scheme": (_options(line="OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0"), 416),
    "unknown required extension": (_options("Require: nothingSupportsThis, nothingSupportsThisEither\r\n"), 420),
    "two call-ids": (_options("Call-ID: other\r\n"), 400),
    "two cseqs": (_options("CSeq: 8 OPTIONS\r\n"), 400),
    "two contents": (_options("Content-Length: 0\r\nContent-Length: 5\r\n"), 400),
    "response with via of somebody": ("SIP/2.0 200 OK\r\n" + _HEAD + "CSeq: 1 OPTIONS\r\n\r\n", None),
    "via port of 99999": (_options().replace(":{port}", ":99999"), None),
    "ack out of nowhere": (_options(line="ACK sip:b@example.com SIP/2.0", cseq="7 ACK"), None),
}


def message(name: str, port: int) -> bytes:
    text, _ = CASES[name]
    token = name.replace(" ", "-")
    # not str.format: braces may stand in a message
    return text.replace("{name}", token).replace("{port}", str(port)).encode()
