"""Conversations on the wire: who hears which tone, what the queue knows, and what becomes of legs that end anyhow."""

from __future__ import annotations

import asyncio
import dataclasses
import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.bridge.state import Party
from ivr.bridge.talk import why_gone
from ivr.channels.leg import HungUp
from tests.bridge.centre import ANN, BOB, CONSENT, CUSTOMER, MUSIC, SUE, WHISPER, centre, recording
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


async def test_an_agents_telephone_dies_and_the_customer_is_served_by_the_next(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        customer, ann = await here.connected()
        joined = here.queues.entry(here.contacts[0])["joined_at"]
        bob = await here.agent("bob")
        ann.die()
        ending = await here.ending()
        assert (ending.how, ending.why, ending.queue) == ("requeue", "agent_lost", "sales")
        await customer.hears(MUSIC)
        entry = here.queues.entry(here.contacts[0])
        assert (entry["state"], entry["joined_at"]) == ("waiting", joined)
        here.offer("bob")
        await bob.answer()
        await customer.hears(BOB)
        await bob.hears(CUSTOMER)


async def test_an_agent_puts_down_the_receiver_and_the_flow_goes_on(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        customer, ann = await here.connected()
        ann.hang_up()
        ending = await here.ending()
        assert (ending.how, ending.why) == ("flow", "agent_hung_up")
        await customer.ended()
        assert (await here.fact("offer.done")).data["why"] == "agent_hung_up"


async def test_hold_mute_keys_and_orders_that_can_not_be(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        customer, ann = await here.connected()
        held = here.order("hold")
        assert (await here.fact("call.answer", order=held)).data["ok"]
        await customer.hears(MUSIC)
        await ann.hears()
        here.order("resume")
        await customer.hears(ANN)
        await ann.hears(CUSTOMER)
        here.order("mute")
        await customer.hears()
        await ann.hears(CUSTOMER)
        here.order("unmute")
        await customer.hears(ANN)
        here.order("digits", digits="42#")
        await customer.until(lambda: customer.keys == "42#", "keys")
        customer.press("7")
        await ann.until(lambda: ann.keys == "7", "keys")
        for verb, to in (("merge", None), ("dance", None), ("transfer", {"queue": "nowhere"}), ("transfer", {})):
            order = here.order(verb, **({} if to is None else {"to": to}))
            answer = await here.fact("call.answer", order=order)
            assert not answer.data["ok"]
            assert answer.data["why"]
        await customer.hears(ANN)


async def test_a_secret_reaches_nobody(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path, recording=dataclasses.replace(recording(tmp_path), consent=())) as here:
        customer, ann = await here.connected()
        here.order("secret_start")
        await ann.hears()
        customer.press("4")
        await customer.hears(ANN)
        ann.heard.clear()
        here.order("secret_end")
        await ann.hears(CUSTOMER)
        assert ann.keys == ""


async def test_cold_transfer_to_a_queue(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        customer, ann = await here.connected()
        joined = here.queues.entry(here.contacts[0])["joined_at"]
        bob = await here.agent("bob")
        here.order("transfer", to={"queue": "billing"})
        await ann.ended()
        ending = await here.ending()
        assert (ending.how, ending.queue) == ("requeue", "billing")
        await customer.hears(MUSIC)
        entry = here.queues.entry(here.contacts[0])
        assert (entry["queue"], entry["state"], entry["joined_at"]) == ("billing", "waiting", joined)
        here.offer("bob")
        await bob.answer()
        await customer.hears(BOB)


@pytest.mark.parametrize("answers", [True, False])
async def test_cold_transfer_to_an_agent(valkey: Valkey, tmp_path: Path, answers: bool) -> None:
    async with centre(valkey, tmp_path) as here:
        customer, ann = await here.connected()
        bob = await here.agent("bob")
        here.order("transfer", to={"agent": "bob"})
        await ann.ended()
        await bob.rings()
        await customer.hears_ringing()
        if not answers:
            bob.refuse(486)
            assert (await here.ending()).why == "transfer_failed"
            await customer.hears(MUSIC)
            assert here.place() == "waiting"
            return
        await bob.answer()
        await customer.hears(BOB)
        await bob.hears(CUSTOMER)
        await here.fact("offer.done")
        bob.die()  # whoever serves him now: his place is his
        assert (await here.ending()).how == "requeue"
        await customer.hears(MUSIC)
        assert here.place() == "waiting"


async def test_warm_transfer(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        customer, ann = await here.connected()
        bob = await here.agent("bob")
        here.order("consult", to={"agent": "bob"})
        await bob.rings()
        await ann.hears_ringing()
        await customer.hears(MUSIC)
        await bob.answer()
        await ann.hears(BOB)
        await bob.hears(ANN)
        await customer.hears(MUSIC)
        here.order("merge")
        await customer.hears(ANN, BOB)
        await ann.hears(CUSTOMER, BOB)
        await bob.hears(CUSTOMER, ANN)
        here.order("complete")
        await ann.ended()
        await customer.hears(BOB)
        await bob.hears(CUSTOMER)
        customer.hang_up()
        await bob.ended()


async def test_a_consulted_agent_who_is_busy_leaves_the_customer_with_the_first(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        customer, ann = await here.connected()
        bob = await here.agent("bob")
        here.order("consult", to={"agent": "bob"})
        await bob.rings()
        bob.refuse(486)
        assert (await here.fact("call.consulted_left")).data["why"] == "busy"
        await customer.hears(ANN)
        here.order("consult", to={"agent": "nobody"})
        assert (await here.fact("call.consulted_left")).data["why"] == "failed"
        await ann.hears(CUSTOMER)


async def test_the_customers_side_carries_on_by_itself(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        customer, ann = await here.connected()
        for status in ("486 Busy", "200 OK"):
            here.order("transfer", to={"number": "+15550123"}, refer=True)
            await customer.until(lambda: customer.refer is not None, "REFER")
            assert customer.refer is not None
            assert "+15550123" in customer.refer["refer-to"]
            customer.refer = None
            customer.client.cseq += 1
            state = "Event: refer\nSubscription-State: terminated"
            notify = customer.client.request("NOTIFY", f"SIP/2.0 {status}", kind="message/sipfrag", extra=state)
            customer.client.send(notify)
            if status.startswith("486"):
                await here.fact("call.transfer_failed")
                await customer.hears(ANN)
        await customer.ended()
        await ann.ended()
        ending = await here.ending()
        assert (ending.how, ending.why) == ("ended", "transferred")


async def test_a_supervisors_whisper_is_heard_by_the_agent_alone(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path) as here:
        customer, ann = await here.connected()
        sue = await here.agent("sue")
        customer.heard.clear()
        here.order("listen", by="sue")
        await sue.answer()
        await sue.hears(CUSTOMER, ANN)
        await ann.hears(CUSTOMER)
        here.order("whisper", by="sue")
        await ann.hears(CUSTOMER, SUE)
        await sue.hears(CUSTOMER, ANN)
        customer_heard = customer.everything()
        assert strength(customer_heard, SUE) < AMPLITUDE / 100
        assert strength(customer_heard, ANN) > AMPLITUDE / 2
        here.order("join", by="sue")
        await customer.hears(ANN, SUE)
        here.order("take_over", by="sue")
        await ann.ended()
        await customer.hears(SUE)
        await sue.hears(CUSTOMER)
        sue.hang_up()
        assert (await here.ending()).how == "flow"


async def test_the_conversation_is_recorded_in_two_channels(valkey: Valkey, tmp_path: Path) -> None:
    async with centre(valkey, tmp_path, recording=recording(tmp_path / "calls")) as here:
        ann, customer = await here.agent("ann"), await here.call()
        here.offer("ann")
        await ann.answer()
        await asyncio.gather(
            customer.until(lambda: CONSENT in tones_in(customer.last(10)), "consent"),
            ann.until(lambda: CONSENT in tones_in(ann.last(10)), "consent"),
        )
        await customer.hears(ANN)
        here.order("record_pause")
        await here.fact("call.record_pause")
        await customer.hears(ANN)
        here.order("record_resume")
        await here.fact("call.record_resume")
        await customer.hears(ANN)
        await asyncio.sleep(1.2)  # something to be recorded
        customer.hang_up()
        ending = await here.ending()
        assert list(ending.recordings) == ["recording 1"]
        [(path, seconds, contact)] = here.kept
        assert contact == here.contacts[0]
        with wave.open(str(path)) as file:
            assert (file.getnchannels(), file.getframerate()) == (2, 8000)
            both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        assert len(both) == round(seconds * 8000)
        left, right = both[:, 0], both[:, 1]
        assert tones_in(left[-6400:-3200]) == {CUSTOMER}
        assert tones_in(right[-6400:-3200]) == {ANN}
        # the pause, and half a second more, is silence on both
        silent = np.flatnonzero(~both[: len(both) // 4000 * 4000].reshape(-1, 4000).any(axis=1))
        assert 0 < len(silent) < len(both) // 4000


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


@pytest.mark.parametrize(
    ("event", "up", "why"),
    [
        (HungUp("peer"), True, "hung_up"),
        (HungUp("peer", 'Q.850;cause=16;text="NORMAL_CLEARING"'), True, "hung_up"),
        (HungUp("peer", 'SIP;cause=200;text="Call completed elsewhere"'), True, "hung_up"),
        (HungUp("peer", 'Q.850;cause=102;text="RECOVERY_ON_TIMER_EXPIRE"'), True, "failed"),
        (HungUp("peer", 'SIP;cause=408;text="RTP Timeout"'), True, "failed"),
        (HungUp("error", "timeout"), True, "failed"),
        (HungUp("peer", "486 Busy Here"), False, "busy"),
        (HungUp("us", "no answer"), False, "no_answer"),
        (HungUp("error", "480 not registered"), False, "failed"),
        (HungUp("error", "timeout"), False, "failed"),
    ],
)
def test_why_a_leg_ended(event: HungUp, up: bool, why: str) -> None:
    assert why_gone(event, Party("agent", up=up)) == why


async def test_redis_dies_in_the_middle_and_nobody_on_the_line_notices(mortal_valkey: Valkey, tmp_path: Path) -> None:
    async with centre(mortal_valkey, tmp_path) as here:
        customer, ann = await here.connected()
        [offer_id] = here.rings
        mortal_valkey.kill()
        await customer.hears(ANN)
        await ann.hears(CUSTOMER)
        customer.hang_up()
        await ann.ended()
        assert (await here.ending()).how == "ended"
        mortal_valkey.start()
        await here.until(lambda: here.queues.offer(offer_id).state == "wrap_up")
