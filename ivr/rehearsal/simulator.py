"""The offline channel: runs `step` on a simulated clock, through the same digit collector as a SIP call.

Prompts take the time that a voice would need for them; nothing here waits for real. Between any two steps the
session goes through JSON, as it does in production.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ivr.flow import collect
from ivr.flow.collect import Collector
from ivr.flow.effects import (
    Collect,
    Effect,
    End,
    Enqueue,
    Event,
    Record,
    RequestCallback,
    RunAction,
    Say,
    Send,
    Transfer,
)
from ivr.flow.inputs import (
    ActionDone,
    Announcement,
    Earlier,
    Fault,
    HungUp,
    Input,
    Keys,
    Served,
    Started,
    TransferEnded,
    Words,
)
from ivr.flow.model import FlowSet
from ivr.flow.pace import seconds
from ivr.flow.session import ASSISTED, QUEUE, SPEECH, TEXT, VOICE, Session
from ivr.flow.step import step
from ivr.prompts.parts import Prompt
from ivr.prompts.written import written
from ivr.rehearsal.actions import ActionRunner, TransferRunner
from ivr.rehearsal.agents import WaitingRoom
from ivr.rehearsal.hints import hint
from ivr.rehearsal.ledger import Ledger
from ivr.rehearsal.phone import Facts, Heard
from ivr.rehearsal.recorder import Recorder
from ivr.rehearsal.script import Agents
from ivr.rehearsal.speaker import Speaker

KEY_SECONDS = 0.3
"""From one key to the next of the same `press`."""


class Simulator:
    """One call, from `start()` on; a `Phone`. `actions` answers what the flow runs; `transfers` its transfers. With
    `text` it is a thread of messages on the channel `thread`.

    `heard`, `keys` and `clock` can be watched from outside: `on_heard` is called with all that is said, as it begins.
    """

    def __init__(
        self,
        flows: FlowSet,
        actions: ActionRunner,
        *,
        begin: dt.datetime,
        text: bool = False,
        thread: str = "text",
        speech: bool = False,
        caller: str = "+15550100",
        called: str = "+15550199",
        attestation: str = "",
        language: str | None = None,
        transfers: TransferRunner = lambda transfer: TransferEnded("answered"),
        agents: Agents | None = None,
        earlier: Earlier | None = None,
        announcement: Announcement | None = None,
        assisted: Mapping[str, Any] | None = None,
        campaign: Mapping[str, Any] | None = None,
        on_heard: Callable[[Heard], None] = lambda heard: None,
    ) -> None:
        self.flows = flows
        self.text = text
        self.clock = 0.0
        """Seconds since the call began."""
        self.asking: Collect | None = None
        """The question that is open."""
        self._begin = begin
        self._actions, self._transfers = actions, transfers
        self._room = WaitingRoom(agents, flows, begin)
        self._speaker, self._recorder = Speaker(text, on_heard), Recorder()
        self._ledger = Ledger()
        self._started = Started(earlier, announcement)
        self._listened = 0
        self._collector = Collector()
        self._barge_in = True
        self.session = Session(
            id="rehearsal",
            contact_id="rehearsal",
            channel=thread if text else "voice",
            capabilities=ASSISTED if assisted is not None else (TEXT if text else SPEECH if speech else VOICE) | QUEUE,
            slots=dict(assisted or campaign or {}),
            flow_hash=flows.hash,
            language=language or flows.default_language,
            caller=caller,
            called=called,
            attestation=attestation,
        )

    @property
    def now(self) -> dt.datetime:
        return self._begin + dt.timedelta(seconds=self.clock)

    @property
    def ended(self) -> bool:
        return self.session.ended

    @property
    def speaking(self) -> float:
        """Seconds for which the flow will still be speaking."""
        return self._speaker.left(self.clock)

    @property
    def heard(self) -> list[Heard]:
        return self._speaker.heard

    @property
    def recording(self) -> Record | None:
        return self._recorder.effect

    @property
    def question(self) -> Collect | Record | None:
        return self.recording or self.asking

    @property
    def hint(self) -> str:
        return "" if self.text or self.question is None else hint(self.question)

    @property
    def secret(self) -> bool:
        return self.asking is not None and self.asking.secret

    def start(self) -> Simulator:
        self._feed(self._started)
        return self

    # What a caller does

    def listen(self, until: Callable[[Heard], bool], *, patient: bool = True) -> Sequence[Heard]:
        got: list[Heard] = []
        while True:
            while self._listened < len(self.heard):
                got.append(self.heard[self._listened])
                self._listened += 1
                if until(got[-1]):
                    return got
            if self.ended or not patient or not self._collector.digits:
                return got
            assert self._collector.deadline is not None  # it runs from the first key on
            self._pass_until(self._collector.deadline)

    def press(self, keys: str) -> None:
        if self.text:
            self.say(keys.rstrip("#") or keys)
            return
        for key in keys:
            if self.ended:
                return
            self._key(key)
            self._pass_until(self.clock + KEY_SECONDS)

    def say(self, words: str) -> None:
        if self.ended:
            return
        if self.recording is not None:
            self._speaker.silence(self.clock)
            self.clock = self._recorder.take(seconds(words, self.session.language), self.clock)
            if self._recorder.full:
                self._end_recording()
        elif self.asking is not None or self._room.listens(self.text):
            self._speaker.silence(self.clock)
            self._collector = collect.cancel(self._collector)
            self._feed(Words(words))

    def wait(self, seconds: float) -> None:
        if self.text and self._room.effect is None:
            return
        while not self.ended and self.speaking:
            self._pass_until(self._speaker.until)
        self._pass_until(self.clock + seconds)

    def pass_time(self) -> None:
        """Let time pass until something happens: a prompt ends, a question gives up, a recording ends."""
        due = self._due()
        if due is not None and not self.ended:
            self._pass_until(due)

    def hang_up(self) -> None:
        if not self.ended:
            self._feed(HungUp())

    def facts(self) -> Facts:
        self.hang_up()
        return self._ledger.facts(self.session)

    # Time

    def _due(self) -> float | None:
        """When something will happen by itself."""
        times = [
            self._collector.deadline if self._collector.ask else None,
            self._recorder.due,
            self._speaker.until if self.speaking else None,
            self._room.due,
        ]
        return min((time for time in times if time is not None), default=None)

    def _pass_until(self, moment: float) -> None:
        while not self.ended:
            due = self._due()
            if due is None or due > moment:
                break
            self.clock = max(self.clock, due)
            self._fire()
        self.clock = max(self.clock, moment)

    def _fire(self) -> None:
        if self._recorder.due is not None and self.clock >= self._recorder.due:
            self._end_recording()
        elif self._collector.deadline is not None and self.clock >= self._collector.deadline:
            self._collector, answer = collect.tick(self._collector, self.clock)
            self._answered(answer)
        elif self._room.due is not None and self.clock >= self._room.due:
            self._served(self._room.fire(self.clock))
        elif not self.speaking:
            self._prompt_over()

    def _served(self, given: Input) -> None:
        """News of the queue; an agent's part ends the call unless the agent gives it back."""
        self._feed(given)
        if isinstance(given, Served) and not self.ended and not self._room.gives_back:
            self._feed(HungUp())

    def _prompt_over(self) -> None:
        if self._collector.deadline is None:
            self._collector = collect.prompt_ended(self._collector, self.clock)
        self._recorder.listen(self.clock)

    # Keys and answers

    def _key(self, key: str) -> None:
        if self.recording is not None:
            if key == self.recording.finish_on:
                self._end_recording()
            return
        if self._room.effect is not None:
            if any(choice.key == key for choice in self._room.effect.choices):
                self._answered(key)
            return
        before = self._collector
        self._collector, answer = collect.press(before, key, self.clock)
        taken = (before.digits, before.ahead) != (self._collector.digits, self._collector.ahead)
        if self._barge_in and (taken or answer is not None):
            self._speaker.silence(self.clock)
        self._answered(answer)

    def _answered(self, answer: str | None) -> None:
        if answer is not None:
            self._speaker.silence(self.clock)
            self._feed(Keys(answer))

    def _end_recording(self) -> None:
        recorded = self._recorder.end()
        self._speaker.silence(self.clock)
        self._feed(recorded)

    # The flow

    def _feed(self, given: Input) -> None:
        """Take one Input, and all that follow from it by themselves."""
        self.asking = self._room.effect = None
        waiting: list[Input] = [given]
        while waiting and not self.ended:
            self.session, effects = step(self.flows, self._ledger.stored(self.session), waiting.pop(0), self.now)
            for effect in effects:
                after = self._carry_out(effect, given)
                if after is not None:
                    waiting.append(after)

    def _carry_out(self, effect: Effect, given: Input) -> Input | None:
        match effect:
            case Say(prompt, barge_in):
                self._barge_in = barge_in
                self._say(prompt)
            case Collect():
                return self._collect(effect)
            case RunAction():
                return self._run(effect)
            case Record():
                if self.text:
                    return Fault("a text thread can't be recorded")
                self._recorder.begin(effect)
                if not self.speaking:
                    self._prompt_over()
            case Transfer():
                return self._transfers(effect)
            case Enqueue():
                return self._room.enter(effect, self.clock)
            case RequestCallback():
                return self._room.book(effect)
            case Send() | Event():
                self._ledger.note(effect)
            case End():
                self._collector = collect.cancel(self._collector)
                if not isinstance(given, HungUp):
                    self.clock = max(self.clock, self._speaker.until)  # what was said last is heard to its end
        return None

    def _collect(self, ask: Collect) -> Input | None:
        self._collector, answer = collect.begin(self._collector, ask, self.clock)
        if answer is not None:
            return Keys(answer)
        self.asking = ask
        self._barge_in = ask.barge_in
        for prompt in ask.prompts:
            self._say(prompt)
        if self.text:
            for choice in ask.choices:
                self._speaker.show(choice.label.id, f"{choice.key}. {written(choice.label)}", self.clock)
            self._collector = collect.cancel(self._collector)
        elif not self.speaking:
            self._prompt_over()
        return None

    def _run(self, action: RunAction) -> Input:
        done, took = self._actions(action, self.session, self.now)
        if took > action.filler_after and action.filler is not None:
            self._say(action.filler)
        self.clock += min(took, action.budget)
        return ActionDone(action.call, "failed") if took > action.budget else done

    def _say(self, prompt: Prompt) -> None:
        self._speaker.say(prompt, self.clock, interrupted=bool(self._collector.ahead and self._barge_in))
