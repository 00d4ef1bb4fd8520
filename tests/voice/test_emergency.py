"""Emergency announcements on real calls: who waits for an agent, and who calls while the store of queues is away."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callcenter import emergency
from callcenter.events import Event
from callcenter.tables import sessions
from tests.valkey import Valkey
from tests.voice.office import Office, office
from tests.voice.test_waiting_faults import hears_something, password, place_of, waiting_caller

__all__ = ["password"]

pytestmark = [pytest.mark.sip, pytest.mark.timeout(180)]
EVE = 450


async def announce(made: Office, words: str, then: emergency.Then = "continue") -> None:
    def write() -> None:
        with made.engine.begin() as conn:
            at = datetime.now(UTC)
            emergency.begin(conn, emergency.ALL, {"en": words}, then=then, by="agent:sam", at=at)

    await asyncio.to_thread(write)


async def announced(made: Office, times: int) -> list[Event]:
    """Until so many announcements were made."""
    async with asyncio.timeout(40):
        while True:
            events = await asyncio.to_thread(made.events)
            found = [event for event in events if event.kind == "announced"]
            if len(found) >= times:
                return found
            await asyncio.sleep(0.05)


def test_who_waits_and_who_calls_are_told_whether_or_not_the_store_is_there(
    tmp_path: Path, audio: Path, mortal_valkey: Valkey
) -> None:
    async def story() -> None:
        async with office(tmp_path / "office", audio, mortal_valkey, "ana") as made:
            dana, contact = await waiting_caller(made)
            joined = await place_of(made, contact)
            await announce(made, "The river is rising.", "hang_up")
            [first] = await announced(made, 1)
            assert first.contact_id == contact
            assert await place_of(made, contact) == joined
            await hears_something(dana)

            await asyncio.to_thread(mortal_valkey.kill)
            await announce(made, "The river is still rising.", "hang_up")
            assert {one.contact_id for one in await announced(made, 2)} == {contact}
            await hears_something(dana)

            eve = await made.caller(EVE)
            await eve.ended()  # told, and let go
            told = await announced(made, 3)
            assert [one.data["then"] for one in told] == ["hang_up"] * 3
            assert {one.contact_id for one in told} - {contact}

            await asyncio.to_thread(mortal_valkey.start)
            await made.waits(1)
            assert await place_of(made, contact) == pytest.approx(joined, abs=0.5)
            with made.engine.connect() as conn:
                assert not next(row for row in conn.execute(sessions.select()) if row.contact_id == contact).ended
            dana.hang_up()
            await made.waits(0)
            assert len(await announced(made, 3)) == 3

    asyncio.run(story())
