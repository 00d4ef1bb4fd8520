from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import redis
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.acd.config import Config
from callcenter.acd.match import match
from callcenter.acd.model import Proposal
from callcenter.campaigns.config import Campaign, from_data
from callcenter.campaigns.deciding import Lists
from callcenter.campaigns.feeding import Feeder
from callcenter.campaigns.importing import Imported, parse, put
from callcenter.db import reading
from callcenter.queues import journal
from callcenter.queues.store import Queues
from callcenter.tables import campaign_people
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres
from tests.queues.conftest import Clock, client, config, queues
from tests.valkey import valkey, valkey_server

__all__ = [
    "client", "config", "database_url", "engine", "postgres", "queues", "sqlite_engine", "valkey", "valkey_server",
]  # fmt: skip

NOON = 1_795_017_600.0  # 2026-11-18 16:00 in UTC, a Wednesday: 11:00 in New York, 8:00 in Los Angeles
ANA, LEE, JO = "+12125550142", "+12125550143", "+12125550144"  # New York
FILE: dict[str, Any] = {
    "campaigns": {
        "plan": {
            "queue": "billing",
            "attempts": 2,
            "spacing": {"no_answer": "1h", "busy": "10m", "machine": "2h"},
            "codes": {"paid": "do_not_contact", "dispute": "machine"},
            "guide": "Offer a plan.",
            "machine": {"text": "We called you."},
        }
    }
}


class Desk:
    """A campaign, its queue and its list, driven by hand."""

    def __init__(self, engine: Engine, queues: Queues, clock: Clock) -> None:
        self.engine, self.queues, self.clock = engine, queues, clock
        self.file = {name: dict(campaign) for name, campaign in FILE["campaigns"].items()}
        self.feeder = Feeder(engine, queues, self.lists)

    def lists(self) -> Lists:
        return Lists(from_data({"campaigns": self.file}), ZoneInfo("America/New_York"), language="en")

    @property
    def campaign(self) -> Campaign:
        return self.lists().campaigns["plan"]

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.clock(), UTC)

    def put(self, *numbers: str, header: str = "phone") -> Imported:
        return put(self.engine, "plan", self.campaign, parse("\n".join([header, *numbers]), "list.csv", "US"), self.now)

    def fed(self) -> int:
        self.drain()
        made = self.feeder.once()
        self.drain()
        return made

    def drain(self) -> None:
        journal.drain(self.engine, self.queues, lambda kind, queue, language: f"{kind} by {queue}")

    def due(self) -> list[Proposal]:
        return match(self.queues.snapshot(), self.clock())

    def offered(self) -> str:
        """The next match, claimed by the process that dials."""
        (proposal, *_) = self.due()
        (offer,) = self.queues.claim(proposal)
        assert self.queues.claim_callback(offer, "sip1")
        return offer

    def talks(self, offer: str, code: str = "") -> None:
        """The agent and the customer talk, until they are done."""
        assert self.queues.accept(offer)
        assert self.queues.connected(offer)
        assert self.queues.complete(offer)
        self.queues.wrapped_up(self.queues.offer(offer).agent_id, offer, code)
        self.drain()

    def rows(self) -> dict[str, Any]:
        with reading(self.engine) as conn:
            return {row.number: row for row in conn.execute(sa.select(campaign_people))}

    def row(self, number: str = ANA) -> Any:
        return self.rows()[number]

    def state(self, number: str = ANA) -> tuple[str, str, int]:
        row = self.row(number)
        return row.state, row.result, row.attempts


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


@pytest.fixture
def desk(sqlite_engine: Engine, queues: Queues, clock: Clock) -> Desk:
    return Desk(sqlite_engine, queues, clock)


@pytest.fixture
def desks(engine: Engine, queues: Queues, clock: Clock) -> Desk:
    """On SQLite and again on PostgreSQL."""
    return Desk(engine, queues, clock)


@pytest.fixture
def another(client: redis.Redis, config: Config, clock: Clock) -> Callable[[Desk], Desk]:
    """A second process at the same queues and database."""
    return lambda desk: Desk(desk.engine, Queues(client, config, clock), clock)
