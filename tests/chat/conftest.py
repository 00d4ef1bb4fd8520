"""The demo company's chat on a real Valkey, and pages of its visitors."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from callcenter import events
from callcenter.db import open_database, reading
from callcenter.tables import contacts, messages
from ivr.assembly import make_live_context
from ivr.channels.chat import visitors
from ivr.live.context import Context
from ivr.settings import Settings
from ivr.web import create_app
from tests.carriers import Carrier, carrying
from tests.live.conftest import ORIGIN, Page, Serving, pytest_pyfunc_call, serving
from tests.twilio.support import prepare
from tests.valkey import redis_url, valkey

__all__ = ["pytest_pyfunc_call", "redis_url", "serving", "valkey"]

SHOP = "https://www.example.org"


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR with the demo company published, to be copied."""
    folder = tmp_path_factory.mktemp("prepared")
    prepare(Settings(_env_file=None, data_dir=folder)).dispose()
    return folder


@pytest.fixture
def data_dir(prepared: Path, tmp_path: Path) -> Path:
    return shutil.copytree(prepared, tmp_path / "var")


@pytest.fixture
def settings(data_dir: Path, redis_url: str) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=data_dir,
        redis_url=redis_url,
        public_base_url=ORIGIN,
        live_port=0,
        chat_origins=SHOP,
        chat_token_key="the company's own login and nobody else's",
    )


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = open_database(settings.database)
    yield engine
    engine.dispose()


@pytest.fixture
def context(settings: Settings, engine: Engine) -> Iterator[Context]:
    context = make_live_context(settings)
    yield context
    context.close()


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch) -> Carrier:
    """The carrier of texts and mails."""
    return carrying(monkeypatch, "sms", "email")


@pytest.fixture
def client(settings: Settings, engine: Engine) -> Iterator[FlaskClient]:
    app = create_app(settings)
    yield app.test_client()
    app.extensions["callwright"].close()
    app.extensions["callwright"].engine.dispose()


class Visitor(Page):
    """A visitor's page, which keeps what it was given as the widget does."""

    def __init__(self, page: Page) -> None:
        super().__init__(page.socket)
        self.messages: dict[str, dict[str, Any]] = {}
        self.state: dict[str, Any] = {}
        self.last = ""

    async def hear(self, *kinds: str) -> dict[str, Any]:
        while True:
            message = await super().hear()
            if message["kind"] == "thread":
                if message["data"]["whole"]:
                    self.messages.clear()
                self.messages |= {one["id"]: one for one in message["data"]["messages"]}
                self.state = message["data"]["state"]
            if not kinds or message["kind"] in kinds:
                return message

    async def write(self, text: str, id: str = "") -> dict[str, Any]:
        """Say something; the acknowledgement."""
        await self.say("message", id=id or uuid.uuid4().hex, data={"text": text})
        answer = await self.hear("ack", "error")
        self.last = answer["data"].get("message", "")
        return answer

    async def until(self, true: Any) -> None:
        """Hear what comes until something is so; the test's timeout bounds it."""
        while not true():
            await self.hear()

    async def answered(self, text: str = "") -> str:
        """Wait for the next word of ours that has `text` in it after the last of the visitor's."""

        def found() -> list[str]:
            ours = [one for one in self.thread if one["by"] != "you" and one["id"] > self.last]
            return [one["text"] for one in ours if text in one["text"]]

        await self.until(found)
        return found()[0]

    @property
    def thread(self) -> list[dict[str, Any]]:
        return sorted(self.messages.values(), key=lambda one: one["id"])

    @property
    def said(self) -> list[str]:
        return [one["text"] for one in self.thread if one["by"] == "you"]


ANA = "v" + "a" * 32


@asynccontextmanager
async def visiting(live: Serving, visitor: str = ANA, origin: str = SHOP) -> AsyncIterator[Visitor]:
    """A page that has its thread."""
    async with live.socket("/chat", origin) as page:
        visit = Visitor(page)
        await visit.say("hello", ticket=visitors.ticket(live.context.tickets, visitor, site=origin, network="net"))
        await visit.hear("thread")
        yield visit


def rows(engine: Engine, table: sa.Table) -> list[Any]:
    with reading(engine) as conn:
        return list(conn.execute(sa.select(table)))


def kinds(engine: Engine, contact_id: str) -> list[str]:
    with reading(engine) as conn:
        return [event.kind for event in events.of_contact(conn, contact_id)]


def contact(engine: Engine, visitor: str = ANA) -> Any:
    """The visitor's newest contact."""
    own = [row for row in rows(engine, contacts) if row.caller == visitor]
    return max(own, key=lambda row: row.started_at)


def stored(engine: Engine) -> list[Any]:
    return [row for row in rows(engine, messages) if row.direction == "in"]
