"""One conversation: carries out what the machine commands on legs, and makes its events of what happens to them."""

from __future__ import annotations

import asyncio
import re
from typing import cast

import structlog

from ivr.bridge import ring as ringing
from ivr.bridge.facts import Facts
from ivr.bridge.machine import AGENT, begin, step
from ivr.bridge.parts import Accepted, Address, Dialler, Ending, Manner, Payments, Wanted
from ivr.bridge.payment import Payment
from ivr.bridge.sounds import sound
from ivr.bridge.soundscape import heard
from ivr.bridge.standing import Standing
from ivr.bridge.state import (
    CUSTOMER,
    Answer,
    Answered,
    Command,
    Complete,
    Connected,
    Dial,
    End,
    Event,
    Gone,
    HangUp,
    Hear,
    Note,
    OfferLost,
    Order,
    Party,
    Play,
    Played,
    Record,
    Refer,
    ReferEnded,
    Requeue,
    SendDigits,
    Started,
    StopPayment,
    TakePayment,
    Target,
    Why,
)
from ivr.bridge.taping import Taping
from ivr.channels import leg as legs
from ivr.channels.leg import BridgeLeg, Digit, HungUp, LegOver, PlayEnded, RecordingEnded

log = structlog.get_logger("callwright.bridge")

RING_SECONDS = 30.0
"""How long a party that an order calls may ring."""
REFER_SECONDS = 45.0

_CAUSE = re.compile(r"cause=(\d+)")


