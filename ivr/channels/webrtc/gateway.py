"""The gateway: agents' browsers are telephones of our own SIP engine.

A page connects (`Softphones.connect`), and the agent's address in Redis leads calls here. A call rings the page by a
live event, and is answered when the agent says so. A page that is lost keeps its call for `GRACE` seconds: the same
agent's next page takes it over.
"""

from __future__ import annotations

import asyncio
import json
import signal
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import redis.asyncio as redis
import structlog
from aiortc import RTCIceServer

from callcenter.live import Live
from callcenter.softphones import ADDRESS, ADDRESS_SECONDS, COMMANDS, REPLY_SECONDS, STATE, Elsewhere
from ivr.channels.leg import HungUp
from ivr.channels.sip.endpoint import SipEndpoint
from ivr.channels.sip.incoming import IncomingLeg
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.settings import SipSettings
from ivr.channels.webrtc.peer import Peer
from ivr.channels.webrtc.relay import RelayMedia, RelayStream

log = structlog.get_logger("callwright.phone")

GRACE = 20.0
"""Seconds that a call waits for its agent's page to come back."""
MOST_PHONES = 500
HOST = "127.0.0.1"
"""SIP and RTP of the gateway stay on this machine; browsers come by WebRTC."""


@dataclass(eq=False)
class Phone:
    """One agent's telephone: a page, a call, both or, while it waits for a page to come back, only the call."""

    agent: str
    peer: Peer | None = None
    leg: IncomingLeg | None = None
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    lost: asyncio.TimerHandle | None = None

    @property
    def page(self) -> str:
        """The page that has it; "" while that is lost."""
        return self.peer.page if self.peer is not None and (self.peer.connected or self.lost is None) else ""


