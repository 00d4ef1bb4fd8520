"""A flow over a call leg, whatever stack carries the leg: what the flow says is played, what the caller keys is fed.

One `VoiceCall` per leg. It holds no rule of any flow: it carries out effects in order and makes Inputs of what comes
back. The database and actions run in threads, so a slow one never delays another call's audio.
"""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from callcenter import recordings
from ivr import metrics
from ivr.channels.leg import CallLeg, Clip, Digit, HungUp, LegEvent, LegOver, PlayEnded, RecordingEnded, ReferEnded
from ivr.flow import collect as collector
from ivr.flow import inputs
from ivr.flow.collect import Collector
from ivr.flow.effects import Collect, Effect, End, Record, RunAction, Say, Transfer
from ivr.flow.inputs import ActionDone, Fault, Input, Keys, Recorded, TransferEnded
from ivr.flow.session import VOICE, Session
from ivr.prompts.parts import Part, Prompt
from ivr.runner import Runner, Turn
from ivr.speech.errors import SpeechError
from ivr.speech.pcm import beep, silence
from ivr.speech.renderer import Renderer

log = structlog.get_logger("callwright.voice")
T = TypeVar("T")

STORE_TRIES = (0.5, 1.0, 2.0, 4.0)
"""Pauses in seconds between attempts to reach the database during a call, filled with `system.one_moment`."""
LATE = 2.0
"""Seconds beyond an action's own budget in which it may still say how it ended."""


class Gone(Exception):
    """The caller hung up."""


