"""A small contact centre on real parts: our SIP engine and media process, a real Valkey, queues, the bridge.

Matching is the test's: it says which agents are offered a contact, so that orders of events can be made.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import redis

from callcenter import control
from callcenter.acd.config import Config
from callcenter.acd.model import Proposal
from callcenter.queues.journal import Fact, Tail
from callcenter.queues.store import Queues
from ivr.bridge.conversation import Bridge
from ivr.bridge.parts import Accepted, Ending, Manner, Offer, Recording
from ivr.channels.leg import Clip, HungUp, LegOver
from ivr.channels.sip.endpoint import SipEndpoint
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.media.client import Media
from ivr.channels.sip.registrar import Account
from ivr.channels.sip.settings import SipSettings
from tests.bridge.phones import TonePhone
from tests.channels.sip.media.phone import PATIENCE
from tests.channels.sip.media.talker import tone_frame
from tests.channels.sip.server import FAST
from tests.valkey import Valkey

MUSIC, WHISPER, CONSENT = 1450, 950, 1700
CUSTOMER, ANN, BOB, SUE = 300, 700, 1200, 450
"""Everybody's tone, in hertz."""

AGENTS = {"ann": ANN, "bob": BOB, "sue": SUE}
CONFIG = Config.from_files(
    {
        "queues": {"queues": {"sales": {"offer_seconds": 20, "wrap_up": {"seconds": 60}}, "billing": {}}},
        "agents": {
            "agents": {
                name: {"queues": ["sales", "billing"], "phone": {"user": name, "password_env": "PHONE"}}
                for name in AGENTS
            }
        },
    }
)


def clip(hertz: int, seconds: float = 1.0) -> Clip:
    return Clip(f"tone {hertz} {seconds}", b"".join(tone_frame(hertz, n) for n in range(round(seconds * 50))))


MANNER = Manner(music=[clip(MUSIC)], whisper=[clip(WHISPER, 0.6)])


