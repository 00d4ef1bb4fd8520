"""The whole contact centre in one process: SIP service, queues on a real Valkey, router and journal; telephones that
register for agents, and callers who say a tone."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import yaml
from sqlalchemy.engine import Engine

from callcenter.db import migrate, open_database, reading
from callcenter.events import Event, of_contact
from callcenter.queues.router import Drain, Router
from callcenter.queues.store import Queues
from callcenter.redis_client import connect
from callcenter.tables import contacts
from ivr.assembly import make_published
from ivr.channels.sip.service import SipService
from ivr.channels.sip.switchboard import Switchboard
from ivr.prompts.catalogue import Catalogue
from ivr.queue_config import PublishedQueues
from ivr.runner import Runner
from ivr.settings import Settings
from ivr.speech.renderer import Renderer
from ivr.speech.voices import all_voices
from ivr.vault import Vault
from tests.bridge.phones import TonePhone
from tests.valkey import Valkey
from tests.voice.line import FLOWS, PROMPTS

PASSWORD = "secret"  # what `tests.channels.sip.telephone` registers with
TONES = (300, 450, 700, 950, 1200, 1450, 1700)


class Office:
    """`agents` are the names of agents who have a telephone with an account, or `NAME@desk` for those who have their
    browser; all serve the queue `general`."""

    def __init__(
        self, folder: Path, audio: Path, valkey: Valkey, agents: tuple[str, ...], queue: dict[str, object]
    ) -> None:
        flows = folder / "flows"
        shutil.copytree(FLOWS, flows)
        shutil.rmtree(flows / "calls")
        people = {
            name.removesuffix("@desk"): {
                "queues": ["general"],
                "phone": "desk" if name.endswith("@desk") else {"user": name, "password_env": "TEST_PHONE"},
            }
            for name in agents
        }
        (flows / "agents.yaml").write_text(yaml.safe_dump({"agents": people}))
        files = yaml.safe_load((flows / "queues.yaml").read_text())
        del files["queues"]["general"]["callback"]["hours"]  # tests call back at any hour
        files["queues"]["general"] |= queue
        (flows / "queues.yaml").write_text(yaml.safe_dump(files))
        self.settings = Settings(
            _env_file=None, data_dir=folder, flows_dir=flows, prompts_dir=PROMPTS, sip_port=0, redis_url=valkey.url,
            log_format="json",
        )  # fmt: skip
        self.engine: Engine = open_database(self.settings.database)
        migrate(self.engine)
        published = make_published(self.settings, self.engine)
        published.publish(flows, PROMPTS)
        self.runner = Runner(self.engine, published, Vault(), self.settings)
        voices = [voice for voice in all_voices() if "espeak" in voice.name]
        renderer = Renderer(audio, Catalogue.load(PROMPTS), voices=voices, budget_seconds=20)
        self.board = Switchboard.open(self.settings, self.runner, renderer)
        self.service = SipService(self.settings, self.runner, renderer, None, self.board)
        self.queues: Queues = self.board.queues
        self._routing = PublishedQueues(published, connect(valkey.url))
        self._stopping = threading.Event()
        drain = Drain(self.engine, self._routing.queues, self._routing.message)
        router = Router(self._routing.queues, self.engine, reload=self._routing.refresh)
        self._threads = [
            threading.Thread(target=drain.run, args=(self._stopping,)),
            threading.Thread(target=router.run, args=(self._stopping,)),
        ]
        self.phones: list[TonePhone] = []

    async def start(self) -> None:
        self.endpoint = await self.service.start()
        for thread in self._threads:
            thread.start()

    async def close(self) -> None:
        for phone in self.phones:
            phone.close()
        for phone in self.phones:
            await phone.gone()
        await self.service.close()
        self._stopping.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self.engine.dispose()

    # People

    async def agent(self, name: str, hertz: int) -> TonePhone:
        """An agent whose telephone is registered, and who takes contacts."""
        phone = await TonePhone.open(self.endpoint.address, hertz)
        self.phones.append(phone)
        await phone.register(name)
        await asyncio.to_thread(self.queues.sign_in, name)
        return phone

    async def caller(self, hertz: int, *, events: bool = True) -> TonePhone:
        """A caller who has asked for a person; without `events` one whose keys are tones in the audio."""
        phone = await TonePhone.open(self.endpoint.address, hertz)
        self.phones.append(phone)
        await phone.call(events=events)
        await phone.until(lambda: len(phone.heard) > 20, "the greeting")
        phone.press("0")
        return phone

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until this holds; it is asked in a thread, since it may block."""
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - the store tells nobody
                await asyncio.sleep(0.02)

    async def waits(self, count: int = 1, queue: str = "general") -> None:
        """Until so many are in the queue."""
        await self.until(lambda: self.queues.client.zcard(f"cw:queue:{queue}") == count)

    def events(self) -> list[Event]:
        """Of all contacts, contact by contact."""
        with reading(self.engine) as conn:
            ids = conn.execute(contacts.select().order_by(contacts.c.started_at)).all()
            return [event for row in ids for event in of_contact(conn, row.id)]

    async def tells(self, *kinds: str) -> list[Event]:
        """Until all of these are in the event log."""
        async with asyncio.timeout(20):
            while True:
                events = await asyncio.to_thread(self.events)
                if set(kinds) <= {event.kind for event in events}:
                    return events
                await asyncio.sleep(0.05)


@asynccontextmanager
async def office(folder: Path, audio: Path, valkey: Valkey, *agents: str, **queue: object) -> AsyncIterator[Office]:
    """`queue` changes settings of the queue `general`."""
    made = Office(folder, audio, valkey, agents, queue)
    await made.start()
    try:
        yield made
    finally:
        await made.close()
