"""What must not happen to somebody who waits for an agent: silence, a lost place, a card number told to anybody."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from callcenter.queues.router import Drain
from ivr.actions.bills.importing import DEMO, import_bills
from ivr.channels.voice import keeper
from ivr.flow.inputs import Refused
from ivr.queueing import Queueing
from tests.bridge.paying import everything_in
from tests.bridge.phones import TonePhone
from tests.secrecy import assert_lands_nowhere
from tests.valkey import Copy, Valkey
from tests.voice.office import Office, office

pytestmark = [pytest.mark.sip, pytest.mark.timeout(120)]
ANA, BEN, DANA = 700, 1200, 300
CARD, EXPIRY = "5555555555554444", "0831"


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PHONE", "secret")


async def hears_something(phone: TonePhone, frames: int = 150) -> None:
    """Music or words, with no pause of a second, for so many frames of 20 ms."""
    phone.heard.clear()
    await phone.until(lambda: len(phone.heard) >= frames, "anything")
    loud = np.abs(phone.everything().astype(int)).reshape(-1, 160).max(axis=1) > 200
    quiet = max(len(run) for run in "".join("x" if one else "." for one in loud).split("x"))
    assert quiet < 50, f"{quiet * 20} ms of silence"


async def place_of(made: Office, contact: str) -> float:
    entry = await asyncio.to_thread(made.queues.entry, contact)
    return float(entry["joined_at"])


async def in_conversation(made: Office, contact: str) -> None:
    """Until the store says so."""
    await made.until(lambda: made.queues.entry(contact).get("state") == "connected")
    await made.waits(0)


async def waiting_caller(made: Office) -> tuple[TonePhone, str]:
    """A caller who waits, and the contact."""
    await made.agent("ana", ANA)
    await asyncio.to_thread(made.queues.set_presence, "ana", "unavailable", "lunch")
    dana = await made.caller(DANA)
    await made.waits(1)
    [contact] = [one.decode() for one in made.queues.client.zrange("cw:queue:general", 0, -1)]  # type: ignore[union-attr]
    return dana, contact


@pytest.mark.parametrize("emptied", [False, True], ids=["restarted", "emptied"])
def test_a_store_that_dies_costs_neither_the_place_nor_the_music(
    tmp_path: Path, audio: Path, mortal_valkey: Valkey, monkeypatch: pytest.MonkeyPatch, emptied: bool
) -> None:
    monkeypatch.setattr(keeper, "KEEP_SECONDS", 0.5)

    async def story() -> None:
        async with office(tmp_path / "office", audio, mortal_valkey, "ana") as made:
            dana, contact = await waiting_caller(made)
            joined = await place_of(made, contact)
            await asyncio.to_thread(mortal_valkey.kill)
            await hears_something(dana)
            if emptied:
                for path in mortal_valkey.folder.glob("appendonlydir/*"):
                    path.unlink()
            await asyncio.to_thread(mortal_valkey.start)
            await made.waits(1)
            assert await place_of(made, contact) == pytest.approx(joined, abs=0.5)
            await asyncio.to_thread(made.queues.sign_in, "ana")
            await asyncio.to_thread(made.queues.set_presence, "ana", "available")
            ana = made.phones[0]
            await ana.rings()
            await ana.answer()
            await dana.hears(ANA)

    asyncio.run(story())


@pytest.mark.parametrize("known", [True, False], ids=["in the log", "known to the call alone"])
def test_a_replica_that_is_late_takes_nobody_out_of_a_conversation(
    tmp_path: Path, audio: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    """It has the caller waiting, with whom ana talks by now; ben is free. Where the log of events hasn't heard of the
    conversation either, it is the call's process that tells."""
    monkeypatch.setattr(keeper, "KEEP_SECONDS", 0.2)
    draining, drain = threading.Event(), Drain.once
    draining.set()
    monkeypatch.setattr(Drain, "once", lambda self: drain(self) if draining.is_set() else 0)

    async def story() -> None:
        async with office(tmp_path / "office", audio, valkey, "ana", "ben") as made:
            dana, contact = await waiting_caller(made)
            [ana] = made.phones[:1]
            await made.tells("queue.joined")
            copy = await asyncio.to_thread(Copy, made.queues.client)
            if not known:
                draining.clear()
            await asyncio.to_thread(made.queues.set_presence, "ana", "available")
            await ana.rings()
            await ana.answer()
            await dana.hears(ANA)
            if known:
                await made.tells("offer.connected")
            await asyncio.to_thread(copy.takes_over)
            ben = await made.agent("ben", BEN)
            draining.set()
            events = await made.tells("offer.restored")
            assert ("offer.connected" in {event.kind for event in events}) == known
            await in_conversation(made, contact)
            dana.heard.clear()
            await dana.hears(ANA)
            dana.hang_up()
            await made.tells("offer.done")
            assert (await asyncio.to_thread(made.queues.agents))["ana"].state == "wrap_up"
            assert ben._invites.empty(), "ben was rung"

    asyncio.run(story())


def test_nobody_is_put_into_a_queue_that_turns_them_away(
    tmp_path: Path, audio: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the queue makes up its mind, the caller has no place yet that is to be kept."""
    monkeypatch.setattr(keeper, "KEEP_SECONDS", 0.05)

    def closed(*_: object) -> Refused:
        time.sleep(0.5)
        return Refused("closed")

    monkeypatch.setattr(Queueing, "_newcomer", closed)

    async def story() -> None:
        async with office(tmp_path / "office", audio, valkey, "ana") as made:
            await made.agent("ana", ANA)
            await made.caller(DANA)
            events = await made.tells("queue_refused")
            assert "queue.joined" not in {event.kind for event in events}

    asyncio.run(story())


def test_a_card_that_was_keyed_before_is_told_to_nobody(tmp_path: Path, audio: Path, mortal_valkey: Valkey) -> None:
    """In the middle of a payment the caller asks for a person: neither the store's files, nor what agents see, nor
    anything else that was written has the digits."""

    async def story() -> None:
        async with office(tmp_path / "office", audio, mortal_valkey, "ana") as made:
            import_bills(made.engine, DEMO, dt.date.today())
            ana = await made.agent("ana", ANA)
            dana = await TonePhone.open(made.endpoint.address, DANA)
            made.phones.append(dana)
            await dana.call()
            await dana.until(lambda: len(dana.heard) > 20, "the greeting")
            for key in f"1102030401{CARD}#{EXPIRY}0#":
                dana.press(key)
                await asyncio.sleep(0.06)  # a quick finger: as far apart as keys on a telephone are
            await ana.rings()
            steps = [event.data["step"] for event in await made.tells("offer.made") if event.kind == "step"]
            assert "card" in steps
            assert "expiry" in steps
            kept = everything_in(mortal_valkey)
            assert any("pay_bill.card" in text for text in kept), "agents aren't told where the caller was"
            assert_lands_nowhere([tmp_path / "office", mortal_valkey.folder], [CARD, EXPIRY], texts=kept)

    asyncio.run(story())
