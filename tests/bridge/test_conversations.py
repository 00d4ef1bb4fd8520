"""Conversations on the wire: who hears which tone, what the queue knows, and what becomes of legs that end anyhow."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import signal
import wave
from pathlib import Path

import numpy as np
import pytest

from ivr.bridge.state import Party
from ivr.bridge.talk import why_gone
from ivr.channels.leg import HungUp
from tests.bridge.centre import ANN, BOB, CONSENT, CUSTOMER, MUSIC, SUE, centre, recording
from tests.channels.sip.media.talker import AMPLITUDE, strength, tones_in
from tests.valkey import Valkey

pytestmark = pytest.mark.sip


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
            order = here.order(verb) if to is None else here.order(verb, to=to)
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


async def test_a_conversation_survives_the_media_process_in_two_recordings(valkey: Valkey, tmp_path: Path) -> None:
    quiet = dataclasses.replace(recording(tmp_path / "calls"), consent=())
    async with centre(valkey, tmp_path, recording=quiet) as here:
        customer, ann = await here.connected()
        await customer.hears(ANN)
        media, [path] = here.endpoint.media, [*(tmp_path / "calls").iterdir()]
        await here.until(lambda: path.stat().st_size > 20_000)
        media._least_life = 0
        os.kill(media.pid, signal.SIGKILL)
        await here.until(lambda: len(here.kept) == 1)
        await ann.hears(CUSTOMER)
        await customer.hears(ANN)
        await here.until(lambda: all(file.stat().st_size > 20_000 for file in (tmp_path / "calls").iterdir()))
        customer.hang_up()
        assert len((await here.ending()).recordings) == 2
        assert all(seconds > 0.5 for _, seconds, _ in here.kept)


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
