"""An office with a campaign, for tests on real calls."""

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

from callcenter import customers
from callcenter.campaigns.feeding import Feeder
from callcenter.db import reading
from callcenter.queues.auditing import audit
from callcenter.tables import campaign_people
from ivr.campaigns import published_lists
from tests.bridge.phones import TonePhone
from tests.valkey import Valkey
from tests.voice.line import PROMPTS
from tests.voice.office import Office, office

ANA, DANA = 700, 300
SHOWN = "+12025550100"


class Hall:
    """An office with a campaign."""

    def __init__(self, made: Office, campaign: dict[str, Any], files: dict[str, str]) -> None:
        self.office = made
        wanted = {
            "queue": "general", "hours": "00:00-24:00", "days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"],
            "attempts": 2, "spacing": {"no_answer": 0, "busy": 0, "machine": 0, "failed": "1h"}, "caller_id": SHOWN,
            **campaign,
        }  # fmt: skip
        flows = made.settings.flows_dir
        (flows / "campaigns.yaml").write_text(yaml.safe_dump({"campaigns": {"plan": wanted}}))
        for name, text in files.items():
            (flows / name).write_text(text)
        made.runner.published.publish(flows, PROMPTS)
        self._stopping = threading.Event()
        feeder = Feeder(made.engine, made.queues, lambda: published_lists(made.runner.published))
        self._thread = threading.Thread(target=feeder.run, args=(self._stopping, 0.05))
        self._thread.start()

    async def close(self) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)

    async def listed(self, hertz: int, **attributes: str) -> TonePhone:
        """Somebody who is on the list, with a telephone; `attributes` are further columns."""
        phone = await TonePhone.open(self.office.endpoint.address, hertz)
        self.office.phones.append(phone)
        phone._watch()
        await asyncio.to_thread(self.put, f"sip:dana@{phone.client.host}:{phone.client.port}", attributes)
        return phone

    def put(self, number: str, attributes: dict[str, str] | None = None) -> None:
        now, given = datetime.now(UTC), attributes or {}
        with self.office.engine.begin() as conn:
            customer = customers.create(conn, at=now, name="Dana")
            conn.execute(
                sa.insert(campaign_people).values(
                    id=uuid.uuid4().hex, campaign="plan", number=number, customer_id=customer, attributes=given,
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
    """Runs a story in an office where `ana` is the only agent; settings of the campaign may be given, and further
    `files` of the flows."""
    monkeypatch.setenv("TEST_PHONE", "secret")

    @asynccontextmanager
    async def hall(campaign: dict[str, Any], files: dict[str, str]) -> AsyncIterator[Hall]:
        async with office(tmp_path / "office", audio, valkey, "ana", wrap_up={"seconds": 0}) as made:
            opened = Hall(made, campaign, files)
            try:
                yield opened
            finally:
                await opened.close()

    def run(story: Story, files: dict[str, str] | None = None, **campaign: Any) -> None:
        async def whole() -> None:
            async with hall(campaign, files or {}) as opened:
                await story(opened)

        asyncio.run(whole())

    return run
