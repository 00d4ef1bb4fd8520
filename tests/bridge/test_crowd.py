"""Thirty callers and five agents' telephones, with the real router: everybody is served, once, and nothing is left."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from tests.bridge.phones import TonePhone
from tests.channels.sip.media.talker import tones_in
from tests.valkey import Valkey
from tests.voice.office import Office, office

pytestmark = [pytest.mark.sip, pytest.mark.slow, pytest.mark.timeout(200)]

CALLERS = 30
CALLER = 300
AGENTS = {"ana": 450, "ben": 700, "cleo": 950, "dan": 1200, "eve": 1450}


async def attend(phone: TonePhone, served: Counter[int]) -> None:
    """An agent who takes every call and talks until the caller hangs up."""
    while True:
        phone._invite = await phone._invites.get()
        await phone.answer()
        await phone.over.wait()
        served[phone.hertz] += 1


async def need_help(made: Office, placing: asyncio.Semaphore) -> int:
    """A caller who waits for a person, hears one for a while, and hangs up; gives whom he heard."""
    async with placing:  # a raw client sends nothing again
        phone = await made.caller(CALLER)
    heard: set[int] = set()
    async with asyncio.timeout(150):
        while len(heard) != 1:
            await asyncio.sleep(0.1)
            heard = tones_in(phone.last(15)) & set(AGENTS.values()) if len(phone.heard) > 15 else set()
    phone.hang_up()
    return heard.pop()


def test_thirty_callers_and_five_agents(
    tmp_path: Path, audio: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_PHONE", "secret")

    async def whole() -> None:
        settings = {"wrap_up": {"seconds": 0}, "whisper": "Call.", "announce": {"every": "10m"}}
        async with office(tmp_path / "office", audio, valkey, *AGENTS, **settings) as made:
            served: Counter[int] = Counter()
            phones = [await made.agent(name, hertz) for name, hertz in AGENTS.items()]
            attending = [asyncio.create_task(attend(phone, served)) for phone in phones]
            placing = asyncio.Semaphore(6)
            heard = await asyncio.gather(*(need_help(made, placing) for _ in range(CALLERS)))
            async with asyncio.timeout(30):
                while served.total() < CALLERS:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            for task in attending:
                task.cancel()
            await asyncio.gather(*attending, return_exceptions=True)
            assert served == Counter(heard)
            assert set(served) == set(AGENTS.values())
            async with asyncio.timeout(30):
                while made.endpoint.calls:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            events = await made.tells("offer.done")
            async with asyncio.timeout(30):
                while sum(event.kind == "offer.done" for event in events) < CALLERS:
                    await asyncio.sleep(0.2)
                    events = await asyncio.to_thread(made.events)
            kinds = Counter(event.kind for event in events)
            assert kinds["queue.joined"] == kinds["offer.connected"] == kinds["offer.done"] == CALLERS
            connected = Counter(event.contact_id for event in events if event.kind == "offer.connected")
            assert set(connected.values()) == {1}
            streams = await made.endpoint.media.stats()
            assert (streams["streams"], streams["recordings"]) == (0, 0)

    asyncio.run(whole())
