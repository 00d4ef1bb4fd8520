"""Every scripted call of the demo flows, on a real SIP call with real audio.

They are placed at once, as callers do, on one service per injected clock and flow that answers. What a script says is
heard is decided by the audio that arrived (see `tests.voice.line`).
"""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Awaitable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from ivr.actions import specs
from ivr.channels.leg import Clip, Digit
from ivr.channels.voice.ear import Ear
from ivr.channels.voice.line import Line as VoiceLine
from ivr.channels.voice.waiting import Lobby
from ivr.flow.effects import Enqueue, RequestCallback, RunAction
from ivr.flow.inputs import ActionDone, Announcement, Input, Keys
from ivr.flow.load import load
from ivr.flow.session import Session
from ivr.rehearsal.agents import WaitingRoom
from ivr.rehearsal.reading import read_scripts
from ivr.rehearsal.run import Outcome, ScriptedActions, perform
from ivr.rehearsal.script import Script
from tests.twilio.test_scripted_calls import Pinned
from tests.voice.line import FLOWS, PROMPTS, Line

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

SCRIPTS, PROBLEMS = read_scripts(FLOWS / "calls", load(FLOWS, PROMPTS, specs()))
assert not PROBLEMS
ON_VOICE = sorted(
    # Scripts of earlier contacts run on the other channels; where callers speak, in `test_spoken_calls`.
    (
        one
        for one in SCRIPTS
        if "voice" in one.call.channels and not one.call.earlier and not one.call.begun_by_us and not one.call.speech
    ),
    key=lambda one: (one.begin, one.call.call or ""),
)


class Scripts:
    """Gives each call the results that its script has for its actions; a call dials its script's name."""

    def __init__(self, line: Line, scripts: list[Script]) -> None:
        self._run_for_real = line.runner.begin
        self._actions = {script.name: ScriptedActions(script) for script in scripts}
        self._scripts = {script.name: script for script in scripts}

    def announcement(self, session: Session) -> Announcement | None:
        script = self._scripts[session.called]
        return script.call.emergency.as_input(script.flows) if script.call.emergency else None

    def begin(self, session: Session, action: RunAction) -> Future[ActionDone]:
        if self._scripts[session.called].call.sandbox:
            return self._run_for_real(session, action)
        done: Future[ActionDone] = Future()
        answer, seconds = self._actions[session.called](action, session, dt.datetime.now(dt.UTC))
        threading.Timer(seconds, done.set_result, [answer]).start()
        return done


class ScriptedLobby(Lobby):
    """Waiting goes as each call's script says; the line is real. (`test_agents` has real queues.)"""

    def __init__(self, scripts: list[Script]) -> None:
        self._rooms = {script.name: WaitingRoom(script.call.agents, script.flows, script.begin) for script in scripts}
        self.tell = None

    async def enter(self, session: Session, effect: Enqueue) -> Any:
        return self._rooms[session.called].enter(effect, asyncio.get_running_loop().time())

    async def wait(
        self, line: VoiceLine, session: Session, effect: Enqueue, intro: Awaitable[Sequence[Clip]] | None = None,
        ear: Ear | None = None,
    ) -> Input:  # fmt: skip
        room, keys = self._rooms[session.called], {choice.key for choice in effect.choices}
        room.enter(effect, line.now())
        if intro is not None:
            line.leg.play(await intro)
        while True:
            event = await line.event(room.due)
            if isinstance(event, Digit) and event.digit in keys:
                return Keys(event.digit)
            if event is None:
                return room.fire(line.now())

    async def book(self, session: Session, request: RequestCallback) -> Any:
        return self._rooms[session.called].book(request)

    async def step_out(self, contact_id: str) -> None:
        return

    async def left(self, contact_id: str, reason: str) -> None:
        return


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, audio: Path) -> Iterator[dict[str, Outcome]]:
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(len(ON_VOICE)))
        running: dict[str, Future[Outcome]] = {}
        for (begin, _), group in groupby(ON_VOICE, key=lambda script: (script.begin, script.call.call)):
            scripts = list(group)
            folder = tmp_path_factory.mktemp("line")
            clock = lambda begin=begin: begin  # noqa: E731
            line = stack.enter_context(Line(folder, audio, clock=clock))
            line.runner.published = Pinned(scripts[0].flows)  # type: ignore[assignment]
            their = Scripts(line, scripts)
            line.runner.begin = their.begin  # type: ignore[method-assign]
            line.runner.announcement = their.announcement  # type: ignore[method-assign]
            line.service.lobby = ScriptedLobby(scripts)
            for script in scripts:
                running[script.name] = pool.submit(_place, line, script)
        yield {name: future.result(250) for name, future in running.items()}


def _place(line: Line, script: Script) -> Outcome:
    phone = line.call(script.call.caller, called=script.name, attestation=script.call.attestation)
    outcome = perform(script, "voice", phone)
    assert phone.lost == 0, "RTP was lost on the way to the telephone"
    return outcome


@pytest.mark.parametrize("name", [script.name for script in ON_VOICE])
def test_a_scripted_call_goes_as_written(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    transcript = "\n".join(f"{said.at:7.2f} {said.who:6} {said.what}" for said in outcome.transcript)
    assert outcome.passed, "\n".join(map(str, outcome.problems)) + "\n" + transcript
