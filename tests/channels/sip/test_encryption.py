"""Who gets encrypted sound: by setting, peer and transport; offers and answers with keys; fallback and refusal."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.channels.sip import encryption
from ivr.channels.sip.encryption import Encryption, Srtp, read
from ivr.channels.sip.sdp import NotAcceptable, Session
from tests.channels.sip.test_sdp import LINES, media, offer

CM, CM32, GCM = "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM"
OPTIONAL, REQUIRED, NEVER = Encryption(True), Encryption(True, True), Encryption(False, True)


def line(suite: str = CM, tag: int = 1, size: int = 30) -> str:
    return f"a=crypto:{tag} {suite} inline:{base64.b64encode(secrets.token_bytes(size)).decode()}"


@dataclass
class Peer:
    """As much of a flow as the policy looks at."""

    remote: tuple[str, int]
    protocol: str


def of(text: str, ip: str, protocol: str, **options: Any) -> tuple[bool, bool]:
    got = read(text, **options).of(Peer((ip, 5060), protocol))  # type: ignore[arg-type]
    return got.wanted, got.needed


@pytest.mark.parametrize(
    ("text", "ip", "protocol", "wanted"),
    [
        ("", "203.0.113.7", "TLS", (True, False)),
        ("optional", "203.0.113.7", "TLS", (True, False)),
        ("optional", "203.0.113.7", "UDP", (False, False)),
        ("off", "203.0.113.7", "TLS", (False, False)),
        ("required", "203.0.113.7", "TLS", (True, True)),
        ("required", "203.0.113.7", "TCP", (False, True)),
        ("required", "127.0.0.1", "UDP", (False, False)),
        ("required", "::1", "UDP", (False, False)),
        ("required,127.0.0.0/8=required", "127.0.0.1", "UDP", (False, True)),
        ("optional, 203.0.113.0/24=REQUIRED", "203.0.113.7", "TLS", (True, True)),
        ("optional,203.0.113.0/24=required,203.0.113.7=off", "203.0.113.7", "TLS", (False, False)),
        ("203.0.113.0/24=off,required", "::ffff:203.0.113.7", "TLS", (False, False)),
        ("off,2001:db8::/32=required", "2001:db8::7%eth0", "TLS", (True, True)),
    ],
)
def test_who_gets_it(text: str, ip: str, protocol: str, wanted: tuple[bool, bool]) -> None:
    assert of(text, ip, protocol) == wanted


def test_without_tls_only_where_the_admin_says_so() -> None:
    assert of("optional", "203.0.113.7", "UDP", without_tls=True) == (True, False)


@pytest.mark.parametrize("text", ["yes", "optional,required", "optional,office=required", "optional,10.0.0.0/8=maybe"])
def test_a_wrong_setting_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=r"^SIP_SRTP: "):
        read(text)


def answer(session: Session, *lines: str) -> tuple[list[str], Any]:
    body, agreed = session.answer(offer(*lines), 4000)
    return media(body), agreed


@pytest.mark.parametrize("proto", ["RTP/SAVP", "RTP/AVP"])
@pytest.mark.parametrize("wants", [OPTIONAL, REQUIRED])
def test_keys_are_taken_in_either_profile(proto: str, wants: Encryption) -> None:
    """RTP/SAVP, and RTP/AVP with keys (RFC 8643); the answer has the offer's profile, tag and suite."""
    theirs = line(CM32, 7)
    said, agreed = answer(Session("192.0.2.1", wants), f"m=audio 5000 {proto} 0", line("F8_128_HMAC_SHA1_80"), theirs)
    assert said[0] == f"m=audio 4000 {proto} 0"
    [crypto] = [text for text in said if text.startswith("a=crypto:")]
    assert crypto.startswith(f"a=crypto:7 {CM32} inline:")
    assert agreed.keys.suite == CM32
    assert base64.b64encode(agreed.keys.theirs).decode() == theirs.split("inline:")[1]
    assert base64.b64encode(agreed.keys.ours).decode() == crypto.split("inline:")[1]


@pytest.mark.parametrize(
    ("lines", "index"),
    [
        (["m=audio 5000 RTP/SAVP 0", line(), "m=audio 5004 RTP/AVP 0"], 0),
        (["m=audio 5004 RTP/AVP 0", "m=audio 5000 RTP/SAVP 0", line()], 1),
        (["m=audio 5000 RTP/SAVP 18", line(), "m=audio 5004 RTP/SAVP 0", line()], 1),
    ],
)
def test_an_encrypted_stream_is_taken_rather_than_another(lines: list[str], index: int) -> None:
    said, agreed = answer(Session("192.0.2.1", OPTIONAL), *lines)
    ports = [text.split()[1] for text in said if text.startswith("m=")]
    assert [port != "0" for port in ports] == [position == index for position in range(len(ports))]
    assert agreed.keys


@pytest.mark.parametrize(
    ("wants", "lines"),
    [
        (OPTIONAL, ["m=audio 5000 RTP/AVP 0"]),
        (OPTIONAL, ["m=audio 5000 RTP/AVP 0", "a=crypto:1 nonsense"]),
        (OPTIONAL, ["m=audio 5000 RTP/SAVP 0", "a=crypto:nonsense", "m=audio 5004 RTP/AVP 0"]),
        (Encryption(), ["m=audio 5000 RTP/AVP 0", line()]),
        (Encryption(), ["m=audio 5000 RTP/SAVP 0", line(), "m=audio 5004 RTP/AVP 0"]),
    ],
)
def test_otherwise_it_is_plain(wants: Encryption, lines: list[str]) -> None:
    said, agreed = answer(Session("192.0.2.1", wants), *lines)
    assert agreed.keys is None
    assert not any("crypto" in text for text in said)


