"""An offer on the wire: the agent's telephone rings, whispers, takes the call or doesn't."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.bridge.centre import ANN, BOB, CUSTOMER, MUSIC, WHISPER, centre
from tests.channels.sip.media.talker import AMPLITUDE, strength, tones_in
from tests.valkey import Valkey

pytestmark = pytest.mark.sip


async def test_an_agent_is_rung_whispered_to_and_connected(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        agent, customer = await here.agent("ann"), await here.call()
        await customer.hears(MUSIC)
        [offer] = here.offer("ann")
        invite = await agent.rings()
        assert invite.start.startswith("INVITE sip:ann@")
        await customer.hears(MUSIC)
        assert here.state(offer) == "offered"
        await agent.answer()
        await agent.until(lambda: WHISPER in tones_in(agent.last(10)), "the whisper")
        await customer.hears(ANN)
        await agent.hears(CUSTOMER)
        assert (here.state(offer), here.place()) == ("connected", "connected")
        assert strength(customer.everything(), WHISPER) < AMPLITUDE / 100
        customer.hang_up()
        await agent.ended()
        assert (await here.ending()).how == "ended"
        await here.until(lambda: here.state(offer) == "wrap_up")
        assert (await here.fact("call.connected")).offer == offer.id


async def test_two_agents_answer_one_offer_at_once_and_one_gets_it(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        ann, bob, customer = await here.agent("ann"), await here.agent("bob"), await here.call()
        await customer.hears(MUSIC)
        offers = here.offer("ann", "bob")
        await ann.rings()
        await bob.rings()
        await asyncio.gather(ann.answer(), bob.answer())
        await here.until(lambda: "connected" in [here.state(offer) for offer in offers])
        states = [here.state(offer) for offer in offers]
        assert sorted(states) == ["connected", "withdrawn"]
        first, second = (ann, bob) if states[0] == "connected" else (bob, ann)
        await second.ended()
        await customer.hears(first.hertz)
        await first.hears(CUSTOMER)
        assert strength(customer.everything(), second.hertz) < AMPLITUDE / 100
        customer.hang_up()
        await first.ended()


@pytest.mark.parametrize(("status", "why"), [(0, "no_answer"), (486, "busy"), (603, "rejected"), (500, "failed")])
async def test_an_agent_who_does_not_take_it(valkey: Valkey, tmp_path: Path, status: int, why: str) -> None:
    async with centre(valkey, tmp_path) as here:
        ann, bob, customer = await here.agent("ann"), await here.agent("bob"), await here.call()
        await customer.hears(MUSIC)
        joined = here.queues.entry(here.contacts[0])["joined_at"]
        [offer] = here.offer("ann", seconds=20.0 if status else 1.0)
        await ann.rings()
        if status:
            ann.refuse(status)
        else:
            async with asyncio.timeout(10):
                await ann.cancelled.wait()
        assert (await here.fact("offer.refused")).data["why"] == why
        assert (here.state(offer), here.place()) == ("refused", "waiting")
        assert here.queues.entry(here.contacts[0])["joined_at"] == joined
        await customer.hears(MUSIC)
        here.offer("bob")
        await bob.answer()
        await customer.hears(BOB)


async def test_nobody_is_registered_and_the_caller_goes_on_waiting(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        customer = await here.call()
        here.offer("ann")
        assert (await here.fact("offer.refused")).data["why"] == "failed"
        here.devices["ann"] = "no address at all"
        here.queues.sign_in("bob")
        here.devices["bob"] = "no address at all"
        here.offer("bob")
        assert (await here.fact("offer.refused")).data["why"] == "failed"
        await customer.hears(MUSIC)


async def test_an_offer_whose_lease_is_over_rings_nobody(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        ann, customer = await here.agent("ann"), await here.call()
        [offer] = here.offer("ann", seconds=-1.0)
        await here.until(lambda: offer.id in here.rings and here.rings[offer.id].done())
        assert here.rings[offer.id].result() is None
        assert not [message for message in ann.client.log if message.method == "INVITE"]
        await customer.hears(MUSIC)


async def test_a_caller_who_leaves_stops_the_agents_ringing(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        ann, customer = await here.agent("ann"), await here.call()
        here.offer("ann")
        await ann.rings()
        customer.hang_up()
        async with asyncio.timeout(10):
            await ann.cancelled.wait()
        assert (await here.fact("queue.left")).data["why"] == "abandoned"


@pytest.mark.parametrize("pressed", [True, False])
async def test_a_key_takes_the_call_where_a_machine_might_answer(valkey: Valkey, tmp_path: Path, pressed: bool) -> None:
    async with centre(valkey, tmp_path, accept_key="1") as here:
        ann, customer = await here.agent("ann"), await here.call()
        [offer] = here.offer("ann", seconds=20 if pressed else 2)
        await ann.answer()
        await ann.until(lambda: WHISPER in tones_in(ann.last(10)), "the whisper")
        assert here.state(offer) == "offered"
        ann.press("3")
        if pressed:
            ann.press("1")
            await customer.hears(ANN)
        else:
            assert (await here.fact("offer.refused")).data["why"] == "no_answer"
            await ann.ended()
            await customer.hears(MUSIC)


async def test_an_offer_that_lapsed_connects_nobody(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        ann, customer = await here.agent("ann"), await here.call()
        [offer] = here.offer("ann")
        await ann.answer()
        await ann.until(lambda: WHISPER in tones_in(ann.last(10)), "the whisper")
        here.queues.refuse(offer.id, "failed")  # as the reaper does
        await ann.ended()
        assert (await here.ending()).why == "lost_offer"
        await customer.hears(MUSIC)
        assert here.place() == "waiting"
        assert strength(customer.everything(), ANN) < AMPLITUDE / 100


async def test_redis_dies_while_an_agent_is_rung(mortal_valkey: Valkey, tmp_path: Path) -> None:
    async with centre(mortal_valkey, tmp_path) as here:
        ann, customer = await here.agent("ann"), await here.call()
        here.offer("ann")
        await ann.rings()
        mortal_valkey.kill()
        await ann.answer()
        await ann.ended()
        await customer.hears(MUSIC)
        assert strength(customer.everything(), ANN) < AMPLITUDE / 100
        mortal_valkey.start()
