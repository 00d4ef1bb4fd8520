"""Campaigns on real calls: the agent first, then whoever is on the list; a real Valkey, a router, telephones."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from callcenter import consent, customers
from callcenter.campaigns import people
from callcenter.campaigns.feeding import Feeder
from callcenter.db import reading
from callcenter.queues.auditing import audit
from callcenter.tables import campaign_people
from ivr.campaigns import published_lists
from ivr.channels.voice import dialback
from tests.bridge.phones import TonePhone
from tests.valkey import Valkey
from tests.voice.line import PROMPTS
from tests.voice.office import Office, office

pytestmark = [pytest.mark.sip, pytest.mark.timeout(240)]
ANA, DANA = 700, 300
SHOWN = "+12025550100"


class Hall:
    """An office with a campaign."""

    def __init__(self, made: Office, campaign: dict[str, Any]) -> None:
        self.office = made
        wanted = {
            "queue": "general", "hours": "00:00-24:00", "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "attempts": 2, "spacing": {"no_answer": 0, "busy": 0, "machine": 0, "failed": "1h"}, "caller_id": SHOWN,
            **campaign,
        }  # fmt: skip
        flows = made.settings.flows_dir
        (flows / "campaigns.yaml").write_text(yaml.safe_dump({"campaigns": {"plan": wanted}}))
        made.runner.published.publish(flows, PROMPTS)
        self._stopping = threading.Event()
        feeder = Feeder(made.engine, made.queues, lambda: published_lists(made.runner.published))
        self._thread = threading.Thread(target=feeder.run, args=(self._stopping, 0.05))
        self._thread.start()

    async def close(self) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)

    async def listed(self, hertz: int) -> TonePhone:
        """Somebody who is on the list, with a telephone."""
        phone = await TonePhone.open(self.office.endpoint.address, hertz)
        self.office.phones.append(phone)
        phone._watch()
        await asyncio.to_thread(self.put, f"sip:dana@{phone.client.host}:{phone.client.port}")
        return phone

    def put(self, number: str) -> None:
        now = datetime.now(UTC)
        with self.office.engine.begin() as conn:
            customer = customers.create(conn, at=now, name="Dana")
            conn.execute(
                sa.insert(campaign_people).values(
                    id=uuid.uuid4().hex, campaign="plan", number=number, customer_id=customer, attributes={},
                    state="waiting", next_at=now, imported_at=now, updated_at=now,
                )
            )  # fmt: skip

    def row(self) -> Any:
        with reading(self.office.engine) as conn:
            return conn.execute(sa.select(campaign_people)).one()

    async def becomes(self, state: str, result: str, attempts: int) -> None:
        async with asyncio.timeout(30):
            while True:
                row = await asyncio.to_thread(self.row)
                if (row.state, row.result, row.attempts) == (state, result, attempts):
                    return
                await asyncio.sleep(0.05)

    async def audited(self) -> list[object]:
        found = await asyncio.to_thread(audit, self.office.engine)
        return list(found.findings(self.office.queues.clock()))


Story = Callable[[Hall], Awaitable[None]]
Play = Callable[..., None]


@pytest.fixture
def play(tmp_path: Path, audio: Path, valkey: Valkey, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Runs a story in an office where `ana` is the only agent; settings of the campaign may be given."""
    monkeypatch.setenv("TEST_PHONE", "secret")

    @asynccontextmanager
    async def hall(campaign: dict[str, Any]) -> AsyncIterator[Hall]:
        async with office(tmp_path / "office", audio, valkey, "ana", wrap_up={"seconds": 0}) as made:
            opened = Hall(made, campaign)
            try:
                yield opened
            finally:
                await opened.close()

    def run(story: Story, **campaign: Any) -> None:
        async def whole() -> None:
            async with hall(campaign) as opened:
                await story(opened)

        asyncio.run(whole())

    return run


def test_the_agent_is_there_before_the_telephone_rings(play: Play) -> None:
    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.rings()
        assert dana._invites.empty()
        await ana.answer()
        invite = await dana.rings()
        assert SHOWN in invite["from"]
        await dana.answer()
        await dana.until(lambda: len(dana.heard) > 20, "the greeting")
        dana.press("1")
        await dana.hears(ANA)
        await ana.hears(DANA)
        await hall.becomes("done", "reached", 1)
        dana.hang_up()
        await hall.office.tells("offer.done")
        assert await hall.audited() == []

    play(story)


def test_at_once_there_is_no_key_to_press(play: Play) -> None:
    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.answer()
        await dana.answer()
        await dana.hears(ANA)
        await hall.becomes("done", "reached", 1)

    play(story, answered="at_once")


def test_busy_and_then_a_machine(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The agent is free at once each time; the machine hears its message to the end without an agent."""
    monkeypatch.setattr(dialback, "KEY_SECONDS", 1.5)

    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.answer()
        await dana.rings()
        dana.refuse(486)
        await ana.until(ana.over.is_set, "the agent's release")
        await hall.becomes("queued", "busy", 1)
        await ana.answer()
        await dana.answer()
        await hall.becomes("done", "not_reached", 2)
        await ana.until(ana.over.is_set, "the agent's release")
        assert not dana.over.is_set()
        await dana.until(dana.over.is_set, "the message's end")
        assert await hall.audited() == []

    play(story, machine={"say": "This is a message for the machine. Please call us back when you have the time."})


def test_nine_is_the_last_call(play: Play) -> None:
    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.answer()
        await dana.answer()
        await dana.until(lambda: len(dana.heard) > 20, "the greeting")
        dana.press("9")
        await hall.becomes("done", "declined", 1)
        await ana.until(ana.over.is_set, "the agent's release")
        await dana.until(dana.over.is_set, "the goodbye's end")
        with reading(hall.office.engine) as conn:
            assert consent.of(conn, hall.row().customer_id)["phone"].do_not_contact
        assert await hall.audited() == []

    play(story)


def test_do_not_contact_while_the_agent_is_rung(play: Play) -> None:
    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.rings()
        with hall.office.engine.begin() as conn:
            consent.put(conn, hall.row().customer_id, "phone", source="user:1", at=datetime.now(UTC),
                        do_not_contact=True)  # fmt: skip
        await ana.answer()
        await hall.becomes("done", "do_not_contact", 0)
        await ana.until(ana.over.is_set, "the agent's release")
        assert dana._invites.empty()
        assert await hall.audited() == []

    play(story)


def test_paused_while_the_agent_is_rung(play: Play) -> None:
    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        dana = await hall.listed(DANA)
        await ana.rings()
        with hall.office.engine.begin() as conn:
            people.pause(conn, "plan", by="user:1", at=datetime.now(UTC))
        await ana.answer()
        await hall.becomes("waiting", "", 0)
        await ana.until(ana.over.is_set, "the agent's release")
        with hall.office.engine.begin() as conn:
            people.resume(conn, "plan", by="user:1", at=datetime.now(UTC))
        await ana.answer()
        await dana.answer()
        await dana.until(lambda: len(dana.heard) > 20, "the greeting")
        dana.press("1")
        await hall.becomes("done", "reached", 1)
        assert await hall.audited() == []

    play(story)


def test_a_number_that_cant_be_dialled_is_a_failed_attempt(play: Play) -> None:
    """Without a trunk: the agent isn't rung for it over and over."""

    async def story(hall: Hall) -> None:
        ana = await hall.office.agent("ana", ANA)
        await asyncio.to_thread(hall.put, "+12125550142")
        await ana.answer()
        await hall.becomes("waiting", "failed", 1)
        await ana.until(ana.over.is_set, "the agent's release")
        assert await hall.audited() == []

    play(story)
