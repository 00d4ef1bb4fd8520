"""Structured SIP header values: URIs, name-addrs, Via, CSeq and `;name=value` parameters (RFC 3261 section 25).

aiosipua parses messages; these are kept beside it because its readers stop at user parts with `;`, at `tel:` URIs,
at quoted display names with `<` and at folded Via headers, all of which RFC 4475 calls valid.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field

MAGIC = "z9hG4bK"
"""Start of every branch made by an RFC 3261 element (section 8.1.1.7)."""

# A stranger's text meets these before it is known whether he may speak. So no two repetitions that both take blanks
# stand side by side: on a line of 60,000 of them such a pattern tries for minutes.
_URI = re.compile(
    r"^(?P<scheme>sips?):(?:(?P<user>[^@\s<>\x22]*)@)?(?P<host>\[[^\]]*\]|[^:;?@\s<>]+)"
    r"(?::(?P<port>\d{1,5}))?(?P<params>;[^?\s<>]*)?(?:\?[^\s<>]*)?$",
    re.IGNORECASE | re.DOTALL,
)
_NAME_ADDR = re.compile(
    r'^(?:"(?P<quoted>(?:[^"\\]|\\.)*)"\s*|(?P<plain>[^<"]*))<(?P<uri>[^>]*)>(?P<rest>.*)$', re.DOTALL
)
_VIA = re.compile(
    r"^\s*(?P<name>[^\s/]+)\s*/\s*(?P<version>[^\s/]+)\s*/\s*(?P<transport>[^\s/;]+)\s+"
    r"(?P<host>\[[^\]]*\]|[^\s:;,]+)\s*(?::\s*(?P<port>\d{1,5})\s*)?(?P<params>;.*)?$",
    re.DOTALL,
)
_CSEQ = re.compile(r"^\s*([0-9]{1,10})\s+([A-Za-z0-9\-.!%*_+`'~]+)\s*$")
_PARAM = re.compile(r';\s*([^\s=;]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^;]*))?', re.DOTALL)


class BadValue(ValueError):
    """A header value or URI that does not follow RFC 3261's grammar."""


@dataclass(frozen=True, slots=True)
class Uri:
    """A `sip:` or `sips:` URI. `host` keeps the brackets of an IPv6 literal; `port` is 0 where none was given."""

    scheme: str
    user: str
    host: str
    port: int = 0
    params: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The host without brackets, for sockets."""
        return self.host.strip("[]")

    @property
    def transport(self) -> str:
        """UDP, TCP or TLS: by the scheme, then the `transport` parameter (RFC 3263 section 4.1)."""
        if self.scheme == "sips":
            return "TLS"
        return self.params.get("transport", "udp").upper()

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        params = "".join(f";{name}={value}" if value else f";{name}" for name, value in self.params.items())
        return f"{self.scheme}:{user}{self.host}{port}{params}"


@dataclass(frozen=True, slots=True)
class NameAddr:
    """A From, To, Contact, Route or Refer-To value. `uri` is as written, of any scheme."""

    uri: str
    display: str = ""
    params: dict[str, str] = field(default_factory=dict)

    @property
    def tag(self) -> str:
        return self.params.get("tag", "")


@dataclass(slots=True)
class Via:
    """One Via value; `port` is 0 where none was given."""

    transport: str
    host: str
    port: int
    params: dict[str, str]

    @property
    def branch(self) -> str:
        return self.params.get("branch", "")

    @property
    def sent_by(self) -> str:
        return f"{self.host.lower()}:{self.port}"

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        params = "".join(f";{name}={value}" if value else f";{name}" for name, value in self.params.items())
        return f"SIP/2.0/{self.transport} {self.host}{port}{params}"


def parse_params(text: str) -> dict[str, str]:
    """`;a=1;b` as a dict; a parameter without a value has "". Names are lower-cased, the first of two equals wins."""
    found: dict[str, str] = {}
    for name, value in _PARAM.findall(text):
        found.setdefault(name.lower(), value.strip())
    return found


def _port(text: str | None) -> int:
    port = int(text) if text else 0
    if port > 65535:
        raise BadValue(f"port {port} is above 65535")
    return port


def parse_uri(text: str) -> Uri:
    """Raises BadValue for anything but a `sip:` or `sips:` URI."""
    match = _URI.match(text.strip())
    if not match:
        raise BadValue(f"not a SIP URI: {text[:80]!r}")
    return Uri(
        match["scheme"].lower(),
        match["user"] or "",
        match["host"],
        _port(match["port"]),
        parse_params(match["params"] or ""),
    )


def parse_name_addr(text: str) -> NameAddr:
    """Read a name-addr or a bare addr-spec; parameters of a bare addr-spec belong to the header (section 20.10).

    Raises BadValue for brackets or quotes that don't match.
    """
    match = _NAME_ADDR.match(text.strip())
    if match:
        display = match["quoted"]
        display = re.sub(r"\\(.)", r"\1", display) if display is not None else (match["plain"] or "").strip()
        return NameAddr(match["uri"].strip(), display, parse_params(match["rest"]))
    if "<" in text or ">" in text or '"' in text:
        raise BadValue(f"not an address: {text[:80]!r}")
    uri, semicolon, rest = text.strip().partition(";")
    if not uri:
        raise BadValue("an empty address")
    return NameAddr(uri.strip(), "", parse_params(semicolon + rest))


def parse_via(text: str) -> Via:
    """Raises BadValue."""
    match = _VIA.match(text)
    if not match or match["name"].upper() != "SIP" or match["version"] != "2.0":
        raise BadValue(f"not a Via: {text[:80]!r}")
    return Via(match["transport"].upper(), match["host"], _port(match["port"]), parse_params(match["params"] or ""))


def parse_cseq(text: str) -> tuple[int, str]:
    """The number (below 2**31, section 8.1.1.5) and the method. Raises BadValue."""
    match = _CSEQ.match(text)
    if not match or int(match[1]) >= 1 << 31:
        raise BadValue(f"not a CSeq: {text[:80]!r}")
    return int(match[1]), match[2]


def new_branch() -> str:
    return MAGIC + secrets.token_hex(8)


def new_tag() -> str:
    """Tags also guard a dialog from strangers, so they are cryptographically random (section 19.3)."""
    return secrets.token_hex(8)


def host_port(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 literal."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