class Conversation:
    """Legs, events and commands; what follows from what is the machine's. `address` blocks."""

    def __init__(
        self,
        dial: Dialler,
        address: Address,
        facts: Facts,
        customer: BridgeLeg,
        accepted: Accepted,
        manner: Manner,
        payments: Payments | None = None,
    ) -> None:
        self._dial, self._address, self._facts = dial, address, facts
        self._standing, self._manner = Standing(accepted.offer, facts), manner
        recording = manner.recording
        self._state = begin(
            queue=accepted.offer.queue,
            agent=accepted.offer.agent_id,
            recorded=recording is not None,
            consent=recording is not None and bool(recording.consent),
            payments=payments is not None,
        )
        self._payments = payments
        self._payment: Payment | None = None
        self._taping = Taping(customer, recording, facts, lambda: self._standing.offer)
        self._legs: dict[str, BridgeLeg] = {CUSTOMER: customer, AGENT: cast(BridgeLeg, accepted.leg)}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._consents: dict[str, int] = {}
        self._lost = self._waiting = False
        self._referring: asyncio.TimerHandle | None = None
        self._ending: Ending | None = None

    def ordered(self, order: Order) -> None:
        """An order came, on the event loop."""
        to = order.args.get("to")
        queue = to.get("queue") if isinstance(to, dict) else None
        if order.verb == "transfer" and queue is not None:
            try:
                self._facts.queues.queue(str(queue))
            except LookupError as error:
                self._answer(Answer(order.id, False, str(error)))
                return
        self._events.put_nowait(order)

    async def run(self) -> Ending:
        for party in (CUSTOMER, AGENT):
            self._tasks[party] = asyncio.ensure_future(self._listen(party, self._legs[party]))
        try:
            # an end that came before counts before: two rounds of the loop, and it is here
            for _ in range(3):
                await asyncio.sleep(0)
            while not self._events.empty() and self._ending is None:
                await self._happened(self._events.get_nowait())
            await self._happened(Started())
            while self._ending is None:
                await self._happened(await self._events.get())
            await self._taping.closed()
            return Ending(self._ending.how, self._ending.queue, self._ending.why, tuple(self._taping.ids))
        finally:
            if self._ending is None:
                self._abandoned()
            if self._referring is not None:
                self._referring.cancel()
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._taping.close()

    def _abandoned(self) -> None:
        """Cancelled, or broken: nobody but the customer stays."""
        self._stop_payment(told=False)
        for party, leg in self._legs.items():
            if party != CUSTOMER:
                leg.hang_up()
        self._legs[CUSTOMER].stop_recording()
        self._standing.abandoned()

    async def _happened(self, event: Event) -> None:
        self._state, commands = step(self._state, event)
        for command in commands:
            try:
                await self._do(command)
            except Exception:
                log.exception(
                    "a command failed", contact=self._standing.offer.contact_id, command=type(command).__name__
                )
            if self._lost:
                # no further: the two must not be connected
                self._lost = False
                await self._happened(OfferLost())
                return

    # Commands

    async def _do(self, command: Command) -> None:
        match command:
            case Hear() | Play():
                self._sound(command)
            case Dial(party, target):
                self._tasks[party] = asyncio.ensure_future(self._call(party, target))
            case HangUp(party):
                self._hang_up(party)
            case SendDigits(party, digits):
                self._legs[party].send_digits(digits)
            case Record(what):
                await self._taping.do(what)
            case TakePayment():
                self._take_payment(command)
            case StopPayment(told):
                self._stop_payment(told=told)
            case Refer(target):
                self._refer(target)
            case Answer():
                self._answer(command)
            case Note(kind, data):
                self._facts.journal(f"call.{kind}", self._standing.offer, data)
            case End(how, why, queue):
                if how == "requeue":
                    self._music()
                elif how == "flow":
                    self._legs[CUSTOMER].hear(())
                    self._legs[CUSTOMER].stop()
                self._ending = Ending(how, queue, why)
            case Connected():
                self._lost = not await self._standing.connected()
            case Complete(why, heir):
                await self._standing.complete(why, heir)
            case Requeue(queue, why, fresh):
                self._music()
                await self._standing.requeue(queue, why, fresh=fresh)

    def _sound(self, command: Hear | Play) -> None:
        match command:
            case Hear(party, talkers, digits):
                talking = [self._legs[talker] for talker in talkers if talker in self._legs]
                self._legs[party].hear(talking, digits=digits)
                if party != CUSTOMER or not self._state.paying:  # to whom the payment's prompts are said
                    self._legs[party].stop()
            case Play(party, name):
                clips = sound(name, self._manner)
                self._legs[party].hear(())
                self._consents[party] = self._legs[party].play(clips, loop=name != "consent")

    def _music(self) -> None:
        """He waits again."""
        if not self._waiting:
            self._waiting = True
            self._legs[CUSTOMER].hear(())
            self._legs[CUSTOMER].play(sound("music", self._manner), loop=True)

    def _hang_up(self, party: str) -> None:
        leg = self._legs.pop(party, None)
        task = self._tasks.pop(party, None)
        if task is not None:
            task.cancel()
        if leg is not None:
            leg.hear(())
            leg.hang_up()

    async def _call(self, party: str, target: Target) -> None:
        """Call a party and tell what becomes of it. An agent is busy meanwhile."""
        if target.kind == "number":
            await self._reach(party, target)
            return
        async with self._facts.consulting(self._standing.offer.contact_id, target.value):
            await self._reach(party, target)

    async def _reach(self, party: str, target: Target) -> None:
        try:
            found = target.value
            if target.kind == "agent":
                found = ringing.address(await self._facts.blocking(self._address, target.value))
            if not found:
                raise ValueError(f"there is no device of {target.value!r}")
            # a provider refuses calls that claim to come from a customer's number
            caller = self._standing.offer.caller if target.kind == "agent" else ""
            leg = await self._dial(found, caller=caller, timeout=RING_SECONDS)
        except Exception as error:
            log.warning("a party can't be called", contact=self._standing.offer.contact_id, why=str(error))
            self._events.put_nowait(Gone(party, "failed"))
            return
        self._legs[party] = cast(BridgeLeg, leg)
        await self._listen(party, self._legs[party])

    def _take_payment(self, command: TakePayment) -> None:
        assert self._payments is not None
        offer = self._standing.offer
        wanted = Wanted(
            contact_id=offer.contact_id,
            order=command.order,
            agent_id=command.by,
            language=self._manner.language,
            caller=offer.caller,
            account=command.account,
            amount=command.amount,
        )
        self._payment = Payment(self._payments, wanted, self._legs[CUSTOMER], self._others, self._events.put_nowait)
        self._facts.watch(self._payment.task)

    def _others(self) -> dict[str, BridgeLeg]:
        up = (id for id, party in self._state.parties.items() if party.up and id != CUSTOMER)
        return {id: self._legs[id] for id in up if id in self._legs}

    def _stop_payment(self, *, told: bool) -> None:
        if self._payment is not None:
            self._payment.stop(told=told)
            if not told:
                self._payment = None

    def _refer(self, target: str) -> None:
        loop = asyncio.get_running_loop()
        self._referring = loop.call_later(REFER_SECONDS, self._events.put_nowait, ReferEnded(False))
        try:
            self._legs[CUSTOMER].refer(target)
        except ValueError:
            self._events.put_nowait(ReferEnded(False))

    def _answer(self, answer: Answer) -> None:
        self._facts.journal(
            "call.answer", self._standing.offer, {"order": answer.order, "ok": answer.ok, "why": answer.why}
        )

    # Events

    async def _listen(self, party: str, leg: BridgeLeg) -> None:
        """Make the machine's events of a leg's."""
        try:
            while True:
                self._leg_event(party, await leg.next_event())
        except LegOver:
            return

    def _leg_event(self, party: str, event: legs.LegEvent) -> None:
        match event:
            case legs.Answered():
                self._events.put_nowait(Answered(party))
            case PlayEnded() | Digit():
                self._line_event(party, event)
            case legs.ReferEnded(status):
                self._events.put_nowait(ReferEnded(200 <= status < 300))
            case RecordingEnded():
                self._taping.ended(event)
            case HungUp():
                self._events.put_nowait(Gone(party, why_gone(event, self._state.parties.get(party))))

    def _line_event(self, party: str, event: PlayEnded | Digit) -> None:
        """The end of what a party was played; a key, which matters to a payment alone."""
        payment = self._payment.leg if self._payment is not None and self._state.paying else None
        if payment is not None and party == CUSTOMER:
            payment.heard(event)
        elif not isinstance(event, PlayEnded):
            return
        elif payment is not None and payment.echoes.get(party) == event.play:
            del payment.echoes[party]
            self._sound(heard(self._state, party))
        elif self._state.announcing and self._consents.get(party) == event.play:
            self._events.put_nowait(Played(party))


def why_gone(event: HungUp, party: Party | None) -> Why:
    """Whether a leg ended as it should; one that had not answered: why not."""
    if party is not None and not party.up:
        refused = ringing.reason(event)
        return refused if refused != "expired" else "no_answer"
    cause = _CAUSE.search(event.reason)
    # a telephone or proxy that knows of a fault says so (RFC 3326); 16 and 31 of Q.850 are a normal end
    in_order = event.by != "error" and (cause is None or cause[1] in ("16", "31", "200"))
    return "hung_up" if in_order else "failed"