class Gateway:
    """Raises what binding raises from `start`. `live` tells pages: phone.ringing, phone.up, phone.over,
    phone.connected, phone.lost on the topic agent:<id>."""

    def __init__(self, redis_url: str, ice_servers: list[RTCIceServer] | None = None) -> None:
        self._redis = redis.Redis.from_url(redis_url, decode_responses=True)
        self._live = Live(redis_url)
        self._ice = ice_servers or []
        self._phones: dict[str, Phone] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._media = RelayMedia(HOST)
        self._renewing = asyncio.Lock()
        self.endpoint: SipEndpoint | None = None

    async def start(self) -> None:
        settings = SipSettings(host=HOST, port=0, tcp=False, allow=(ip_network("127.0.0.0/8"),), max_calls=MOST_PHONES)
        self.endpoint = await SipEndpoint.start(settings, self._media, self._ring)  # type: ignore[arg-type]
        for work in (self._commands(), self._announce()):
            self._spawn(work)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        await self.start()
        stopping = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopping.set)
        await stopping.wait()
        await self.close()

    async def close(self) -> None:
        """Whoever is on a call with an agent waits for another one."""
        for phone in self._phones.values():
            if phone.leg is not None:
                phone.leg.fail("the gateway ends")
        if self.endpoint is not None:
            await self.endpoint.close()
        await self._end_tasks()
        for phone in list(self._phones.values()):
            if phone.peer is not None:
                await phone.peer.close()
            if phone.lost is not None:
                phone.lost.cancel()
        await self._end_tasks()  # what the end of the pages has begun would open another connection to Redis
        for phone in list(self._phones.values()):
            await self._forget(phone)
        await self._media.close()
        await self._redis.aclose()
        self._live.close()

    async def _end_tasks(self) -> None:
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks, timeout=1)  # redis-py may take a cancellation for its own time limit

    # Pages

    async def connect(self, agent: str, page: str, sdp: str, *, take: bool = True) -> str:
        """Answer a page's offer; it takes the agent's telephone over, without `take` only from a page that is lost.
        Raises ValueError, `Elsewhere`."""
        phone = self._phones.get(agent)
        if not take and phone is not None and phone.page not in ("", page):
            raise Elsewhere(agent)
        if phone is None and len(self._phones) >= MOST_PHONES:
            raise ValueError("too many telephones")
        peer = Peer(page, self._ice, lambda peer, state: self._page(agent, peer, state))
        answer = await peer.answer(sdp)
        phone = self._phones.setdefault(agent, Phone(agent))
        before, phone.peer = phone.peer, peer
        if phone.lost is not None:
            phone.lost.cancel()
            phone.lost = None
        self._join(phone)
        if before is not None:
            self._spawn(before.close())
            if before.page != page:
                self._tell(agent, "phone.elsewhere", page=before.page)
        await self._renew(phone)
        return answer

    def _page(self, agent: str, peer: Peer, state: str) -> None:
        """A page's connection came up, broke, or is over."""
        phone = self._phones.get(agent)
        if phone is None or phone.peer is not peer:
            return
        log.info("page", agent=agent, state=state)
        if state == "connected":
            if phone.lost is not None:
                phone.lost.cancel()
                phone.lost = None
            self._tell(agent, "phone.connected", page=peer.page)
            if phone.leg is not None and not phone.leg.up:
                self._tell(agent, "phone.ringing", call=phone.leg.id, caller=phone.leg.caller)
            return
        self._tell(agent, "phone.lost", page=peer.page)
        self._spawn(self._renew(phone))
        if phone.lost is None:
            phone.lost = asyncio.get_running_loop().call_later(GRACE, lambda: self._spawn(self._gone(phone, peer)))

    async def _gone(self, phone: Phone, peer: Peer) -> None:
        """The page didn't come back: its call ends, by a fault, so that the caller waits for another agent; and nobody
        rings here."""
        phone.lost = None
        if phone.peer is not peer or peer.connected:
            return
        phone.peer = None
        await peer.close()
        if phone.leg is not None:
            phone.leg.fail("the page is gone")
        await self._forget(phone)

    async def _forget(self, phone: Phone) -> None:
        if self._phones.get(phone.agent) is phone and phone.leg is None:
            del self._phones[phone.agent]
        try:
            await self._redis.delete(ADDRESS + phone.agent, STATE + phone.agent)
        except redis.RedisError as error:
            log.warning("redis", error=type(error).__name__)

    # Calls

    async def _ring(self, leg: SipLeg) -> None:
        """A call for an agent: ring the page until it is taken or over, then carry it."""
        assert isinstance(leg, IncomingLeg)
        phone = self._phones.get(leg.called)
        if phone is None or phone.peer is None:
            await leg.reject(480)
            return
        if phone.leg is not None:
            await leg.reject(486)
            return
        phone.leg = leg
        phone.taken.clear()
        leg.ring()
        self._spawn(self._renew(phone))
        self._tell(phone.agent, "phone.ringing", call=leg.id, caller=leg.caller)
        try:
            over = asyncio.ensure_future(self._over(leg))
            taken = asyncio.ensure_future(phone.taken.wait())
            await asyncio.wait({over, taken}, return_when=asyncio.FIRST_COMPLETED)
            taken.cancel()
            if not over.done():
                await leg.answer()
                self._join(phone)
                await self._renew(phone)
                self._tell(phone.agent, "phone.up", call=leg.id)
            await over
        finally:
            phone.leg = None
            if phone.peer is not None:
                phone.peer.join(None, None)
            self._spawn(self._renew(phone))
            self._tell(phone.agent, "phone.over", call=leg.id)

    @staticmethod
    async def _over(leg: SipLeg) -> None:
        while not isinstance(await leg.next_event(), HungUp):
            pass

    @staticmethod
    def _join(phone: Phone) -> None:
        stream = phone.leg.stream if phone.leg is not None else None
        if phone.peer is not None and isinstance(stream, RelayStream):
            phone.peer.join(stream.from_browser, stream.to_browser)

    def answer(self, agent: str) -> bool:
        phone = self._phones.get(agent)
        if phone is None or phone.leg is None or phone.leg.over:
            return False
        phone.taken.set()
        return True

    async def hang_up(self, agent: str) -> bool:
        phone = self._phones.get(agent)
        if phone is None or phone.leg is None or phone.leg.over:
            return False
        if phone.leg.up:
            phone.leg.hang_up()
        else:
            await phone.leg.reject(603)  # declined by a person (RFC 3261 section 21.6.2)
        return True

    # Redis

    async def _commands(self) -> None:
        while True:
            try:
                found: Any = await self._redis.brpop([COMMANDS], timeout=2)
            except redis.RedisError as error:
                log.warning("redis", error=type(error).__name__)
                await asyncio.sleep(1)
                continue
            if found is not None:
                self._spawn(self._command(found[1]))

    async def _command(self, text: str) -> None:
        try:
            command = json.loads(text)
            told = await self._do(command)
        except Exception as error:
            log.exception("command", kind=type(error).__name__)
            return
        async with self._redis.pipeline() as pipe:
            pipe.lpush(command["reply"], json.dumps(told))
            pipe.expire(command["reply"], REPLY_SECONDS)
            await pipe.execute()

    async def _do(self, command: dict[str, Any]) -> dict[str, Any]:
        agent = command["agent"]
        match command["do"]:
            case "connect":
                try:
                    take = bool(command.get("take", True))
                    return {"sdp": await self.connect(agent, command["page"], command["sdp"], take=take)}
                except Elsewhere:
                    return {"elsewhere": True}
                except ValueError as error:
                    return {"error": str(error)}
            case "answer":
                return {"done": self.answer(agent)}
            case "hang_up":
                return {"done": await self.hang_up(agent)}
            case "disconnect":
                phone = self._phones.get(agent)
                if phone is None or phone.peer is None or phone.peer.page != command["page"]:
                    return {"done": False}
                await phone.peer.close()  # its state tells the rest
                return {"done": True}
        return {"error": "unknown command"}

    async def _announce(self) -> None:
        """Keep the addresses of connected telephones in Redis."""
        while True:
            for phone in list(self._phones.values()):
                await self._renew(phone)
            await asyncio.sleep(ADDRESS_SECONDS / 3)

    async def _renew(self, phone: Phone) -> None:
        assert self.endpoint is not None
        host, port = self.endpoint.address
        try:
            async with self._renewing:  # what is so is told in the order in which it came about
                leg = phone.leg
                call = None if leg is None else {"id": leg.id, "caller": leg.caller, "up": leg.up}
                told = json.dumps({"page": phone.page, "call": call})
                await self._redis.set(STATE + phone.agent, told, ex=ADDRESS_SECONDS)
                if phone.page:
                    await self._redis.set(ADDRESS + phone.agent, f"sip:{phone.agent}@{host}:{port}", ex=ADDRESS_SECONDS)
        except redis.RedisError as error:
            log.warning("redis", error=type(error).__name__)

    def _tell(self, agent: str, kind: str, **data: Any) -> None:
        self._spawn(asyncio.to_thread(self._live.publish, f"agent:{agent}", kind, data))

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
