"""Session timers (RFC 4028): who refreshes a call, by UPDATE or by INVITE, and what ends it."""

from __future__ import annotations

import pytest

from ivr.channels.leg import HungUp
from tests.channels.sip.raw_client import Message, RawClient
from tests.channels.sip.server import calling

pytestmark = pytest.mark.sip


async def test_the_peer_refreshes_the_session() -> None:
    async with calling(min_session_expires=1) as (server, client):
        answer = await client.call(extra="Supported: timer\nSession-Expires: 3;refresher=uac")
        assert answer["session-expires"] == "3;refresher=uac"
        assert "timer" in answer["require"]
        refresh = await client.ask("UPDATE", extra="Supported: timer\nSession-Expires: 3;refresher=uac")
        assert refresh["session-expires"] == "3;refresher=uac"
        client.answer(await client.asked("BYE"), 200)
        assert await server.over() == HungUp("error", "session timer expired")
        await server.quiet()


async def test_we_refresh_the_session() -> None:
    async with calling(min_session_expires=1) as (server, client):
        answer = await client.call(extra="Supported: timer\nSession-Expires: 1;refresher=uas")
        assert answer["session-expires"] == "1;refresher=uas"
        for _ in range(2):
            refresh = await client.asked("UPDATE")
            assert refresh["session-expires"] == "1;refresher=uac"
            client.answer(refresh, 200, extra="Session-Expires: 1;refresher=uac")
        client.answer(await client.asked("UPDATE"), 481)
        assert await server.over() == HungUp("error", "481 X")
        await server.quiet()


async def test_a_peer_without_session_timers_is_refreshed() -> None:
    async with calling(session_expires=1, min_session_expires=1) as (_, client):
        answer = await client.call()
        assert answer["session-expires"] == "1;refresher=uas"
        assert "timer" not in answer["require"]
        client.answer(await client.asked("UPDATE"), 405)
        await refreshed_by_invite(client, answer)


async def refreshed_by_invite(client: RawClient, answer: Message) -> None:
    """Take a refreshing re-INVITE, whose ACK is lost once."""
    refresh = await client.asked("INVITE")
    assert refresh["session-expires"] == "1;refresher=uac"
    assert refresh.body == answer.body
    for _ in range(2):
        client.answer(refresh, 200, body=client.sdp(), extra="Session-Expires: 1;refresher=uac")
        ack = await client.asked("ACK")
        assert (ack.cseq, ack.start.split()[1]) == (refresh.cseq, f"sip:callee@127.0.0.1:{client.port}")


async def test_a_peer_that_allows_no_update_is_refreshed_by_invite() -> None:
    async with calling(session_expires=1, min_session_expires=1) as (server, client):
        answer = await client.call(extra="Allow: INVITE, ACK, BYE")
        connections = len(server.media.streams[0].connections)
        await refreshed_by_invite(client, answer)
        assert len(server.media.streams[0].connections) == connections
        client.answer(await client.asked("INVITE"), 481)
        await client.asked("ACK")
        assert await server.over() == HungUp("error", "481 X")
        await server.quiet()


async def test_a_refresh_that_collides_with_the_peers_invite_is_tried_again() -> None:
    async with calling(session_expires=1, min_session_expires=1) as (_, client):
        answer = await client.call(extra="Allow: INVITE, ACK, BYE")
        refresh = await client.asked("INVITE")
        crossing = await client.ask("INVITE", client.sdp())
        client.ack(crossing)
        assert crossing.status == 491
        client.answer(refresh, 491)
        await refreshed_by_invite(client, answer)
