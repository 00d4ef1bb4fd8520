"""What tests of conversations share: the demo company on a database, and a carrier that keeps what it is given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import events
from callcenter.db import open_database, reading
from callcenter.messages.inbound import Inbound, Received
from callcenter.tables import contacts, messages
from ivr.actions import specs
from ivr.conversations import Conversations
from ivr.published import Published
from ivr.settings import Settings
from ivr.vault import Vault
from tests.carriers import Carrier, carrying
from tests.twilio.support import NOON, ActingRunner, prepare, settings

DANA, US = "+12025550143", "+12025550100"


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    """The carrier of texts, mails and the rest."""
    return carrying(monkeypatch, "sms", "whatsapp", "messenger", "email", "chat")


@dataclass
class Desk:
    """A process that answers messages, on the demo company's flows."""

    chosen: Settings
    engine: Engine
    runner: ActingRunner
    conversations: Conversations
    clock: list[dt.datetime]
    published: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    numbers: int = 0

    def text(self, words: str, **more: Any) -> Received:
        self.numbers += 1
        given = {"channel": "sms", "sender": DANA, "to": US, "provider_id": f"SM{self.numbers}", **more}
        return self.conversations.take(Inbound(text=words, **given))

    def rows(self, table: sa.Table) -> list[Any]:
        with reading(self.engine) as conn:
            return list(conn.execute(sa.select(table)))

    def kinds(self, contact_id: str) -> list[str]:
        with reading(self.engine) as conn:
            return [event.kind for event in events.of_contact(conn, contact_id)]

    def contact(self, contact_id: str) -> Any:
        return next(row for row in self.rows(contacts) if row.id == contact_id)

    def thread(self, contact_id: str) -> list[tuple[str, str]]:
        """Who wrote what, in order."""
        found = [row for row in self.rows(messages) if row.contact_id == contact_id]
        return [(row.author, row.body) for row in sorted(found, key=lambda row: (row.created_at, row.id))]

    def another(self) -> Desk:
        """A second process on the same database."""
        return _desk(self.chosen, self.engine, self.clock)


def _desk(chosen: Settings, engine: Engine, clock: list[dt.datetime]) -> Desk:
    own = open_database(chosen.database)
    published = Published(own, specs(), chosen.data_dir / "versions")
    runner = ActingRunner(own, published, Vault(), chosen, clock=lambda: clock[0], threads=8)
    made = Desk(chosen, engine, runner, None, clock)  # type: ignore[arg-type]

    class Heard:
        def publish(self, topic: str, kind: str, data: dict[str, Any]) -> str | None:
            made.published.append((topic, kind, data))
            return None

    def at_once(work: Callable[..., object], *arguments: object) -> None:
        work(*arguments)

    made.conversations = Conversations(runner, chosen, Heard(), submit=at_once)
    return made


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Iterator[Desk]:
    chosen = settings(tmp_path, database_url=database_url)
    engine = prepare(chosen)
    made = _desk(chosen, engine, [NOON])
    yield made
    made.runner.close()
    made.runner.engine.dispose()
    engine.dispose()
