"""Within a call: hold and resume, new media addresses, keys by INFO, refreshes, transfers."""

from __future__ import annotations

import asyncio

import pytest

from ivr.channels.leg import Digit, HungUp, PlayEnded, ReferEnded
from ivr.channels.sip import leg
from ivr.channels.sip.settings import Registration
from tests.channels.sip.raw_client import Message, RawClient
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


@pytest.mark.parametrize(
    ("target", "refer_to"),
    [
        ("+15550100", "<sip:+15550100@127.0.0.1:{port}>"),
        ("tel:+15550100", "<sip:+15550100@127.0.0.1:{port}>"),
        ("*98", "<sip:*98@127.0.0.1:{port}>"),
        ("SIP:agent@example.com;transport=tcp", "<sip:agent@example.com;transport=tcp>"),
    ],
)
async def test_a_transfer_to_a_number_goes_to_the_peers_host(target: str, refer_to: str) -> None:
    async with calling() as (server, client):
        await client.call()
        server.legs[0].refer(target)
        refer = await client.asked("REFER")
        assert refer["refer-to"] == refer_to.format(port=client.port)
        client.answer(refer, 603)
        await client.bye()


async def test_a_transfer_to_a_number_goes_to_the_registrar_that_the_call_came_from() -> None:
    account = Registration("sip:127.0.0.1", "shop", "secret")
    async with calling(registrations=(account,)) as (server, client):
        await client.call()
        server.legs[0].refer("+15550100")
        refer = await client.asked("REFER")
        assert refer["refer-to"] == "<sip:+15550100@127.0.0.1>"
        client.answer(refer, 603)
        await client.bye()


async def test_a_transfer_succeeds() -> None:
    async with calling() as (server, client):
        await client.call()
        server.legs[0].refer("sip:agent@example.com")
        refer = await client.asked("REFER")
        assert refer["refer-to"] == "<sip:agent@example.com>"
        client.answer(refer, 202)
        for status, state in ((100, "active"), (180, "active"), (200, "terminated;reason=noresource")):
            answer = await client.ask(
                "NOTIFY",
                f"SIP/2.0 {status} X",
                kind="message/sipfrag",
                extra=f"Event: refer\nSubscription-State: {state}",
            )
            assert answer.status == 200
        await client.bye()
        await server.over()
        assert server.events[0] == [ReferEnded(200), HungUp("peer")]


async def test_a_transfer_is_refused() -> None:
    async with calling() as (server, client):
        await client.call()
        server.legs[0].refer("sip:agent@example.com")
        client.answer(await client.asked("REFER"), 405)
        assert (await client.ask("NOTIFY", "x", kind="message/sipfrag", extra="Event: refer")).status == 489
        await client.bye()
        await server.over()
        assert server.events[0] == [ReferEnded(405), HungUp("peer")]


async def test_commands_on_a_leg_that_is_over_do_nothing() -> None:
    async with calling() as (server, client):
        await client.call()
        await client.bye()
        await server.over()
        leg = server.legs[0]
        leg.hang_up()
        leg.stop()
        leg.refer("sip:agent@example.com")
        await leg.answer()
        await leg.reject(486)
        assert leg.play([]) == 0
        await asyncio.sleep(0.05)
        assert [m for m in client.log if m.method] == []


@pytest.mark.parametrize("target", ["", "mailto:a@example.com", "+1555\r\nEvil: 1", "a b", "sip:"])
async def test_a_transfer_to_what_is_no_address_is_refused_before_it_is_sent(target: str) -> None:
    async with calling() as (server, client):
        await client.call()
        with pytest.raises(ValueError, match="SIP URI"):
            server.legs[0].refer(target)
        await client.bye()


@pytest.mark.parametrize("meanwhile", ["nothing", "BYE"])
async def test_the_last_words_are_heard_before_our_bye(meanwhile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leg, "LINGER", 1.0)
    async with calling() as (server, client):
        await client.call()
        server.legs[0].on_media(PlayEnded(1, "done"))
        server.legs[0].hang_up()
        server.legs[0].hang_up()
        assert (await client.ask("OPTIONS")).status == 200
        assert not [m for m in client.log if m.method == "BYE"]
        if meanwhile == "BYE":
            assert (await client.bye()).status == 200
            assert await server.over() == HungUp("peer")
        else:
            client.answer(await client.asked("BYE"), 200)
            assert await server.over() == HungUp("us")
        await server.quiet()


async def test_closing_waits_for_no_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leg, "LINGER", 30.0)
    async with calling() as (server, client):
        await client.call()
        server.legs[0].on_media(PlayEnded(1, "done"))
        server.legs[0].hang_up()
        await server.endpoint.drain(0)
        client.answer(await client.asked("BYE"), 200)
        assert await server.over() == HungUp("us")
