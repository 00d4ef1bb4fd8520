"""A call that we have made for a campaign, and that was answered: it runs the campaign's flow.

Whoever answers may be a machine, which hears whatever is said and presses no key. So until a key has been pressed the
flow asks and says, but leads nowhere: where it would end, or would take up an agent's time, the machine gets its
message instead, and the person on the list is called again. What a flow would do next can be asked of it without doing
it.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from callcenter.campaigns import placing
from callcenter.campaigns.config import BY_FLOW
from callcenter.campaigns.placing import Call
from ivr.channels.leg import CallLeg, Clip
from ivr.channels.voice.call import VoiceCall
from ivr.channels.voice.waiting import Lobby
from ivr.flow import inputs
from ivr.flow.effects import Collect, Effect, End, Enqueue, Record, RequestCallback, Transfer
from ivr.flow.inputs import Input, Keys
from ivr.flow.session import QUEUE, VOICE, Session
from ivr.flow.step import WrongInput, step
from ivr.flow.turn import BUILTINS
from ivr.runner import NoFlow, Runner, Turn
from ivr.speech.renderer import Renderer

log = structlog.get_logger("callwright.voice")

FOR_PEOPLE = (End, Enqueue, Transfer, Record, RequestCallback)
"""What a machine must not come to."""

Said = Callable[[str, str], Awaitable[list[Clip]]]
"""The audio of a prompt, by its id or as it stands, in a language."""


class _Machine(Exception):
    """Nobody has pressed a key, and the flow is at its end."""


class CampaignCall(VoiceCall):
    """`said` gives the words for answering machines. Callers have keys only: what a machine says is no answer."""

    def __init__(
        self,
        leg: CallLeg,
        call: Call,
        runner: Runner,
        renderer: Renderer,
        executor: Executor,
        said: Said,
        *,
        recordings_dir: Path,
        lobby: Lobby | None = None,
    ) -> None:
        super().__init__(leg, runner, renderer, executor, recordings_dir=recordings_dir, lobby=lobby)
        self._call, self._said = call, said
        self._person = False
        """Whether somebody has pressed a key."""
        self._fault = False

    def _begin(self) -> Turn:
        return self.runner.start_within(
            channel=self.channel,
            capabilities=VOICE | (QUEUE if self.lobby is not None else frozenset()),
            external_id=self.leg.id,
            contact_id=self._call.contact_id,
            caller=self._call.number,
            called=str(self._call.settings.get("caller_id") or ""),
            language=self._call.language,
            slots={name: value for name, value in self._call.slots.items() if name not in BUILTINS},
            flow=self._call.flow,
        )

    async def _serve(self) -> None:
        try:
            await super()._serve()
        except _Machine:
            await self._leave_message()
        except NoFlow as error:  # published meanwhile; it has answered, and is called again
            log.error("a campaign's flow is gone", contact=self._call.contact_id, why=str(error))
            self.leg.hang_up()

    def _step(self, session: Session, given: Input) -> Turn:
        if not self._person and not isinstance(given, inputs.HungUp) and self._leads_nowhere(session, given):
            raise _Machine
        return self.runner.feed(session, given, also=self._note)

    def _leads_nowhere(self, session: Session, given: Input) -> bool:
        try:
            _, effects = step(self.runner.published.get(session.flow_hash), session, given, self.runner.now())
        except WrongInput:
            return False
        return any(isinstance(effect, FOR_PEOPLE) for effect in effects)

    def _note(self, conn: sa.Connection, session: Session, effects: Sequence[Effect]) -> None:
        """What became of the call, in the transaction of the session's last step."""
        if session.ended:
            outcome = "failed" if self._fault else session.outcome
            person = self._person and not self._fault
            placing.over(conn, session.contact_id, self._call.settings, outcome, self.runner.now(), person=person)

    async def _ask(self, ask: Collect) -> Input:
        given = await super()._ask(ask)
        self._person = self._person or (isinstance(given, Keys) and given.digits != "")
        return given

    async def _carry_out(self, effects: Sequence[Effect]) -> Input | None:
        if not self._person and any(isinstance(effect, FOR_PEOPLE) for effect in effects):
            raise _Machine  # a flow that begins with what it should have asked first
        return await super()._carry_out([self._told(effect) for effect in effects])

    def _told(self, effect: Effect) -> Effect:
        """An agent sees by which campaign they were called."""
        if not isinstance(effect, Enqueue):
            return effect
        return replace(effect, data={**effect.data, BY_FLOW: dict(self._call.settings)})

    async def _leave_message(self) -> None:
        """For the machine; the person is called again, or was called for the last time."""
        missed = functools.partial(placing.missed, self.runner.engine, self._call, "machine", self.runner.now())
        try:
            await self._blocking(missed)
        except SQLAlchemyError as error:  # told again when the call is over
            log.error("a missed call can't be noted", contact=self._call.contact_id, kind=type(error).__name__)
        words = str(self._call.settings.get("machine") or "")
        if words:
            await self.line.play(await self._said(words, self._call.language), interruptible=False)
        await self._feed_quietly(inputs.HungUp())
        self.leg.hang_up()

    async def _apologise(self, kind: str) -> None:
        self._fault = True
        await super()._apologise(kind)
