"""A payment in a conversation: its flow has the customer's line, and the others hear what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from ivr.bridge.parts import Paid, Payments, Wanted
from ivr.bridge.state import Charging, Event, PaymentEnded
from ivr.channels.leg import BridgeLeg, Clip, HungUp, LegEvent

log = structlog.get_logger("callwright.bridge")

Others = Callable[[], Mapping[str, BridgeLeg]]
"""The legs that are up, but the customer's."""


class PromptLeg:
    """The customer's leg as the flow has it, a `CallLeg`: it plays to everybody and hears the customer's keys alone.
    The conversation keeps the leg, its events and its recording; hanging up ends nothing but the flow."""

    def __init__(self, customer: BridgeLeg, others: Others) -> None:
        self.id, self.caller, self.called = customer.id, customer.caller, customer.called
        self.attestation = customer.attestation
        self.headers = customer.headers
        self.detached = False
        """The customer's line is no longer ours."""
        self.echoes: dict[str, int] = {}
        """What each other party is being played, by the play's number."""
        self._customer, self._others = customer, others
        self._events: asyncio.Queue[LegEvent] = asyncio.Queue()

    async def answer(self) -> None:
        """It has been answered."""

    async def reject(self, status: int, reason: str = "") -> None:
        """It has been answered."""

    def play(self, clips: Sequence[Clip], *, loop: bool = False) -> int:
        if self.detached:
            return 0
        self.echoes = {party: leg.play(clips, loop=loop) for party, leg in self._others().items()}
        return self._customer.play(clips, loop=loop)

    def stop(self) -> None:
        if not self.detached:
            self._customer.stop()
            for party, leg in self._others().items():
                if party in self.echoes:
                    leg.stop()

    def record(
        self, path: Path, *, max_seconds: float, finish_on: str = "", silence_seconds: float | None = None
    ) -> None:
        """Nothing of a payment is recorded."""

    def stop_recording(self) -> None:
        """The conversation's goes on."""

    def pause_recording(self, paused: bool) -> None:
        """It is paused for all of the payment, by the conversation."""

    def listen(self, on_frames: Callable[[bytes], None] | None) -> None:
        """Cards are keyed here, not said."""

    def refer(self, target: str) -> None:
        raise ValueError("a customer whose agent is on the line isn't sent elsewhere")

    def hang_up(self) -> None:
        """The flow is over; both talk on."""

    async def next_event(self) -> LegEvent:
        return await self._events.get()

    def heard(self, event: LegEvent) -> None:
        """A key, or the end of a play."""
        self._events.put_nowait(event)

    def interrupt(self) -> None:
        """For the flow the caller is gone."""
        self._events.put_nowait(HungUp("us"))

    def detach(self) -> None:
        self.detached = True
        self.interrupt()


class Payment:
    """One run of the flow, from `TakePayment` on: tells `happened` of `Charging` and, unless the conversation has done
    with it before, `PaymentEnded`. `task` goes on until what was begun at the gateway has an outcome."""

    def __init__(
        self, payments: Payments, wanted: Wanted, customer: BridgeLeg, others: Others, happened: Callable[[Event], None]
    ) -> None:
        self.leg = PromptLeg(customer, others)
        self._payments, self._wanted, self._happened = payments, wanted, happened
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> None:
        try:
            paid = await self._payments(self.leg, self._wanted, self._charging)
        except Exception:
            log.exception("a payment failed", contact=self._wanted.contact_id)
            paid = Paid("failed")
        if not self.leg.detached:
            self._happened(PaymentEnded(paid.result, paid.data))

    def _charging(self, on: bool) -> None:
        if not self.leg.detached:
            self._happened(Charging(on))

    def stop(self, *, told: bool) -> None:
        """Ask no further; the customer hears that if he is to be `told`, otherwise his line is free at once."""
        if told:
            self.leg.interrupt()
        else:
            self.leg.detach()
