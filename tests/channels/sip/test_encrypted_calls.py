"""Encrypted sound over the wire: who is served and who is refused, new keys, and that no key is logged."""

from __future__ import annotations

import base64
import ipaddress
import logging
from pathlib import Path
from typing import Any

import pytest

from ivr.channels.leg import Answered, HungUp
from ivr.channels.sip.encryption import Srtp
from tests.channels.sip.raw_client import RawClient
from tests.channels.sip.server import calling, eventually, serving
from tests.channels.sip.test_encryption import CM, line
from tests.channels.sip.test_stream import certificate

__all__ = ["certificate"]

pytestmark = pytest.mark.sip


def secured(maker: RawClient, crypto: str, proto: str = "RTP/SAVP") -> str:
    return maker.sdp(extra=f"{crypto}\r\n" if crypto else "").replace("RTP/AVP", proto)


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


@pytest.mark.parametrize("mode", ["optional", "required"])
async def test_calls_over_tls_are_encrypted_both_ways(certificate: tuple[Path, Path], mode: Any) -> None:
    """One endpoint calls another: offered as RTP/AVP with keys where optional, RTP/SAVP where required."""
    tls: dict[str, Any] = {
        "tls_certificate": certificate[0],
        "tls_key": certificate[1],
        "tls_port": 0,
        "tls_verify": False,
    }
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