class VoiceCall:
    """`executor` runs what blocks; `recordings_dir` is where messages are kept; `fallback_number` is where callers
    are sent while we can't serve them ("" for nowhere)."""

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
    ) -> None:
        self.leg = leg
        self.runner = runner
        self.renderer = renderer
        self.channel = channel
        self._executor = executor
        self._recordings_dir = recordings_dir
        self._fallback_number = fallback_number
        self._keys = Collector()
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

    async def _serve(self) -> None:
        turn = await self._stored(
            functools.partial(
                self.runner.start,
                channel=self.channel,
                capabilities=VOICE,
                external_id=self.leg.id,
                caller=self.leg.caller,
                called=self.leg.called,
            )
        )
        structlog.contextvars.bind_contextvars(contact=turn.session.contact_id, session=turn.session.id)
        while True:
            self._session = turn.session
            given = await self._carry_out(turn.effects)
            if given is None:
                return
            turn = await self._stored(functools.partial(self.runner.feed, turn.session, given))

    async def _stored(self, work: Callable[[], Turn]) -> Turn:
        """Run a step. While the database can't be reached the caller hears that it takes a moment, and it is tried
        again; the step has not happened until it is stored."""
        for pause in STORE_TRIES:
            try:
                return await self._blocking(work)
            except SQLAlchemyError as error:
                log.error("the database can't be reached", kind=type(error).__name__)
                await self._play(await self._clips(self._system("system.one_moment")), interruptible=False)
                await self._sleep(pause)
        return await self._blocking(work)

    async def _blocking(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    # Effects

    async def _carry_out(self, effects: Sequence[Effect]) -> Input | None:
        """Carry out what the flow wants; gives the Input that it then waits for, `None` when the call is over."""
        spoken = [prompt for effect in effects for prompt in _prompts(effect)]
        ahead = [asyncio.ensure_future(self.renderer.clips(prompt)) for prompt in spoken]
        try:
            for effect in effects:
                match effect:
                    case Say(prompt, barge_in):
                        if not (barge_in and self._keys.ahead):
                            await self._play(await self._clips(prompt), interruptible=barge_in)
                    case Collect():
                        return await self._collect(effect)
                    case Record():
                        return await self._record(effect)
                    case RunAction():
                        return await self._act(effect)
                    case Transfer(target):
                        return await self._transfer(target)
                    case End():
                        self.leg.hang_up()
                        return None
            raise RuntimeError("the flow neither waits nor ends")
        except SpeechError as error:
            log.error("can't speak", why=str(error))
            metrics.FAULTS.labels(self.channel, "speech").inc()
            return Fault("nothing can be said")
        finally:
            for task in ahead:
                task.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    async def _clips(self, prompt: Prompt) -> list[Clip]:
        return await self.renderer.clips(prompt)

    async def _play(self, clips: Sequence[Clip], *, interruptible: bool) -> None:
        """Play to the end, or until a key where that is wanted; keys are kept for the next question."""
        if not clips:
            return
        play = self.leg.play(clips)
        while True:
            event = await self._event()
            if isinstance(event, PlayEnded) and event.play == play:
                return
            if isinstance(event, Digit):
                self._keys, _ = collector.press(self._keys, event.digit, event.at)
                if interruptible and self._keys.ahead:
                    self.leg.stop()
                    return

    async def _collect(self, ask: Collect) -> Input:
        now = self._now()
        self._keys, answer = collector.begin(self._keys, ask, now)
        if answer is None:
            clips = [clip for prompt in ask.prompts for clip in await self._clips(prompt)]
            play = self.leg.play(clips) if clips else None
            if play is None:
                self._keys = collector.prompt_ended(self._keys, now)
            self.leg.pause_recording(ask.secret)
            answer = await self._answer(ask, play)
            self.leg.pause_recording(False)
        if answer:
            self.leg.stop()
        return Keys(answer)

    async def _answer(self, ask: Collect, play: int | None) -> str:
        held = ""  # keys that came while the prompt may not be interrupted
        while True:
            event = await self._event(self._keys.deadline)
            now = self._now()
            answer: str | None = None
            match event:
                case None:
                    self._keys, answer = collector.tick(self._keys, now)
                case PlayEnded(ended) if ended == play:
                    play = None
                    self._keys = collector.prompt_ended(self._keys, now)
                    for index, digit in enumerate(held):
                        self._keys, answer = collector.press(self._keys, digit, now)
                        if answer is not None:
                            for later in held[index + 1 :]:
                                self._keys, _ = collector.press(self._keys, later, now)
                            break
                    held = ""
                case Digit(digit) if play is not None and not ask.barge_in:
                    held += digit
                case Digit(digit):
                    if play is not None:
                        self.leg.stop()
                        play = None
                    self._keys, answer = collector.press(self._keys, digit, event.at or now)
            if answer is not None:
                return answer

    async def _record(self, effect: Record) -> Input:
        if effect.beep:
            await self._play([beep()], interruptible=False)
        path = self._recordings_dir / f"{uuid.uuid4().hex}.wav"
        try:
            self._recordings_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.error("recordings can't be kept", why=error.strerror)
            return Recorded("", 0.0)
        self.leg.record(
            path,
            max_seconds=effect.max_seconds,
            finish_on=effect.finish_on,
            silence_seconds=effect.silence_seconds or None,
        )
        gone: Exception | None = None
        while True:
            try:
                event = await self.leg.next_event()
            except LegOver as over:
                gone = over
                break
            if isinstance(event, HungUp):
                gone = Gone()  # the recording's own event came before, if there is one
                break
            if isinstance(event, RecordingEnded):
                given = await self._keep(effect, event)
                if event.reason != "hangup":
                    return given
                gone = Gone()
                await self._feed_quietly(given)
                break
        raise gone

    async def _keep(self, effect: Record, ended: RecordingEnded) -> Recorded:
        session = self._session
        if ended.reason == "error" or session is None or not ended.path.exists():
            return Recorded("", 0.0)

        def keep() -> str:
            with self.runner.engine.begin() as connection:
                return recordings.keep(
                    connection,
                    path=ended.path,
                    seconds=ended.seconds,
                    kind=effect.kind,
                    contact_id=session.contact_id,
                    number=self.leg.caller,
                    at=datetime.now(UTC),
                )

        try:
            return Recorded(await self._blocking(keep), ended.seconds)
        except (SQLAlchemyError, OSError):
            log.exception("a recording could not be registered", path=str(ended.path))
            return Recorded("", 0.0)

    async def _act(self, action: RunAction) -> Input:
        """Run an action; say the filler when it takes long, as often as it fits. Keys are kept meanwhile."""
        assert self._session is not None
        running: Future[ActionDone] = self.runner.begin(self._session, action)
        done = asyncio.wrap_future(running)
        ends = self._now() + action.budget + LATE
        fill_at = self._now() + action.filler_after
        playing: int | None = None
        while not done.done():
            now = self._now()
            if now >= ends:
                log.error("an action is late", action=action.name, budget=action.budget)
                return ActionDone(action.call, "failed", {"error": "late"})
            event = await self._event(min(ends, fill_at), until=done)
            if isinstance(event, Digit):
                self._keys, _ = collector.press(self._keys, event.digit, event.at)
            if isinstance(event, PlayEnded) and event.play == playing:
                playing, fill_at = None, self._now() + 2 * action.filler_after
            if event is None and not done.done() and playing is None and action.filler and self._now() >= fill_at:
                playing, fill_at = self.leg.play(await self._clips(action.filler)), ends
        if playing is not None:
            self.leg.stop()
        return done.result()

    async def _transfer(self, target: str) -> Input:
        try:
            self.leg.refer(target)
        except ValueError as error:
            log.error("a transfer to what is no address", why=str(error))
            return TransferEnded("failed")
        while True:
            event = await self._event()
            if isinstance(event, ReferEnded):
                break
        if 200 <= event.status < 300:
            return TransferEnded("answered")
        return TransferEnded(
            "busy" if event.status in (486, 600) else "no_answer" if event.status in (408, 480) else "failed"
        )

    # Events and time

    async def _event(
        self, deadline: float | None = None, until: asyncio.Future[ActionDone] | None = None
    ) -> LegEvent | None:
        """The leg's next event; `None` at the deadline or when `until` is done. Raises `Gone`."""
        waiting = asyncio.ensure_future(self.leg.next_event())
        both: set[asyncio.Future[Any]] = {waiting} if until is None else {waiting, until}
        timeout = None if deadline is None else max(0.0, deadline - self._now())
        try:
            await asyncio.wait(both, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not waiting.done():
                waiting.cancel()
                await asyncio.gather(waiting, return_exceptions=True)
        if waiting.cancelled():
            return None
        event = waiting.result()
        if isinstance(event, HungUp):
            raise Gone
        return event

    async def _sleep(self, seconds: float) -> None:
        ends = self._now() + seconds
        while (left := ends - self._now()) > 0:
            event = await self._event(self._now() + left)
            if isinstance(event, Digit):
                self._keys, _ = collector.press(self._keys, event.digit, event.at)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # Endings

    async def _hung_up(self) -> None:
        await self._feed_quietly(inputs.HungUp())

    async def _feed_quietly(self, given: Input) -> None:
        """Tell the session something that nobody waits to hear the answer of."""
        if self._session is None or self._session.ended:
            return
        try:
            turn = await self._blocking(functools.partial(self.runner.feed, self._session, given))
            self._session = turn.session
        except Exception as error:
            log.error("the end of a call could not be stored", kind=type(error).__name__)

    async def _apologise(self, kind: str) -> None:
        """The last resort: say that we are sorry, send the caller to the fallback number if there is one, let go."""
        metrics.FAULTS.labels(self.channel, kind).inc()
        try:
            try:
                clips = await self._clips(self._system("system.sorry"))
            except SpeechError:
                clips = [beep(), silence(0.3)] * 3  # no voice is left; still not silence
            await self._play(clips, interruptible=False)
            if self._fallback_number:
                await self._transfer(self._fallback_number)
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
