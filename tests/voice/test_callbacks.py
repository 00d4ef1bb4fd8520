"""Callbacks, people who call meanwhile, and a store that forgets meanwhile: real calls, a real Valkey, a router."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from callcenter.acd.audit import Audit
from callcenter.queues.auditing import audit
from callcenter.queues.journal import Tail
from ivr.channels.voice import keeper
from tests.bridge.phones import TonePhone
from tests.valkey import Copy, Valkey
from tests.voice.office import Office, office

pytestmark = [pytest.mark.sip, pytest.mark.timeout(240)]
ANA, BEN, DANA, EVE = 700, 1200, 300, 450
NUMBER = "+12125550142"

Story = Callable[[Office], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path, audio: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Runs a story in an office where `ana` is there, and `ben` may come; legs are kept often."""
    monkeypatch.setattr(keeper, "KEEP_SECONDS", 0.2)
    monkeypatch.setenv("TEST_PHONE", "secret")

    def run(story: Story) -> None:
        async def whole() -> None:
            async with office(tmp_path / "office", audio, valkey, "ana", "ben") as made:
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


async def dialled(made: Office, *, answered: bool) -> tuple[TonePhone, TonePhone, str]:
    """ana, for whom a customer's telephone rings, the customer, and the contact; the store forgets it at that moment,
    or has been forgotten when they have been `answered`."""
    ana = await made.agent("ana", ANA)
    dana, contact = await wants_a_call(made, ana)
    await made.tells("callback.requested")
    copy = await asyncio.to_thread(Copy, made.queues.client)
    await asyncio.to_thread(made.queues.set_presence, "ana", "available")
    await ana.answer()
    await dana.rings()
    if answered:
        await answers(dana)
        await dana.hears(ANA)
    await asyncio.to_thread(copy.takes_over)
    return ana, dana, contact


async def put_back(made: Office, was: str, contact: str, *states: str) -> None:
    """Until the copy has been dropped, and the contact is there again and in one of these states."""
    await made.until(lambda: made.queues.epoch() != was)
    await made.until(lambda: made.queues.entry(contact).get("state") in states)


async def answers(dana: TonePhone) -> None:
    """Whom we call back answers, and presses the key."""
    await dana.answer()
    await dana.until(lambda: len(dana.heard) > 20, "the greeting")
    dana.press("1")


async def served_once(made: Office, ana: TonePhone, dana: TonePhone, ben: TonePhone) -> None:
    """They talk; nobody was rung beside them, and the log adds up."""
    await dana.hears(ANA)
    await ana.hears(DANA)
    await made.tells("callback.done")
    dana.hang_up()
    await made.tells("offer.done")
    assert ben._invites.empty(), "ben was rung"
    assert dana._invites.empty(), "dana was dialled twice"
    told = await asyncio.to_thread(audit, made.engine)
    assert told.counts["queue.store_lost"] == 1
    assert told.findings(made.queues.clock()) == []


def test_a_dial_goes_on_that_the_store_has_forgotten(play: Play) -> None:
    async def story(made: Office) -> None:
        epoch = made.queues.epoch()
        ana, dana, contact = await dialled(made, answered=False)
        ben = await made.agent("ben", BEN)
        await put_back(made, epoch, contact, "accepted")
        await answers(dana)
        await served_once(made, ana, dana, ben)

    play(story)


def test_whoever_answers_as_the_store_forgets_them_is_connected(play: Play) -> None:
    """The key is pressed while nothing is known of the call."""

    async def story(made: Office) -> None:
        epoch = made.queues.epoch()
        ana, dana, contact = await dialled(made, answered=False)
        await answers(dana)
        ben = await made.agent("ben", BEN)
        await put_back(made, epoch, contact, "connected")
        await served_once(made, ana, dana, ben)

    play(story)


def test_a_conversation_goes_on_with_somebody_who_was_called_back(play: Play) -> None:
    async def story(made: Office) -> None:
        epoch = made.queues.epoch()
        ana, dana, contact = await dialled(made, answered=True)
        ben = await made.agent("ben", BEN)
        await put_back(made, epoch, contact, "connected")
        dana.heard.clear()
        await served_once(made, ana, dana, ben)

    play(story)


def test_a_dial_ends_if_the_callback_was_cancelled_in_a_store_that_has_forgotten_it(play: Play) -> None:
    async def story(made: Office) -> None:
        epoch = made.queues.epoch()
        ana, dana, contact = await dialled(made, answered=False)
        await put_back(made, epoch, contact, "waiting", "accepted")
        assert await asyncio.to_thread(made.queues.cancel_callback, contact)
        await dana.until(dana.cancelled.is_set, "the dial's end")
        await ana.until(ana.over.is_set, "the agent's release")

    play(story)
