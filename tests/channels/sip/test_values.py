"""URIs, addresses, Via, CSeq and parameters: what is read, what is refused, and that hostile text costs no time."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.channels.sip import indialog
from ivr.channels.sip.message import Malformed, parse
from ivr.channels.sip.values import (
    BadValue,
    Uri,
    host_port,
    parse_cseq,
    parse_name_addr,
    parse_params,
    parse_uri,
    parse_via,
)
from tests.channels.sip.test_layer import Wire


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:bob@example.com", Uri("sip", "bob", "example.com")),
        ("SIPS:bob@example.com:5061", Uri("sips", "bob", "example.com", 5061)),
        ("sip:example.com", Uri("sip", "", "example.com")),
        ("sip:+1555@10.0.0.1;user=phone;lr", Uri("sip", "+1555", "10.0.0.1", 0, {"user": "phone", "lr": ""})),
        ("sip:bob:secret@example.com?subject=x", Uri("sip", "bob:secret", "example.com")),
        ("sip:bob@[2001:db8::1]:5070;transport=TCP", Uri("sip", "bob", "[2001:db8::1]", 5070, {"transport": "TCP"})),
        ("sip:user;par=u%40example.net@example.com", Uri("sip", "user;par=u%40example.net", "example.com")),
        (" sip:a@b ", Uri("sip", "a", "b")),
    ],
)
def test_uris(text: str, uri: Uri) -> None:
    assert parse_uri(text) == uri
    assert parse_uri(str(uri)) == uri


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip",
        "tel:+1555",
        "http://example.com",
        "sip:a@",
        "sip:a@b@c",
        "sip:a@b:99999",
        "sip:a@b:x",
        "sip:a b@c",
        "sip:<a@b>",
        "sip:a@b>c",
        'sip:"a"@b',
        "sip:a@b\r\nVia: x",
        "\x00",
        "sip:a@b:123456",
        "sip:a@[::1",
    ],
)
def test_no_uris(text: str) -> None:
    with pytest.raises(BadValue):
        parse_uri(text)


@pytest.mark.parametrize(
    ("text", "transport", "address"),
    [
        ("sip:a@b", "UDP", "b"),
        ("sip:a@b;transport=tcp", "TCP", "b"),
        ("sips:a@b;transport=tcp", "TLS", "b"),
        ("sip:a@[::1]", "UDP", "::1"),
    ],
)
def test_where_a_uri_leads(text: str, transport: str, address: str) -> None:
    uri = parse_uri(text)
    assert (uri.transport, uri.address) == (transport, address)


@pytest.mark.parametrize(
    ("text", "uri", "display", "tag"),
    [
        ("<sip:a@b>;tag=7", "sip:a@b", "", "7"),
        ("sip:a@b;tag=7", "sip:a@b", "", "7"),
        ("<sip:a@b;tag=no>", "sip:a@b;tag=no", "", ""),
        ("Ann Lee <sip:a@b>", "sip:a@b", "Ann Lee", ""),
        ('"Lee, \\"Ann\\" <ann>" <sip:a@b> ; TAG = 7 ', "sip:a@b", 'Lee, "Ann" <ann>', "7"),
        ('""<tel:+1555>', "tel:+1555", "", ""),
        ('  "A" \t <sip:a@b>;tag=7;tag=8', "sip:a@b", "A", "7"),
        ("caller<sip:a@b>;;,;tag=7", "sip:a@b", "caller", "7"),
        ('<sip:a@b>;q="x;tag=no";tag=7', "sip:a@b", "", "7"),
        ("<>", "", "", ""),
        ("*", "*", "", ""),
    ],
)
def test_addresses(text: str, uri: str, display: str, tag: str) -> None:
    address = parse_name_addr(text)
    assert (address.uri, address.display, address.tag) == (uri, display, tag)


@pytest.mark.parametrize("text", ["", " ", '"Ann <sip:a@b>', "Ann <sip:a@b", "sip:a@b>", '"Ann', '"a" "b" <sip:a@b>'])
def test_no_addresses(text: str) -> None:
    with pytest.raises(BadValue):
        parse_name_addr(text)


@pytest.mark.parametrize(
    ("text", "transport", "sent_by", "branch"),
    [
        ("SIP/2.0/UDP 10.0.0.1:5080;branch=z9hG4bKx;rport", "UDP", "10.0.0.1:5080", "z9hG4bKx"),
        ("SIP/2.0/tcp HOST.example.com", "TCP", "host.example.com:0", ""),
        (" SIP / 2.0 / UDP \t host : 5060 ; branch = z9hG4bKx", "UDP", "host:5060", "z9hG4bKx"),
        ("SIP/2.0/TLS [2001:DB8::1]:5061 ;branch=b", "TLS", "[2001:db8::1]:5061", "b"),
        ("sip/2.0/UDP host  ", "UDP", "host:0", ""),
    ],
)
def test_vias(text: str, transport: str, sent_by: str, branch: str) -> None:
    via = parse_via(text)
    assert (via.transport, via.sent_by, via.branch) == (transport, sent_by, branch)
    assert parse_via(str(via)) == via


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/3.0/UDP h",
        "HTTP/2.0/UDP h",
        "SIP/2.0 h",
        "SIP/2.0/UDP h:99999",
        "SIP/2.0/UDP h:port",
        "SIP/2.0/UDP h x",
        "SIP/2.0/UDP ;branch=x",
        "SIP/2.0/UDP h 5060",
        "SIP/2.0/UDP h:1:2",
    ],
)
def test_no_vias(text: str) -> None:
    with pytest.raises(BadValue):
        parse_via(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [("1 INVITE", (1, "INVITE")), ("  0009\t OPTIONS ", (9, "OPTIONS")), ("2147483647 X-y", (2147483647, "X-y"))],
)
def test_cseqs(text: str, found: tuple[int, str]) -> None:
    assert parse_cseq(text) == found


@pytest.mark.parametrize(
    "text", ["", "1", "INVITE", "-1 INVITE", "2147483648 BYE", "36893488147419103232 BYE", "1 A B", "1 (", "٣ BYE"]
)
def test_no_cseqs(text: str) -> None:
    with pytest.raises(BadValue):
        parse_cseq(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        (";;;", {}),
        (";a=1;A=2;b", {"a": "1", "b": ""}),
        (';a="x;y=\\"z";b = 2 ', {"a": '"x;y=\\"z"', "b": "2"}),
        (';a="open;b=1', {"a": '"open', "b": "1"}),
        (";=1;a=", {"a": ""}),
    ],
)
def test_parameters(text: str, found: dict[str, str]) -> None:
    assert parse_params(text) == found


@pytest.mark.parametrize(
    ("host", "text"), [("h", "h:5"), ("::1", "[::1]:5"), ("[::1]", "[::1]:5"), ("10.0.0.1", "10.0.0.1:5")]
)
def test_a_host_with_its_port(host: str, text: str) -> None:
    assert host_port(host, 5) == text


BITS = [" ", "\t", "a", ";", "; a", ";a=", '"', '\\"', "\\", "<", ">", "<>", ":", "@", "/", ",", "[", ".", "5", "sip:"]
BITS += ["\r\n ", ';a="', ';a= "', "a ", "signal", "signal=\n", "\n"]
STARTS = [
    "",
    "a",
    '"',
    "<",
    "<sip:a@b>",
    "sip:",
    "sip:a@b",
    "SIP/2.0/UDP h",
    "SIP/2.0/UDP ",
    "SIP",
    "1",
    '"a"',
    "<sip:a@b>;a",
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("start", STARTS)
def test_hostile_text_takes_linear_time(start: str) -> None:
    """Twenty thousand characters of one thing, then something that does not fit. A pattern that tries all ways to
    split it needs minutes, and pytest's time limit ends it."""
    for bit in BITS:
        for end in ("", "\0"):
            text = start + bit * (20_000 // len(bit)) + end
            for read in (parse_uri, parse_name_addr, parse_via, parse_cseq, parse_params):
                with contextlib.suppress(BadValue):
                    read(text)
            indialog._RELAY.search(text.encode())


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["Via", "From", "To", "CSeq", "Max-Forwards", "Content-Length", "Contact", "X"])
def test_a_datagram_of_blanks_takes_linear_time(name: str) -> None:
    usual = {
        "Via": "SIP/2.0/UDP h",
        "From": "<sip:a@b>;tag=1",
        "To": "<sip:a@b>",
        "CSeq": "1 OPTIONS",
        "Call-ID": "c",
    }
    for blanks in (" " * 60_000, "\r\n " * 20_000):
        headers = usual | {name: f"{usual.get(name, '1')}{blanks}x"}
        text = "".join(f"{key}: {value}\r\n" for key, value in headers.items())
        with contextlib.suppress(Malformed):
            parse(f"OPTIONS sip:a@b SIP/2.0\r\n{text}\r\n".encode(), Wire())


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    for read in (parse_uri, parse_name_addr, parse_via, parse_cseq):
        try:
            found = read(text)
        except BadValue:
            continue
        str(found)
    parse_params(text)
