"""Somebody with several telephones: all of them ring, one of them has the call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ivr.channels.leg import Answered, HungUp
from ivr.channels.sip.outgoing import OutgoingLeg
from ivr.channels.sip.registrar import Account
from tests.channels.sip.raw_client import Message, RawClient
from tests.channels.sip.server import Server, eventually, serving
from tests.channels.sip.telephone import Telephone

pytestmark = pytest.mark.sip

ACCOUNTS = {"ann": Account("ann", "secret")}


@asynccontextmanager
async def telephones(count: int = 2) -> AsyncIterator[tuple[Server, list[RawClient]]]:
    """Several of ann's, registered."""
    async with serving(accounts=ACCOUNTS.get) as server:
        clients = [await RawClient.open(server.endpoint.address) for _ in range(count)]
        try:
            for client in clients:
                assert (await Telephone(client).register()).status == 200
            yield server, clients
        finally:
            for client in clients:
                client.close()


async def ringing(server: Server, clients: list[RawClient]) -> tuple[OutgoingLeg, list[Message]]:
    leg = await server.endpoint.dial("sip:ann@local")
    invites = [await client.asked("INVITE") for client in clients]
    for client, invite in zip(clients, invites, strict=True):
        client.answer(invite, 180)
    await eventually(lambda: all(branch.heard for branch in leg._branches))
    return leg, invites


async def cancelled(client: RawClient, invite: Message) -> None:
    client.answer(await client.asked("CANCEL"), 200)
    client.answer(invite, 487)
    await client.asked("ACK")


async def test_the_first_to_answer_has_the_call_and_the_others_stop_ringing() -> None:
    async with telephones(3) as (server, (one, two, three)):
        leg, invites = await ringing(server, [one, two, three])
        assert len({invite["call-id"] for invite in invites}) == 1
        two.answer(invites[1], 200, body=two.sdp())
        await two.asked("ACK")
        assert await leg.next_event() == Answered()
        await cancelled(one, invites[0])
        await cancelled(three, invites[2])
        assert leg.up
        leg.hang_up()
        two.answer(await two.asked("BYE"), 200)
        assert await leg.next_event() == HungUp("us")
        await eventually(lambda: not server.endpoint.legs)


async def test_a_second_answer_that_crossed_is_acknowledged_and_ended() -> None:
    async with telephones() as (server, (one, two)):
        leg, invites = await ringing(server, [one, two])
        one.answer(invites[0], 200, body=one.sdp())
        two.answer(invites[1], 200, body=two.sdp())
        await one.asked("ACK")
        await two.asked("ACK")
        assert await leg.next_event() == Answered()
        assert leg.flow.remote[1] == one.port
        two.answer(await two.asked("BYE"), 200)
        leg.hang_up()
        one.answer(await one.asked("BYE"), 200)


async def test_a_busy_telephone_leaves_the_other_ringing() -> None:
    async with telephones() as (server, (one, two)):
        leg, invites = await ringing(server, [one, two])
        one.answer(invites[0], 486)
        await one.asked("ACK")
        two.answer(invites[1], 200, body=two.sdp())
        await two.asked("ACK")
        assert await leg.next_event() == Answered()


async def test_all_that_refuse_are_told_as_the_one_that_says_most() -> None:
    async with telephones() as (server, (one, two)):
        leg, invites = await ringing(server, [one, two])
        one.answer(invites[0], 486, "Busy Here")
        two.answer(invites[1], 480, "Unavailable")
        assert await leg.next_event() == HungUp("peer", "486 Busy Here")


async def test_who_declines_declines_for_all_telephones() -> None:
    async with telephones() as (server, (one, two)):
        leg, invites = await ringing(server, [one, two])
        one.answer(invites[0], 603, "Decline")
        assert await leg.next_event() == HungUp("peer", "603 Decline")
        await cancelled(two, invites[1])


async def test_a_telephone_that_is_unplugged_delays_nothing_but_a_moment() -> None:
    """Its binding is there still; nobody answers."""
    async with telephones() as (server, (one, two)):
        leg = await server.endpoint.dial("sip:ann@local")
        one.answer(await one.asked("INVITE"), 486, "Busy Here")
        assert await leg.next_event() == HungUp("peer", "486 Busy Here")
        assert two.log  # it was called


async def test_nobody_answers_and_all_are_cancelled() -> None:
    async with telephones() as (server, (one, two)):
        leg, invites = await ringing(server, [one, two])
        leg.hang_up()
        assert await leg.next_event() == HungUp("us")
        await cancelled(one, invites[0])
        await cancelled(two, invites[1])


async def test_a_telephone_that_was_started_anew_rings_once() -> None:
    """Without an instance (RFC 5626), and with another Contact, what was known of it stays until it expires."""
    async with telephones(1) as (server, (one,)):
        assert (await Telephone(one).register(contact=f"<sip:ann-2@127.0.0.1:{one.port}>")).status == 200
        leg = await server.endpoint.dial("sip:ann@local")
        invite = await one.asked("INVITE")
        assert invite.start.startswith("INVITE sip:ann-2@")
        assert len(leg._branches) == 1
        one.answer(invite, 486)
        await leg.next_event()
