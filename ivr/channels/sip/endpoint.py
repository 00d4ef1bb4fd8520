"""`SipEndpoint`: one SIP user agent on UDP, TCP and TLS, that takes calls and places them.

    media = await Media.start()
    endpoint = await SipEndpoint.start(SipSettings(port=5060), media, on_call)

`on_call(leg)` runs as a task of its own for each call; when it returns or raises, the call is hung up.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from ivr.channels.leg import LegEvent
from ivr.channels.sip import indialog, reception
from ivr.channels.sip.agent import Agent
from ivr.channels.sip.bindings import Bindings
from ivr.channels.sip.clock import Clock
from ivr.channels.sip.dialog import Key
from ivr.channels.sip.flow import Flow
from ivr.channels.sip.gate import Gate
from ivr.channels.sip.incoming import IncomingLeg
from ivr.channels.sip.layer import merge_key
from ivr.channels.sip.leg import SipLeg
from ivr.channels.sip.message import Request
from ivr.channels.sip.outgoing import OutgoingLeg
from ivr.channels.sip.rate import Rate
from ivr.channels.sip.registrar import LOCAL, TelephoneRegistrar
from ivr.channels.sip.registration import Registrar
from ivr.channels.sip.running import ServerTransaction
from ivr.channels.sip.settings import SipSettings
from ivr.channels.sip.values import Uri, parse_uri

if TYPE_CHECKING:
    from ivr.channels.sip.media.client import Media, Stream

log = logging.getLogger(__name__)

OnCall = Callable[[SipLeg], Awaitable[None]]


class SipEndpoint(Agent):
    """Made by `start`. `address` is what the UDP socket is bound to; TCP has the same port."""

    def __init__(self, settings: SipSettings, media: Media, on_call: OnCall, clock: Clock) -> None:
        super().__init__(settings, clock, self, self._on_message)
        self._watch: asyncio.Task[None] | None = None
        self.media = media
        self._on_call = on_call
        self.draining = False
        self.legs: dict[Key, SipLeg] = {}
        self.live: set[SipLeg] = set()
        self._begun: dict[tuple[str, ...], IncomingLeg] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self.rate = Rate(clock, settings.calls_per_second)
        self._gate = Gate(self)
        accounts = settings.accounts
        self.telephones = (
            TelephoneRegistrar(self, accounts, settings.bindings or Bindings()) if accounts is not None else None
        )
        self.registrars = [Registrar(self, registration) for registration in settings.registrations]

    @classmethod
    async def start(
        cls, settings: SipSettings, media: Media, on_call: OnCall, clock: Clock | None = None
    ) -> SipEndpoint:
        """Bind and serve. Raises OSError where an address can't be bound or a certificate can't be read, ValueError
        for a registrar that is no SIP URI."""
        endpoint = cls(settings, media, on_call, clock or asyncio.get_running_loop())
        await endpoint.transports.open()
        for registrar in endpoint.registrars:
            registrar.start()
        return endpoint

    @property
    def media(self) -> Media:
        """The media process. When it dies its calls are hung up; put another one here and the next call works."""
        return self._media

    @media.setter
    def media(self, media: Media) -> None:
        self._media = media
        if self._watch:
            self._watch.cancel()
        self._watch = asyncio.get_running_loop().create_task(self._watch_media(media))

    async def _watch_media(self, media: Media) -> None:
        await media.died.wait()
        self._fail_all("media lost")

    @property
    def address(self) -> tuple[str, int]:
        return self.transports.udp.local

    @property
    def calls(self) -> int:
        """Calls that are not over."""
        return len(self.live)

    @property
    def room(self) -> int:
        """How many calls it can take or place besides."""
        return 0 if self.draining else max(0, self.settings.max_calls - self.calls)

    async def dial(
        self,
        target: str,
        *,
        caller: str = "",
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109 - how long it may ring; this coroutine returns at once
    ) -> OutgoingLeg:
        """Call `target`: a SIP URI, `sip:USER@local` for all telephones that this user has registered with us (the
        first to answer has the call), or a number or name to be dialled at the first registrar.

        Returns at once; `Answered` or `HungUp` follows, whose reason starts with the status of a refusal. `caller` is a
        number, a name or a SIP URI for the From; `headers` are added to the INVITE. Raises ValueError for a target
        that is neither, or headers with line breaks.
        """
        uri, sender = self._addresses(target, caller)
        leg = OutgoingLeg(self, uri, caller or sender, dict(headers or {}), timeout)
        self.count(leg)
        self.spawn(self._dial_local(leg, sender) if uri.host == LOCAL else leg.start(sender))
        return leg

    async def _dial_local(self, leg: OutgoingLeg, sender: str) -> None:
        """Call a user's telephones where their REGISTERs came from. Of two bindings from one address, the later one
        counts: a telephone that was started anew."""
        user = leg.called
        found: dict[tuple[str, tuple[str, int]], tuple[Uri, Flow]] = {}
        for binding in await self.telephones.bindings.find(user) if self.telephones else []:
            flow = self.transports.flow_of(binding.protocol, binding.source)
            if flow is not None:
                found.setdefault((binding.protocol, binding.source), (parse_uri(binding.contact), flow))
        if found:
            await leg.start(sender, list(found.values()))
        else:
            leg.end("error", "480 not registered")

    def _addresses(self, target: str, caller: str) -> tuple[Uri, str]:
        home = self.settings.registrations[0] if self.settings.registrations else None
        if not target.lower().startswith(("sip:", "sips:")):
            if home is None:
                raise ValueError(f"{target!r} is no SIP URI and there is no registrar to dial it at")
            registrar = parse_uri(home.registrar)
            target = str(Uri(registrar.scheme, target, registrar.host, registrar.port, registrar.params))
        uri = parse_uri(target)
        if caller.lower().startswith(("sip:", "sips:", "tel:")):
            return uri, caller
        name = caller or (home.user if home else "") or "anonymous"
        host = parse_uri(home.registrar).host if home else ""
        sender = f"sip:{name}@{host}" if host else f"sip:{name}@{self.transports.name}"
        parse_uri(sender)
        return uri, sender

    async def drain(self, deadline_seconds: float | None = None) -> None:
        """Take no new calls (503), let live ones finish, hang up those that remain at the deadline."""
        self.draining = True
        for registrar in self.registrars:
            registrar.stop()
        seconds = self.settings.drain_seconds if deadline_seconds is None else deadline_seconds
        try:
            await asyncio.wait_for(self._idle.wait(), seconds)
        except TimeoutError:
            log.info("drain: %d calls hung up at the deadline", self.calls)
            self._hang_up_all()

    async def close(self) -> None:
        """Hang up everything and free the sockets. The media belongs to whoever started it."""
        self.draining = True
        for registrar in self.registrars:
            registrar.stop()
        self._hang_up_all()
        await self._released()
        ending = [*self.tasks, *([self._watch] if self._watch else [])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        for leg in list(self.legs.values()):
            leg.release()
        self.layer.close()
        self.rate.close()
        if self.telephones is not None:
            await self.telephones.bindings.close()
        await self.transports.close()

    async def _released(self) -> None:
        """Wait until every peer has answered our BYE or un-REGISTER, with time for one repetition of each."""
        deadline = self.clock.time() + 2 * self.settings.timers.t1
        while self.clock.time() < deadline:
            if not self.legs and not any(registrar.leaving for registrar in self.registrars):
                return
            await asyncio.sleep(0.01)

    def _hang_up_all(self) -> None:
        for leg in list(self.live):
            self.guarded(leg.leave)

    def _fail_all(self, why: str) -> None:
        for leg in list(self.live):
            if leg.stream:
                self.guarded(functools.partial(leg.fail, why))

    def stats(self) -> dict[str, int]:
        """Gauges, all 0 on an idle endpoint, and counters of what was dropped or odd, prefixed `odd_`."""
        gauges = {
            "calls": self.calls,
            "dialogs": len(self.legs),
            "transactions": len(self.layer),
            "tasks": len(self.tasks),
        }
        return gauges | {f"odd_{kind.replace(' ', '_')}": count for kind, count in self.oddities.counts.items()}

    # The core of section 8

    def _on_message(self, data: bytes, flow: Flow) -> None:
        self._gate.receive(data, flow)

    def on_request(self, transaction: ServerTransaction, request: Request) -> None:
        reception.on_request(self, transaction, request)

    def on_ack(self, request: Request) -> None:
        leg = self._leg_of(request)
        if leg:
            leg.on_ack(request)

    def in_dialog(self, transaction: ServerTransaction, request: Request) -> None:
        leg = self._leg_of(request)
        if leg:
            indialog.on_request(leg, transaction, request)
        else:
            transaction.reply(481)

    def within_dialog(self, request: Request) -> bool:
        return bool(request.to.tag) and self._leg_of(request) is not None

    def _leg_of(self, request: Request) -> SipLeg | None:
        return self.legs.get((request.call_id, request.to.tag, request.from_.tag))

    # Legs

    def adopt(self, leg: SipLeg, key: Key) -> None:
        """Know a leg by its dialog."""
        self.legs[key] = leg
        if isinstance(leg, IncomingLeg):
            self._begun[merge_key(leg.invite)] = leg

    def forget(self, leg: SipLeg) -> None:
        if leg.dialog and self.legs.get(leg.dialog.key) is leg:
            del self.legs[leg.dialog.key]
            if isinstance(leg, IncomingLeg):
                self._begun.pop(merge_key(leg.invite), None)

    def serves_already(self, invite: Request) -> bool:
        """Whether a call that is not over began with this very INVITE, which comes once more by another path. While
        its transaction lasts the layer knows (section 8.2.2.2); it lasts half a minute, and the call goes on. The same
        Call-ID under another CSeq, or after the call, is a new request and a new call."""
        return merge_key(invite) in self._begun

    def serve(self, leg: SipLeg) -> None:
        """Hand a new call to the application."""
        self.count(leg)
        self.spawn(self._serve(leg))

    async def _serve(self, leg: SipLeg) -> None:
        try:
            await self._on_call(leg)
        except Exception:
            log.exception("call %s: the application failed", leg.id)
        finally:
            leg.hang_up()

    def count(self, leg: SipLeg) -> None:
        self.live.add(leg)
        self._idle.clear()

    def leg_over(self, leg: SipLeg) -> None:
        self.live.discard(leg)
        if not self.live:
            self._idle.set()

    async def open_stream(self, on_event: Callable[[LegEvent], None]) -> Stream:
        """Raises what `Media.open` raises."""
        return await self.media.open(on_event)
