"""Transfers by REFER (RFC 3515): where they go, and how they end."""

from __future__ import annotations

import pytest

from ivr.channels.leg import HungUp, ReferEnded
from ivr.channels.sip.settings import Registration
from tests.channels.sip.server import calling

pytestmark = pytest.mark.sip


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


@pytest.mark.parametrize("target", ["", "mailto:a@example.com", "+1555\r\nEvil: 1", "a b", "sip:"])
async def test_a_transfer_to_what_is_no_address_is_refused_before_it_is_sent(target: str) -> None:
    async with calling() as (server, client):
        await client.call()
        with pytest.raises(ValueError, match="SIP URI"):
            server.legs[0].refer(target)
        await client.bye()
