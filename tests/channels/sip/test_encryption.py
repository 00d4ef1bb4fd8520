"""Who gets encrypted sound: by setting, peer and transport; offers and answers with keys; fallback and refusal."""

from __future__ import annotations

import base64
import ipaddress
import logging
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.channels.leg import Answered, HungUp
from ivr.channels.sip import encryption
from ivr.channels.sip.encryption import Encryption, Srtp, read
from ivr.channels.sip.sdp import NotAcceptable, Session
from tests.channels.sip.raw_client import RawClient
from tests.channels.sip.server import calling, eventually, serving
from tests.channels.sip.test_sdp import LINES, media, offer
from tests.channels.sip.test_stream import certificate

__all__ = ["certificate"]

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


# Over the wire


def secured(maker: RawClient, crypto: str, proto: str = "RTP/SAVP") -> str:
    return maker.sdp(extra=f"{crypto}\r\n" if crypto else "").replace("RTP/AVP", proto)


@pytest.mark.sip
@pytest.mark.parametrize("proto", ["RTP/SAVP", "RTP/AVP"])
async def test_over_udp_keys_are_not_taken(proto: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with calling(srtp=Srtp("optional")) as (server, client):
        crypto = line()
        answer = await client.call(secured(client, crypto, proto))
        if proto == "RTP/SAVP":
            assert answer.status == 488
            assert "TLS alone" in answer["warning"]
            assert "media refused" in caplog.text
        else:
            assert answer.status == 200
            assert "crypto" not in answer.body
            assert server.media.streams[0].keys is None
            await client.bye()
        assert crypto.split("inline:")[1][:12] not in caplog.text


@pytest.mark.sip
async def test_over_udp_where_the_admin_says_so_and_no_key_is_logged(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    async with calling(srtp=Srtp("required", ((ipaddress.ip_network("127.0.0.0/8"), "required"),), True)) as pair:
        server, client = pair
        refused = await client.call()
        assert refused.status == 488
        client.renew()
        crypto = line()
        answer = await client.call(secured(client, crypto))
        assert answer.status == 200
        keys = server.media.streams[0].keys
        assert keys.suite == CM
        # re-INVITE: on hold with the keys that stand, then with new ones
        for body, same in ((secured(client, crypto), True), (secured(client, line()), False)):
            client.cseq += 1
            client.send(client.invite(body))
            again = await client.final("INVITE")
            client.ack(again)
            assert again.status == 200
            now = server.media.streams[0].keys
            assert (now == keys) is same
            assert now.ours == keys.ours
        # without keys it is refused, and the call goes on as it was
        client.cseq += 1
        client.send(client.invite(client.sdp()))
        again = await client.final("INVITE")
        client.ack(again)
        assert again.status == 488
        assert server.media.streams[0].keys == now
        # our own late offer and its answer in the ACK
        client.cseq += 1
        client.send(client.invite(""))
        late = await client.final("INVITE")
        assert "RTP/SAVP" in late.body
        client.ack(late, secured(client, line(CM, 2)))
        await eventually(lambda: server.media.streams[0].keys.theirs != now.theirs)
        await client.bye()
        secret = [*(base64.b64encode(key).decode()[:12] for key in (keys.ours, keys.theirs)), repr(keys.ours)[2:14]]
        shown = caplog.text + repr(server.legs) + repr(server.legs[0].agreed) + repr(server.events)
        assert not any(text in shown for text in secret)


@pytest.mark.sip
@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_calls_over_tls_are_encrypted_both_ways(certificate: tuple[Path, Path], mode: Any) -> None:
    """One endpoint calls another: offered as RTP/AVP with keys where optional, RTP/SAVP where required."""
    tls = {"tls_certificate": certificate[0], "tls_key": certificate[1], "tls_port": 0, "tls_verify": False}
    srtp = Srtp(mode, ((ipaddress.ip_network("127.0.0.0/8"), mode),))
    async with serving(tcp=True, srtp=srtp, **tls) as server, serving(srtp=srtp, **tls) as caller:
        port = server.endpoint.transports.ports["TLS"]
        leg = await caller.endpoint.dial(f"sip:ivr@127.0.0.1:{port};transport=tls")
        assert await leg.next_event() == Answered()
        await eventually(lambda: bool(server.media.streams) and server.media.streams[0].keys is not None)
        theirs, ours = server.media.streams[0].keys, caller.media.streams[0].keys
        assert (ours.suite, ours.ours, ours.theirs) == (theirs.suite, theirs.theirs, theirs.ours)
        leg.hang_up()
        await leg.next_event()


@pytest.mark.sip
async def test_where_it_is_required_we_call_nobody_in_the_clear() -> None:
    srtp = Srtp("optional", ((ipaddress.ip_network("127.0.0.0/8"), "required"),))
    async with serving(srtp=srtp) as server:
        peer = await RawClient.open(server.endpoint.address)
        leg = await server.endpoint.dial(f"sip:agent@127.0.0.1:{peer.port}")
        ended = await leg.next_event()
        assert isinstance(ended, HungUp)
        assert "TLS alone" in ended.reason
        assert not peer.log
        peer.close()


@pytest.mark.sip
async def test_an_answer_in_the_clear_where_it_is_required_ends_the_call() -> None:
    srtp = Srtp("required", ((ipaddress.ip_network("127.0.0.0/8"), "required"),), without_tls=True)
    async with serving(srtp=srtp) as server:
        peer = await RawClient.open(server.endpoint.address)
        leg = await server.endpoint.dial(f"sip:agent@127.0.0.1:{peer.port}")
        invite = await peer.asked("INVITE")
        assert "RTP/SAVP" in invite.body
        peer.answer(invite, 200, body=peer.sdp())
        await peer.asked("ACK")
        peer.answer(await peer.asked("BYE"), 200)
        ended = await leg.next_event()
        assert isinstance(ended, HungUp)
        assert "unusable answer" in ended.reason
        assert not server.media.streams
        peer.close()


@pytest.mark.sip
async def test_who_refuses_the_choice_is_offered_encrypted_sound_alone() -> None:
    """A telephone set to SRTP alone that doesn't know RFC 8643."""
    async with serving(srtp=Srtp("optional", (), True)) as server:
        peer = await RawClient.open(server.endpoint.address)
        leg = await server.endpoint.dial(f"sip:agent@127.0.0.1:{peer.port}")
        first = await peer.asked("INVITE")
        assert "RTP/AVP 0 8 101" in first.body
        peer.answer(first, 488)
        second = await peer.until(lambda m: m.method == "INVITE" and m.cseq == "2")
        assert second["call-id"] == first["call-id"]
        assert "RTP/SAVP 0 8 101" in second.body
        assert int(second["content-length"]) == len(second.body)
        peer.answer(second, 200, body=secured(peer, line(CM, 2)))
        await peer.until(lambda m: m.method == "ACK" and m.cseq == "2")
        assert await leg.next_event() == Answered()
        assert server.media.streams[0].keys
        leg.hang_up()
        peer.answer(await peer.asked("BYE"), 200)
        await leg.next_event()
        # and if that is refused too, that is that
        again = await server.endpoint.dial(f"sip:agent@127.0.0.1:{peer.port}")
        for _ in range(2):
            peer.answer(await peer.asked("INVITE"), 488, "No")
        assert await again.next_event() == HungUp("peer", "488 No")
        peer.close()


def test_without_the_library_it_is_off_or_a_plain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from ivr.channels.sip.service import sip_settings
    from ivr.settings import Settings

    monkeypatch.setattr(encryption, "available", lambda: False)
    assert sip_settings(Settings(_env_file=None)).srtp == Srtp("off")
    with pytest.raises(ValueError, match="SIP_SRTP: required needs pylibsrtp"):
        sip_settings(Settings(_env_file=None, sip_srtp="optional,10.0.0.0/8=required"))
    monkeypatch.undo()
    assert sip_settings(Settings(_env_file=None)).srtp == Srtp("optional")
