"""From the flow to an agent's telephone and back: real calls, a real Valkey, a router."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.valkey import Valkey
from tests.voice.office import Office, office

pytestmark = [pytest.mark.sip, pytest.mark.timeout(120)]
ANA, BEN, DANA, EVE = 700, 1200, 300, 450

Story = Callable[[Office], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path, audio: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Runs a story in an office with these agents."""
    monkeypatch.setenv("TEST_PHONE", "secret")

    def run(story: Story, *agents: str, **queue: Any) -> None:
        async def whole() -> None:
            async with office(tmp_path / "office", audio, valkey, *agents, **queue) as made:
                await story(made)

        asyncio.run(whole())

    return run


def test_a_caller_waits_is_served_and_asked_what_it_was_like(play: Play) -> None:
    async def story(made: Office) -> None:
        ana = await made.agent("ana", ANA)
        dana = await made.caller(DANA)
        await ana.rings()
        await ana.answer()
        await dana.hears(ANA)
        await ana.hears(DANA)
        ana.hang_up()
        await made.tells("offer.done")
        await dana.until(lambda: len(dana.heard) > 200, "the survey")
        dana.press("5")
        await dana.ended()
        events = await made.tells("survey", "offer.done")
        kinds = [event.kind for event in events]
        order = ["queue.joined", "offer.made", "offer.accepted", "offer.connected", "offer.done"]
        assert [kind for kind in kinds if kind in order] == order
        assert next(event.data for event in events if event.kind == "survey") == {"kind": "csat", "score": 5}

    play(story, "ana")


def test_whoever_hangs_up_while_waiting_leaves_the_queue(play: Play) -> None:
    async def story(made: Office) -> None:
        ana = await made.agent("ana", ANA)
        await asyncio.to_thread(made.queues.set_presence, "ana", "unavailable", "lunch")
        dana = await made.caller(DANA)
        await made.waits(1)
        dana.hang_up()
        await made.waits(0)
        [left] = [event for event in await made.tells("queue.left") if event.kind == "queue.left"]
        assert left.data["why"] == "abandoned"
        ana.close()

    play(story, "ana")


def test_an_agent_who_does_not_answer_costs_nobody_the_place(play: Play) -> None:
    async def story(made: Office) -> None:
        ana = await made.agent("ana", ANA)
        dana = await made.caller(DANA)
        await ana.rings()
        ben = await made.agent("ben", BEN)
        await ben.rings()  # ana's lease is over: the offer goes to ben
        await ben.answer()
        await dana.hears(BEN)
        assert ana.cancelled.is_set()
        events = await made.tells("offer.connected")
        assert len([event for event in events if event.kind == "queue.joined"]) == 1

    play(story, "ana", "ben", offer_seconds=4)


def test_an_agents_telephone_that_dies_brings_the_caller_to_another(play: Play) -> None:
    async def story(made: Office) -> None:
        ana = await made.agent("ana", ANA)
        dana = await made.caller(DANA)
        await ana.answer()
        await dana.hears(ANA)
        ben = await made.agent("ben", BEN)
        ana.die()
        await ben.rings()
        await ben.answer()
        await dana.hears(BEN)

    play(story, "ana", "ben")


def test_ring_all_has_one_winner(play: Play) -> None:
    async def story(made: Office) -> None:
        ana, ben = await made.agent("ana", ANA), await made.agent("ben", BEN)
        dana = await made.caller(DANA)
        await asyncio.gather(ana.rings(), ben.rings())
        await asyncio.gather(ana.answer(), ben.answer())
        events = await made.tells("offer.connected")
        winner = next(event.data["agent"] for event in events if event.kind == "offer.connected")
        phone, other = (ana, ben) if winner == "ana" else (ben, ana)
        await dana.hears(phone.hertz)
        await other.until(lambda: other.over.is_set() or other.cancelled.is_set(), "letting go")

    play(story, "ana", "ben", strategy="ring_all")


def test_a_callback_keeps_the_place_and_reaches_a_person(play: Play) -> None:
    """The caller gives the line back; when the turn comes the agent is rung, then the caller is called."""

    async def story(made: Office) -> None:
        ana = await made.agent("ana", ANA)
        await asyncio.to_thread(made.queues.set_presence, "ana", "unavailable", "lunch")
        dana = await made.caller(DANA)
        await made.waits(1)
        [contact] = [one.decode() for one in made.queues.client.zrange("cw:queue:general", 0, -1)]  # type: ignore[union-attr]
        host, port = dana.client.host, dana.client.port
        await asyncio.to_thread(made.queues.request_callback, contact, f"sip:dana@{host}:{port}")
        dana.hang_up()
        await made.waits(1)
        await asyncio.to_thread(made.queues.set_presence, "ana", "available")
        await ana.rings()
        await ana.answer()
        await dana.rings()
        await dana.answer()
        await dana.until(lambda: len(dana.heard) > 50, "the greeting")
        dana.press("1")
        await dana.hears(ANA)
        await ana.hears(DANA)
        events = await made.tells("callback.done")
        assert len([event for event in events if event.kind == "callback.done"]) == 1

    play(story, "ana")
