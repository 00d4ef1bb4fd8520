"""Who of those that wait is served first, on real calls: a priority that is changed meanwhile counts at once, and
whoever does something else for a while keeps the place."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.bridge.phones import TonePhone
from tests.valkey import Valkey
from tests.voice.office import Office, office

pytestmark = [pytest.mark.sip, pytest.mark.timeout(120)]
ANA, DANA, EVE = 700, 300, 450


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PHONE", "secret")


async def two_wait(made: Office) -> tuple[TonePhone, TonePhone, TonePhone, str, str]:
    """ana, who is at lunch, dana, eve behind her, and their contacts."""
    ana = await made.agent("ana", ANA)
    await asyncio.to_thread(made.queues.set_presence, "ana", "unavailable", "lunch")
    dana = await made.caller(DANA)
    await made.waits(1)
    [first] = await line(made)
    eve = await made.caller(EVE)
    await made.waits(2)
    _, second = await line(made)
    return ana, dana, eve, first, second


async def line(made: Office) -> list[str]:
    """The contacts in the queue, in the order of serving."""
    found = await asyncio.to_thread(made.queues.client.zrange, "cw:queue:general", 0, -1)
    return [one.decode() for one in found]  # type: ignore[union-attr]


async def back(made: Office) -> None:
    await asyncio.to_thread(made.queues.set_presence, "ana", "available")


async def is_(made: Office, contact: str, field: str, value: str) -> None:
    """Until the store says so of an entry."""
    async with asyncio.timeout(30):
        while (await asyncio.to_thread(made.queues.entry, contact)).get(field, "") != value:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def keep_pressing(phone: TonePhone, key: str) -> None:
    while True:
        phone.press(key)
        await asyncio.sleep(0.5)


def test_a_priority_that_is_raised_while_both_wait(tmp_path: Path, audio: Path, valkey: Valkey) -> None:
    async def story() -> None:
        async with office(tmp_path / "office", audio, valkey, "ana") as made:
            ana, _, eve, first, second = await two_wait(made)
            assert await asyncio.to_thread(made.queues.set_priority, second, 50)
            await back(made)
            await ana.rings()
            await ana.answer()
            await eve.hears(ANA)
            await ana.hears(EVE)
            assert await line(made) == [first]

    asyncio.run(story())


def test_whoever_does_something_else_keeps_the_place(tmp_path: Path, audio: Path, valkey: Valkey) -> None:
    """dana is in the middle of a question when an agent comes: eve is served, and dana next, waiting since she came."""

    async def story() -> None:
        async with office(tmp_path / "office", audio, valkey, "ana") as made:
            ana, dana, eve, first, _ = await two_wait(made)
            joined = (await asyncio.to_thread(made.queues.entry, first))["joined_at"]
            dana.press("1")  # to be called back: at which number?
            await is_(made, first, "paused", "1")
            await back(made)
            await ana.rings()
            await ana.answer()
            await eve.hears(ANA)
            eve.hang_up()
            await made.tells("offer.done")
            later = await made.caller(950)
            await made.waits(2)
            pressing = asyncio.create_task(keep_pressing(dana, "9"))  # neither yes nor no: back to the music
            await is_(made, first, "paused", "")
            pressing.cancel()
            [offer] = await asyncio.to_thread(made.queues.offers_of, "ana")
            await asyncio.to_thread(made.queues.wrapped_up, "ana", offer.id, "solved")
            await ana.rings()
            await ana.answer()
            await dana.hears(ANA)
            entry = await asyncio.to_thread(made.queues.entry, first)
            assert (entry["state"], entry["joined_at"]) == ("connected", joined)
            events = await made.tells("queue.paused", "queue.resumed")
            assert sum(event.kind == "queue.joined" and event.contact_id == first for event in events) == 1
            later.hang_up()

    asyncio.run(story())
