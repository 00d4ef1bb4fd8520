"""One call: carries out what its flow wants, in order, and makes Inputs of what comes back.

It holds no rule of any flow. The database and actions run in threads, so a slow one never delays another call's audio.
"""

from __future__ import annotations

import asyncio
import functools
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from ivr import metrics
from ivr.channels.leg import CallLeg, Clip, LegOver, RecordingEnded
from ivr.channels.voice import errand, question, recorder
from ivr.channels.voice.ear import Ear
from ivr.channels.voice.line import Gone, Line
from ivr.channels.voice.transcript import Transcript
from ivr.channels.voice.waiting import Lobby
from ivr.flow import inputs
from ivr.flow.effects import Collect, Effect, End, Enqueue, Record, RequestCallback, RunAction, Say, Transfer
from ivr.flow.inputs import ActionDone, Fault, Input, Recorded
from ivr.flow.session import QUEUE, VOICE, Session, speech
from ivr.prompts.parts import Part, Prompt
from ivr.runner import Runner, Turn
from ivr.speech.errors import SpeechError
from ivr.speech.pcm import beep, silence
from ivr.speech.recognise.service import RecognitionService
from ivr.speech.renderer import Renderer

log = structlog.get_logger("callwright.voice")
T = TypeVar("T")

STORE_TRIES = (0.5, 1.0, 2.0, 4.0)
"""Pauses in seconds between attempts to reach the database during a call, filled with `system.one_moment`."""


