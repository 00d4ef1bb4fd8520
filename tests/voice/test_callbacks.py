"""Callbacks and people who call meanwhile: real calls, a real Valkey, a router."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from callcenter.acd.audit import Audit
from callcenter.queues.journal import Tail
from tests.bridge.phones import TonePhone
from tests.valkey import Valkey
from tests.voice.office import Office, office

pytestmark = [pytest.mark.sip, pytest.mark.timeout(240)]
ANA, DANA, EVE = 700, 300, 450
NUMBER = "+12125550142"

Story = Callable[[Office], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path, audio: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Runs a story in an office where `ana` is the only agent."""
    monkeypatch.setenv("TEST_PHONE", "secret")

    def run(story: Story) -> None:
        async def whole() -> None:
            async with office(tmp_path / "office", audio, valkey, "ana") as made:
                await story(made)

        asyncio.run(whole())

    return run


async def wants_a_call(made: Office, ana: TonePhone) -> tuple[TonePhone, str]:
    """A caller who has hung up and is to be called back, and the contact; ana is at lunch."""
    await asyncio.to_thread(made.queues.set_presence, "ana", "unavailable", "lunch")
    dana = await made.caller(DANA)
    await made.waits(1)
    [contact] = [one.decode() for one in made.queues.client.zrange("cw:queue:general", 0, -1)]  # type: ignore[union-attr]
    number = f"sip:dana@{dana.client.host}:{dana.client.port}"
    await asyncio.to_thread(made.queues.request_callback, contact, number)
    dana.hang_up()
    return dana, contact


async def asked(made: Office, why: str) -> None:
    """Until a caller's step has been left for this reason."""
    async with asyncio.timeout(20):
        while True:
            refused = [event.data for event in (await made.tells("queue_refused")) if event.kind == "queue_refused"]
            if why in [data["why"] for data in refused]:
                return
            await asyncio.sleep(0.05)


async def audited(made: Office) -> list[object]:
    """What doesn't add up in the journal."""
    audit = Audit()
    audit.take(await asyncio.to_thread(Tail(made.queues.client, "0").read))
    return list(audit.findings(made.queues.clock()))


def test_whoever_calls_while_being_dialled_is_served_once(play: Play) -> None:
    """The agent is there and the customer's telephone rings; the customer, on another line, takes the place. The dial
    ends, and the same agent gets the customer who is there."""

    async def story(made: Office) -> None:
        ana = await made.agent("ana", ANA)
        dana, contact = await wants_a_call(made, ana)
        await asyncio.to_thread(made.queues.set_presence, "ana", "available")
        await ana.answer()
        await dana.rings()
        joined = (await asyncio.to_thread(made.queues.entry, contact))["joined_at"]
        place = await asyncio.to_thread(lambda: made.queues.take_callback("line", contact, channel="sip"))
        assert place is not None
        assert f"{place.joined_at:.6f}" == joined
        await dana.until(dana.cancelled.is_set, "the dial's end")
        await ana.until(ana.over.is_set, "the agent's release")
        events = await made.tells("callback.cancelled", "offer.withdrawn")
        assert "callback.done" not in {event.kind for event in events}
        await asyncio.to_thread(made.queues.leave, "line", "abandoned")
        assert await audited(made) == []

    play(story)


def test_whoever_is_called_back_and_cancelled_elsewhere_is_let_go(play: Play) -> None:
    """The callback is cancelled (by a text, at the desk) while the customer's telephone rings."""

    async def story(made: Office) -> None:
        ana = await made.agent("ana", ANA)
        dana, contact = await wants_a_call(made, ana)
        await asyncio.to_thread(made.queues.set_presence, "ana", "available")
        await ana.answer()
        await dana.rings()
        assert await asyncio.to_thread(made.queues.cancel_callback, contact)
        await dana.until(dana.cancelled.is_set, "the dial's end")
        await ana.until(ana.over.is_set, "the agent's release")
        await made.waits(0)
        assert await audited(made) == []

    play(story)


def test_the_caller_is_told_and_waits_on_the_line_at_the_place_of_the_callback(play: Play) -> None:
    """The same person calls again: the flow knows, the key takes the place, and the agent serves the line."""

    async def story(made: Office) -> None:
        ana = await made.agent("ana", ANA)
        _, contact = await wants_a_call(made, ana)
        entry = await asyncio.to_thread(made.queues.entry, contact)
        await asyncio.to_thread(made.queues.move_callback, contact, number=NUMBER)
        later = await TonePhone.open(made.endpoint.address, EVE)
        made.phones.append(later)
        later.client.caller = NUMBER
        await later.call()
        await later.until(lambda: len(later.heard) > 20, "the greeting")
        later.press("0")
        await asked(made, "callback")
        later.press("4")
        await made.tells("callback.cancelled")
        await made.waits(1)
        [taken] = [one.decode() for one in made.queues.client.zrange("cw:queue:general", 0, -1)]  # type: ignore[union-attr]
        assert taken != contact
        assert (await asyncio.to_thread(made.queues.entry, taken))["joined_at"] == entry["joined_at"]
        await asyncio.to_thread(made.queues.set_presence, "ana", "available")
        await ana.answer()
        await later.hears(ANA)
        await ana.hears(EVE)
        events = await made.tells("offer.connected")
        assert "callback.due" not in {event.kind for event in events}
        assert await audited(made) == []

    play(story)
