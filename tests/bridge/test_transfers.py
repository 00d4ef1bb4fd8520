"""Transfers on the wire: cold, warm, and by the customer's own side."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bridge.centre import ANN, BOB, CUSTOMER, MUSIC, centre
from tests.valkey import Valkey

pytestmark = pytest.mark.sip


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
        await here.until(lambda: here.queues.agents()["bob"].state == "busy")
        bob.refuse(486)
        assert (await here.fact("call.consulted_left")).data["why"] == "busy"
        await here.until(lambda: here.queues.agents()["bob"].state == "idle")
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
