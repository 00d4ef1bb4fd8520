"""A payment with the agent on the line: the company's payment flow on a call that is somebody's conversation already.

It is a call like any other (`VoiceCall`), with a session of its own within the contact; who carries it out is the same,
what it is asked is the same file, `flows/agent_payment.yaml` or whatever company.yaml names under `payment`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path

import structlog

from ivr.bridge.outcome import outcome
from ivr.bridge.parts import Paid, PaymentLeg, Wanted
from ivr.channels.leg import LegOver
from ivr.channels.voice.call import VoiceCall
from ivr.channels.voice.errand import LATE
from ivr.channels.voice.line import Gone
from ivr.channels.voice.progress import Progress, Tell
from ivr.flow.effects import Effect, Event, RunAction
from ivr.flow.inputs import ActionDone, HungUp, Input
from ivr.flow.session import Session
from ivr.runner import NoPaymentFlow, Runner, Turn
from ivr.speech.errors import SpeechError
from ivr.speech.renderer import Renderer

log = structlog.get_logger("callwright.voice")


class Assistance:
    """Fulfils `ivr.bridge.parts.Payments`. `tell` is told the progress as `callcenter.assisted` describes it: (agent's
    id, progress); it blocks."""

    def __init__(self, runner: Runner, renderer: Renderer, executor: Executor, tell: Tell) -> None:
        self._runner, self._renderer, self._executor = runner, renderer, executor
        self._tell = tell

    async def __call__(self, leg: PaymentLeg, wanted: Wanted, charging: Callable[[bool], None]) -> Paid:
        progress = Progress(wanted.contact_id, wanted.agent_id, wanted.order, self._tell, self._executor)
        parts = (self._runner, self._renderer, self._executor)
        paid = await AssistedCall(leg, *parts, wanted, progress, charging).take()
        progress.ended(paid)
        await progress.settled()
        return paid


class AssistedCall(VoiceCall):
    """One payment. `take` instead of `run`: the line is up, and stays up."""

    def __init__(
        self,
        leg: PaymentLeg,
        runner: Runner,
        renderer: Renderer,
        executor: Executor,
        wanted: Wanted,
        progress: Progress,
        charging: Callable[[bool], None],
    ) -> None:
        super().__init__(leg, runner, renderer, executor, channel="sip", recordings_dir=Path())
        self._line_of = leg
        self._wanted, self._progress, self._charging = wanted, progress, charging
        self._running: tuple[RunAction, Future[ActionDone]] | None = None
        self._why = self._last = ""

    async def take(self) -> Paid:
        """Run the flow to its end. Raises nothing but `CancelledError`."""
        try:
            await self._serve()
        except (Gone, LegOver):
            await self._stopped()
        except NoPaymentFlow as error:
            log.error("no payment can be taken", why=str(error))
            return Paid("unavailable")
        except Exception as error:
            log.exception("fault", kind=type(error).__name__)
            await self._see_to_the_charge()
            paid = self._paid()
            return paid if paid.result in ("paid", "pending") else Paid("failed")
        return self._paid()

    def _begin(self) -> Turn:
        wanted = self._wanted
        agreed = {"account_said": wanted.account, "amount_said": wanted.amount}
        return self.runner.start_assisted(
            channel=self.channel,
            external_id=f"{self.leg.id}:{wanted.order}",
            contact_id=wanted.contact_id,
            caller=wanted.caller or self.leg.caller,
            called=self.leg.called,
            language=wanted.language,
            slots={name: value for name, value in agreed.items() if value},
        )

    # What the agent sees

    async def _carry_out(self, effects: Sequence[Effect]) -> Input | None:
        for effect in effects:
            if isinstance(effect, Event) and effect.kind == "to_agent":
                self._why = str(effect.data.get("because", ""))
            if isinstance(effect, Event) and effect.kind == "action_done":
                self._last = str(effect.data.get("exit", ""))
        self._progress.took(effects)
        return await super()._carry_out(effects)

    def _keyed(self, count: int) -> None:
        self._progress.keyed(count)

    async def _act(self, action: RunAction) -> Input:
        if not self._changes_world(action):
            return await super()._act(action)
        self._charging(True)
        self._progress.charging()
        try:
            return await super()._act(action)
        finally:
            self._charging(False)

    def _changes_world(self, action: RunAction) -> bool:
        assert self._session is not None
        flows = self.runner.published.get(self._session.flow_hash)
        return flows.actions[action.name].changes_world

    def _started(self, session: Session, action: RunAction) -> Future[ActionDone]:
        running = super()._started(session, action)
        self._running = (action, running)
        return running

    # Endings

    async def _stopped(self) -> None:
        """The agent has stopped it, or one of them is gone."""
        await self._see_to_the_charge()
        if self._line_of.detached or self._session is None or self._session.outcome != "hung_up":
            return
        try:
            await self.line.play(await self._clips(self._system("system.payment_stopped")), interruptible=False)
        except (Gone, LegOver, SpeechError):
            return

    async def _see_to_the_charge(self) -> None:
        """What is at the gateway has an outcome, which the flow takes (its receipt goes out); then it is over."""
        session = self._session
        if self._running is not None and session is not None and "ActionDone" in (session.waiting or {}).get("for", ()):
            action, running = self._running
            try:
                async with asyncio.timeout(action.budget + LATE):
                    done = await asyncio.wrap_future(running)
            except Exception as error:
                log.error("an action has no outcome", action=action.name, why=type(error).__name__)
                done = ActionDone(action.call, "failed", {"error": "late"})
            await self._feed_quietly(done)
        await self._feed_quietly(HungUp())

    def _paid(self) -> Paid:
        return outcome(self._session, self._last, self._why)