class Centre:
    """`call()` brings a customer; `offer()` offers him to agents; `endings` is how conversations ended."""

    endpoint: SipEndpoint

    def __init__(self, valkey: Valkey, folder: Path) -> None:
        self.client: redis.Redis = valkey.client(socket_timeout=2)
        self.queues = Queues(self.client, CONFIG)
        self.manner = MANNER
        self.folder = folder
        self.kept: list[tuple[Path, float, str]] = []
        self.endings: list[Ending] = []
        self.rings: dict[str, asyncio.Task[Accepted | None]] = {}
        self.phones: list[TonePhone] = []
        self.devices: dict[str, str] = {name: f"user:{name}" for name in AGENTS}
        self.offered: asyncio.Queue[Offer] = asyncio.Queue()
        self.contacts: list[str] = []
        self._threads = ThreadPoolExecutor(8)
        self._tail = Tail(self.client)

    async def start(self, media: Media) -> None:
        accounts = {name: Account(name, "secret") for name in AGENTS}
        settings = SipSettings(host="127.0.0.1", port=0, timers=FAST, accounts=accounts.get)
        self.endpoint = await SipEndpoint.start(settings, media, self._serve)
        self.bridge = Bridge(
            self.endpoint.dial,
            self.queues,
            self.client,
            self._threads,
            address=lambda agent: self.devices.get(agent, ""),
            keep=self._keep,
        )
        for name in AGENTS:
            self.queues.sign_in(name)

    async def close(self) -> None:
        await self.bridge.close()
        await self.endpoint.close()
        for phone in self.phones:
            phone.close()
        for phone in self.phones:
            await phone.gone()
        self._threads.shutdown()
        self.client.close()

    def _keep(self, path: Path, seconds: float, contact: str, caller: str) -> str:
        self.kept.append((path, seconds, contact))
        return f"recording {len(self.kept)}"

    # People

    async def call(self) -> TonePhone:
        phone = await TonePhone.open(self.endpoint.address, CUSTOMER)
        self.phones.append(phone)
        return await phone.call()

    async def agent(self, name: str) -> TonePhone:
        phone = await TonePhone.open(self.endpoint.address, AGENTS[name])
        self.phones.append(phone)
        return await phone.register(name)

    async def connected(self, name: str = "ann") -> tuple[TonePhone, TonePhone]:
        """A customer and an agent who talk."""
        agent, customer = await self.agent(name), await self.call()
        self.offer(name)
        await agent.answer()
        await customer.hears(AGENTS[name])
        await agent.hears(CUSTOMER)
        return customer, agent

    # What the waiting code and the router do

    def offer(self, *agents: str, contact: int = -1, seconds: float = 20.0) -> list[Offer]:
        """Claim a contact for agents, and ring them."""
        contact_id = self.contacts[contact]
        place = self.queues.place(contact_id)
        assert place is not None
        proposal = Proposal(contact_id=contact_id, queue=place.queue, agents=tuple(agents), medium="voice")
        offers = [
            Offer(
                id, contact_id, place.queue, found.agent_id, self.devices[found.agent_id], self.queues.clock() + seconds
            )
            for id in self.queues.claim(proposal)
            for found in [self.queues.offer(id)]
        ]
        assert len(offers) == len(agents)
        for offer in offers:
            self.offered.put_nowait(offer)
        return offers

    async def _serve(self, leg: SipLeg) -> None:
        await leg.answer()
        self.contacts.append(leg.id)
        self.queues.join(leg.id, "sales", channel="sip", caller="+15550100", holder="test")
        try:
            while await self._wait(leg):
                pass
        except LegOver:
            pass

    async def _wait(self, leg: SipLeg) -> bool:
        """Music until an agent has accepted, and the conversation; whether the caller waits again."""
        leg.play(self.manner.music, loop=True)
        tasks: set[asyncio.Task[Any]] = set()
        hung_up = asyncio.create_task(_until_over(leg))
        offered = asyncio.create_task(self.offered.get())
        try:
            while True:
                await asyncio.wait({hung_up, offered, *tasks}, return_when=asyncio.FIRST_COMPLETED)
                if offered.done():
                    offer = offered.result()
                    ring = asyncio.create_task(self.bridge.ring(offer, self.manner))
                    self.rings[offer.id] = ring
                    tasks.add(ring)
                    offered = asyncio.create_task(self.offered.get())
                for task in [task for task in tasks if task.done()]:
                    tasks.discard(task)
                    accepted = None if task.cancelled() else task.result()
                    if accepted is not None:
                        break
                else:
                    if hung_up.done():
                        self.queues.leave(leg.id, "abandoned")
                        return False
                    continue
                break
        finally:
            for task in (hung_up, offered, *tasks):
                task.cancel()
            await asyncio.gather(hung_up, offered, *tasks, return_exceptions=True)
        ending = await self.bridge.talk(leg, accepted, self.manner)
        self.endings.append(ending)
        return ending.how == "requeue"

    # Looking

    def order(self, verb: str, by: str = "ann", **args: object) -> str:
        return control.order(self.client, self.contacts[-1], verb, by=by, args=args)

    async def fact(self, kind: str, **data: object) -> Fact:
        """The next entry of the journal of this kind, with this in its data."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for fact in self._tail.read(count=1):
                    if fact.kind == kind and data.items() <= fact.data.items():
                        return fact
                await asyncio.sleep(0.01)

    async def ending(self) -> Ending:
        await self.until(lambda: bool(self.endings))
        return self.endings.pop(0)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - polled, so that the code under test needs no hooks for it
                await asyncio.sleep(0.01)

    def state(self, offer: Offer) -> str:
        return str(self.queues.offer(offer.id).state)

    def place(self) -> str:
        place = self.queues.place(self.contacts[-1])
        return place.state if place is not None else ""


async def _until_over(leg: SipLeg) -> None:
    while not isinstance(await leg.next_event(), HungUp):
        pass


@asynccontextmanager
async def centre(valkey: Valkey, folder: Path, **manner: Any) -> AsyncIterator[Centre]:
    here = Centre(valkey, folder)
    if manner:
        here.manner = Manner(**({"music": MANNER.music, "whisper": MANNER.whisper} | manner))
    media = await Media.start()
    try:
        await here.start(media)
        try:
            yield here
        finally:
            await here.close()
    finally:
        await media.close()


def recording(folder: Path) -> Recording:
    return Recording(folder, consent=[clip(CONSENT, 0.6)])
