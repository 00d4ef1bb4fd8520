"""Within a call: hold and resume, new media addresses, keys by INFO."""

from __future__ import annotations

import pytest

from ivr.channels.leg import Digit, HungUp
from tests.channels.sip.server import calling

pytestmark = pytest.mark.sip


async def test_hold_and_resume() -> None:
    async with calling() as (server, client):
        first = await client.call()
        stream = server.media.streams[0]
        held = await client.ask("INVITE", client.sdp(direction="sendonly"))
        client.ack(held)
        assert "a=recvonly" in held.body
        assert stream.last[3:] == (False, True)
        inactive = await client.ask("INVITE", client.sdp(direction="inactive"))
        client.ack(inactive)
        assert "a=inactive" in inactive.body
        assert stream.last[3:] == (False, False)
        resumed = await client.ask("INVITE", client.sdp())
        client.ack(resumed)
        assert "a=sendrecv" in resumed.body
        assert stream.last[3:] == (True, True)
        origins = [m.body.splitlines()[1].split() for m in (first, held, inactive, resumed)]
        assert len({origin[1] for origin in origins}) == 1
        assert [int(origin[2]) for origin in origins] == [1, 2, 3, 4]
        await client.bye()
        await server.quiet()


async def test_hold_by_an_unspecified_address() -> None:
    async with calling() as (server, client):
        await client.call()
        client.ack(await client.ask("INVITE", client.sdp(host="0.0.0.0")))
        assert server.media.streams[0].last[3:] == (False, True)


async def test_a_new_media_address() -> None:
    async with calling() as (server, client):
        await client.call()
        client.rtp_port = 41_000
        answer = await client.ask("INVITE", client.sdp(host="127.0.0.9"))
        client.ack(answer)
        assert server.media.streams[0].last[0] == ("127.0.0.9", 41_000)
        assert len(server.media.streams) == 1


async def test_a_repeated_reinvite_is_served_once() -> None:
    async with calling() as (server, client):
        await client.call()
        client.cseq += 1
        again = client.request("INVITE", client.sdp(), branch="z9hG4bKagain")
        client.send(again)
        answer = await client.final("INVITE")
        client.send(again)
        client.ack(answer)
        await client.bye()
        assert len(server.media.streams) <= 1
        await server.quiet()


async def test_a_lost_200_to_a_reinvite_is_sent_again() -> None:
    async with calling() as (server, client):
        await client.call()
        answer = await client.ask("INVITE", client.sdp())
        again = await client.final("INVITE")
        assert answer.raw == again.raw
        client.ack(again)
        await client.bye()
        await server.quiet()


async def test_late_offers() -> None:
    async with calling() as (server, client):
        client.send(client.invite(""))
        answer = await client.final("INVITE")
        assert "RTP/AVP 0 8 101" in answer.body
        client.took(answer)
        assert not server.media.streams[0].connections
        client.ack(answer, client.sdp("8 101"))
        again = await client.ask("INVITE")
        assert "m=audio" in again.body
        client.rtp_port = 41_002
        client.ack(again, client.sdp("8 101"))
        await client.bye()
        await server.over()
        assert server.legs[0].agreed is not None
        assert (server.legs[0].agreed.remote[1], server.legs[0].agreed.codec) == (41_002, "PCMA")


async def test_a_late_offer_that_gets_no_answer_ends_the_call() -> None:
    async with calling() as (server, client):
        client.send(client.invite(""))
        answer = await client.final("INVITE")
        client.took(answer)
        client.ack(answer)
        client.answer(await client.asked("BYE"), 200)
        ended = await server.over()
        assert isinstance(ended, HungUp)
        assert ended.by == "error"
        await server.quiet()


async def test_a_reinvite_without_a_common_codec_leaves_the_call_as_it_was() -> None:
    async with calling() as (server, client):
        await client.call()
        before = server.media.streams[0].last
        refused = await client.ask("INVITE", client.sdp("18"))
        client.ack(refused)
        assert refused.status == 488
        assert server.media.streams[0].last == before
        await client.bye()


@pytest.mark.parametrize(
    ("kind", "body", "digit"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5"),
        ("application/dtmf-relay", "Signal= *\r\nDuration= 250", "*"),
        ("application/dtmf-relay", "Duration=100\r\nsignal=11\r\n", "#"),
        ("application/dtmf", "7", "7"),
        ("application/dtmf", "#\r\n", "#"),
        ("application/dtmf; charset=x", "10", "*"),
    ],
)
async def test_keys_by_info(kind: str, body: str, digit: str) -> None:
    async with calling() as (server, client):
        await client.call()
        assert (await client.ask("INFO", body, kind=kind)).status == 200
        await client.bye()
        await server.over()
        pressed = [event.digit for event in server.events[0] if isinstance(event, Digit)]
        assert pressed == [digit]


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/dtmf-relay", "Signal=99\r\n", 400),
        ("application/dtmf", "", 200),
        ("application/dtmf", "hello", 400),
        ("application/media_control+xml", "<x/>", 415),
    ],
)
async def test_info_without_a_key(kind: str, body: str, status: int) -> None:
    async with calling() as (_, client):
        await client.call()
        assert (await client.ask("INFO", body, kind=kind)).status == status


async def test_a_repeated_info_is_one_key() -> None:
    async with calling() as (server, client):
        await client.call()
        client.cseq += 1
        info = client.request("INFO", "5", kind="application/dtmf", branch="z9hG4bKinfo")
        for _ in range(3):
            client.send(info)
            assert (await client.final("INFO")).status == 200
        await client.bye()
        await server.over()
        assert sum(isinstance(event, Digit) for event in server.events[0]) == 1


async def test_requests_out_of_order_are_500() -> None:
    async with calling() as (_, client):
        await client.call()
        await client.ask("OPTIONS")
        client.send(client.request("OPTIONS", cseq=1))
        assert (await client.final("OPTIONS")).status == 500


async def test_update_changes_the_media() -> None:
    async with calling() as (server, client):
        await client.call()
        client.rtp_port = 41_004
        answer = await client.ask("UPDATE", client.sdp(direction="sendonly"))
        assert (answer.status, "a=recvonly" in answer.body) == (200, True)
        assert server.media.streams[0].last[0][1] == 41_004
        assert (await client.ask("UPDATE")).status == 200