@pytest.mark.parametrize(
    ("wants", "lines", "why"),
    [
        (OPTIONAL, ["m=audio 5000 RTP/SAVP 0"], "no a=crypto line"),
        (OPTIONAL, ["m=audio 5000 RTP/SAVP 0", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:short"], "no a=crypto line"),
        (OPTIONAL, ["m=audio 5000 RTP/SAVP 0", "a=crypto"], "no a=crypto line"),
        (Encryption(), ["m=audio 5000 RTP/SAVP 0", line()], "TLS alone"),
        (REQUIRED, ["m=audio 5000 RTP/AVP 0"], "must be encrypted"),
        (REQUIRED, ["m=audio 5000 RTP/AVP 0", "a=crypto:"], "must be encrypted"),
        (NEVER, ["m=audio 5000 RTP/SAVP 0", line()], "TLS alone"),
        (NEVER, ["m=audio 5000 RTP/AVP 0"], "TLS alone"),
    ],
)
def test_refused(wants: Encryption, lines: list[str], why: str) -> None:
    with pytest.raises(NotAcceptable, match=why) as refused:
        Session("192.0.2.1", wants).check(offer(*lines))
    assert "inline" not in str(refused.value)


@pytest.mark.parametrize(("wants", "proto"), [(OPTIONAL, "RTP/AVP"), (REQUIRED, "RTP/SAVP")])
def test_an_offer_of_ours(wants: Encryption, proto: str) -> None:
    session = Session("192.0.2.1", wants)
    said = media(session.offer(4000))
    assert said[0] == f"m=audio 4000 {proto} 0 8 101"
    assert [text.split()[1] for text in said if text.startswith("a=crypto:")] == [GCM, CM, CM32]
    agreed = session.accept(offer(f"m=audio 5000 {proto} 0", line(CM, 2)))
    assert agreed.keys
    assert agreed.keys.suite == CM
    assert media(session.offer(4000)) == said, "keys of ours stay"


def test_an_offer_of_ours_that_is_answered_in_the_clear() -> None:
    optional, required = Session("192.0.2.1", OPTIONAL), Session("192.0.2.1", REQUIRED)
    optional.offer(4000)
    required.offer(4000)
    assert optional.accept(offer("m=audio 5000 RTP/AVP 0")).keys is None
    for body in (offer("m=audio 5000 RTP/AVP 0"), offer("m=audio 5000 RTP/SAVP 0", line(GCM, 2, 28))):
        with pytest.raises(NotAcceptable):
            required.accept(body)
    with pytest.raises(NotAcceptable, match="TLS alone"):
        Session("192.0.2.1", NEVER).offer(4000)


def test_a_new_offer_with_the_same_keys_changes_nothing_and_new_keys_change_theirs_alone() -> None:
    """RFC 4568 section 7.1.4."""
    session, theirs = Session("192.0.2.1", OPTIONAL), line()
    first = answer(session, "m=audio 5000 RTP/SAVP 0", theirs)[1]
    held = answer(session, "m=audio 5000 RTP/SAVP 0", theirs, "a=sendonly")[1]
    assert held.keys == first.keys
    again = answer(session, "m=audio 5000 RTP/SAVP 0", line())[1]
    assert again.keys.ours == first.keys.ours
    assert again.keys.theirs != first.keys.theirs
    other = answer(session, "m=audio 5000 RTP/SAVP 0", line(GCM, 3, 28))[1]
    assert other.keys.ours != first.keys.ours
    # what we offer later keeps the profile; a refresh repeats tag and suite, and takes their answer to it
    assert media(session.offer(4000))[0].startswith("m=audio 4000 RTP/SAVP ")


def test_rtcp_on_the_port_of_the_sound_where_the_offer_wants_it() -> None:
    said, agreed = answer(Session("192.0.2.1"), "m=audio 5000 RTP/AVP 0", "a=rtcp-mux")
    assert "a=rtcp-mux" in said
    assert agreed.mux
    said, agreed = answer(Session("192.0.2.1"), "m=audio 5000 RTP/AVP 0")
    assert "a=rtcp-mux" not in said
    assert not agreed.mux
    session = Session("192.0.2.1")
    assert "a=rtcp-mux" not in media(session.offer(4000))
    assert not session.accept(offer("m=audio 5000 RTP/AVP 0", "a=rtcp-mux")).mux, "we had not offered it"


CRYPTO = st.sampled_from([line(), line(GCM, 3, 28), line(CM, 1, 29), "a=crypto:1", "a=crypto", "a=crypto:1 x y z"])


@given(st.lists(st.one_of(LINES, CRYPTO, st.just("m=audio 5000 RTP/SAVP 0")), max_size=12), st.booleans())
def test_any_lines_are_answered_or_refused(lines: list[str], needed: bool) -> None:
    wants = Encryption(True, needed)
    try:
        body, agreed = Session("192.0.2.1", wants).answer(offer(*lines), 4000)
    except NotAcceptable:
        return
    assert agreed.keys is not None or not needed
    assert (agreed.keys is not None) == ("a=crypto:" in body.decode())
    assert ("RTP/SAVP" not in body.decode().split("m=audio 4000")[1].split("\r\n")[0]) or agreed.keys


def test_without_the_library_it_is_off_or_a_plain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from ivr.channels.sip.service import sip_settings
    from ivr.settings import Settings

    monkeypatch.setattr(encryption, "available", lambda: False)
    assert sip_settings(Settings(_env_file=None)).srtp == Srtp("off")
    with pytest.raises(ValueError, match="SIP_SRTP: required needs pylibsrtp"):
        sip_settings(Settings(_env_file=None, sip_srtp="optional,10.0.0.0/8=required"))
    monkeypatch.undo()
    assert sip_settings(Settings(_env_file=None)).srtp == Srtp("optional")