class VoiceCall:
    """`executor` runs what blocks; `recordings_dir` is where messages are kept; `fallback_number` is where callers
    are sent while we can't serve them ("" for nowhere). Without `recognition` callers have keys only; without a
    `lobby` they can't wait for agents."""

    def __init__(
        self,
        leg: CallLeg,
        runner: Runner,
        renderer: Renderer,
        executor: Executor,
        *,
        channel: str = "sip",
        recordings_dir: Path,
        fallback_number: str = "",
        recognition: RecognitionService | None = None,
        lobby: Lobby | None = None,
    ) -> None:
        self.leg = leg
        self.lobby = lobby
        self.line = Line(leg)
        self.ear = None if recognition is None else Ear(leg, recognition)
        self._understood = () if recognition is None else recognition.languages
        self.runner = runner
        self.renderer = renderer
        self.channel = channel
        self._executor = executor
        self.transcript = Transcript(runner.engine, executor, runner.now, None if lobby is None else lobby.tell)
        self._recordings_dir = recordings_dir
        self._fallback_number = fallback_number
        self._session: Session | None = None

    async def run(self) -> None:
        """Serve the call until it is over. Never raises but `CancelledError`: a fault ends in an apology."""
        structlog.contextvars.bind_contextvars(call=self.leg.id)
        metrics.CALLS.labels(self.channel).inc()
        try:
            await self.leg.answer()
            await self._serve()
        except (Gone, LegOver):
            await self._hung_up()
        except asyncio.CancelledError:
            self.leg.hang_up()
            raise
        except Exception as error:
            log.exception("fault", kind=type(error).__name__)
            await self._apologise(type(error).__name__)
        finally:
            metrics.CALLS.labels(self.channel).dec()

    def _begin(self) -> Turn:
        """The session's first step; blocks. A leg is a call of its own, even where its name has been used: by a peer
        that doesn't keep to RFC 3261 section 8.1.1.4, or for an INVITE that it repeats to a process started anew."""
        turn = self._start(self.leg.id)
        return turn if turn.fresh else self._start(f"{self.leg.id};{secrets.token_hex(8)}")

    def _start(self, external_id: str) -> Turn:
        return self.runner.start(
            channel=self.channel,
            capabilities=(speech(self._understood) if self._understood else VOICE)
            | (QUEUE if self.lobby is not None else frozenset()),
            external_id=external_id,
            caller=self.leg.caller,
            called=self.leg.called,
            attestation=self.leg.attestation,
        )

    async def _serve(self) -> None:
        turn = await self._stored(self._begin)
        structlog.contextvars.bind_contextvars(contact=turn.session.contact_id, session=turn.session.id)
        while True:
            self._session = turn.session
            given = await self._carry_out(turn.effects)
            if given is None:
                return
            turn = await self._stored(functools.partial(self._step, turn.session, given))

    def _step(self, session: Session, given: Input) -> Turn:
        """One step of the session; blocks."""
        return self.runner.feed(session, given)

    async def _stored(self, work: Callable[[], Turn]) -> Turn:
        """Run a step. While the database can't be reached the caller hears that it takes a moment, and it is tried
        again; the step has not happened until it is stored."""
        for pause in STORE_TRIES:
            try:
                return await self._blocking(work)
            except SQLAlchemyError as error:
                log.error("the database can't be reached", kind=type(error).__name__)
                await self.line.play(await self._clips(self._system("system.one_moment")), interruptible=False)
                await self.line.sleep(pause)
        return await self._blocking(work)

    async def _blocking(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    # Effects

    async def _carry_out(self, effects: Sequence[Effect]) -> Input | None:
        """Carry out what the flow wants; gives the Input that it then waits for, `None` when the call is over."""
        if self.lobby is not None and not any(isinstance(one, Enqueue | RequestCallback | End) for one in effects):
            assert self._session is not None
            await self.lobby.step_out(self._session.contact_id)
        waiting = next((one for one in effects if isinstance(one, Enqueue) and one.told), None)
        if waiting is not None:
            return await self._wait_for_agent(waiting, [one.prompt for one in effects if isinstance(one, Say)])
        spoken = [prompt for effect in effects for prompt in _prompts(effect)]
        # What is said first is rendered when it is said, which is now.
        ahead = [asyncio.ensure_future(self.renderer.clips(prompt)) for prompt in spoken[1:]]
        try:
            for effect in effects:
                match effect:
                    case Say(prompt, barge_in):
                        if not (barge_in and self.line.keys.ahead):
                            await self.line.play(await self._clips(prompt), interruptible=barge_in)
                    case Collect():
                        return await self._ask(effect)
                    case Record():
                        return await self._record(effect)
                    case RunAction():
                        return await self._act(effect)
                    case Transfer(target):
                        return await errand.transfer(self.line, target)
                    case Enqueue():
                        return await self._queue(effect)
                    case RequestCallback():
                        return await self._call_back(effect)
                    case End(outcome):
                        self.leg.hang_up()
                        await self._out_of_line(outcome)
                        return None
            raise RuntimeError("the flow neither waits nor ends")
        except SpeechError as error:
            log.error("can't speak", why=str(error))
            metrics.FAULTS.labels(self.channel, "speech").inc()
            return Fault("nothing can be said")
        finally:
            if ahead:
                for task in ahead:
                    task.cancel()
                await asyncio.gather(*ahead, return_exceptions=True)

    async def _clips(self, prompt: Prompt) -> list[Clip]:
        return await self.renderer.clips(prompt)

    async def _ask(self, ask: Collect) -> Input:
        ready = question.begin(self.line, ask)
        if ready is not None:
            return ready
        clips = [clip for prompt in ask.prompts for clip in await self._clips(prompt)]
        assert self._session is not None
        self.transcript.begin(self._session, ask)
        besides = question.Besides(self.transcript.partial, self._filler, self._keyed)
        return await question.answer(self.line, ask, clips, self.ear, besides)

    def _keyed(self, count: int) -> None:
        """So many keys of the open question's answer have come."""

    def _filler(self) -> list[Clip]:
        return self.renderer.cached(self._system("system.one_moment")) or [beep()]

    async def _record(self, effect: Record) -> Input:
        ended = await recorder.record(self.line, effect, self._recordings_dir)
        given = await self._keep(effect, ended)
        if ended.reason == "hangup":
            await self._feed_quietly(given)
            raise Gone
        return given

    async def _keep(self, effect: Record, ended: RecordingEnded) -> Recorded:
        session = self._session
        if ended.reason == "error" or session is None:
            return Recorded("", 0.0)
        keep = functools.partial(recorder.keep, self.runner.engine, effect, ended, session.contact_id, session.caller)
        try:
            return Recorded(await self._blocking(keep), ended.seconds)
        except (SQLAlchemyError, OSError):
            log.exception("a recording could not be registered", path=str(ended.path))
            return Recorded("", 0.0)

    async def _act(self, action: RunAction) -> Input:
        assert self._session is not None
        running = self._started(self._session, action)
        return await errand.act(self.line, running, action, lambda: self._clips(action.filler or Prompt((), "")))

    def _started(self, session: Session, action: RunAction) -> Future[ActionDone]:
        return self.runner.begin(session, action)

    async def _queue(self, effect: Enqueue) -> Input:
        assert self.lobby is not None
        assert self._session is not None
        return await self.lobby.enter(self._session, effect)

    async def _wait_for_agent(self, effect: Enqueue, said: Sequence[Prompt]) -> Input:
        assert self.lobby is not None
        assert self._session is not None

        async def intro() -> list[Clip]:
            return [clip for prompt in said for clip in await self._clips(prompt)]

        try:
            return await self.lobby.wait(self.line, self._session, effect, intro() if said else None, self.ear)
        except SpeechError as error:  # the place is worth more than the words
            log.error("can't speak", why=str(error))
            return await self.lobby.wait(self.line, self._session, effect, ear=self.ear)

    async def _call_back(self, effect: RequestCallback) -> Input:
        assert self.lobby is not None
        assert self._session is not None
        return await self.lobby.book(self._session, effect)

    # Endings

    async def _out_of_line(self, reason: str) -> None:
        if self.lobby is not None and self._session is not None:
            await self.lobby.left(self._session.contact_id, reason)

    async def _hung_up(self) -> None:
        await self._out_of_line("abandoned")
        await self._feed_quietly(inputs.HungUp())

    async def _feed_quietly(self, given: Input) -> None:
        """Tell the session something that nobody waits to hear the answer of."""
        if self._session is None or self._session.ended:
            return
        try:
            turn = await self._blocking(functools.partial(self._step, self._session, given))
            self._session = turn.session
        except Exception as error:
            log.error("the end of a call could not be stored", kind=type(error).__name__)

    async def _apologise(self, kind: str) -> None:
        """The last resort: say that we are sorry, send the caller to the fallback number if there is one, let go."""
        await self._out_of_line("fault")
        metrics.FAULTS.labels(self.channel, kind).inc()
        try:
            try:
                clips = await self._clips(self._system("system.sorry"))
            except SpeechError:
                clips = [beep(), silence(0.3)] * 3  # no voice is left; still not silence
            await self.line.play(clips, interruptible=False)
            if self._fallback_number:
                await errand.transfer(self.line, self._fallback_number)
        except (Gone, LegOver):
            pass
        except Exception as error:
            log.error("no apology could be said", kind=type(error).__name__)
        await self._feed_quietly(inputs.HungUp())
        self.leg.hang_up()

    def _system(self, id: str) -> Prompt:
        """A system prompt, without asking the database for it."""
        language = self._session.language if self._session else None
        languages = [language] if language else list(self.renderer.catalogue.languages)
        for tongue in languages:
            text = self.renderer.catalogue.text(tongue, id)
            if text:
                return Prompt((Part("text", text),), tongue, id)
        return Prompt((), language or "en")


def _prompts(effect: Effect) -> tuple[Prompt, ...]:
    match effect:
        case Say(prompt):
            return (prompt,)
        case Collect(prompts):
            return prompts
    return ()
