"""Every scripted call of the demo flows, on a real SIP call with real audio.

They are placed at once, as callers do, on one service per injected clock. What a script says is heard is decided by
the audio that arrived (see `tests.voice.line`).
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

import pytest

from ivr.actions import specs
from ivr.flow.effects import RunAction
from ivr.flow.inputs import ActionDone
from ivr.flow.load import load
from ivr.flow.session import Session
from ivr.rehearsal.run import Outcome, ScriptedActions, perform
from ivr.rehearsal.script import Script, read_scripts
from tests.voice.line import FLOWS, PROMPTS, Line

pytestmark = [pytest.mark.sip, pytest.mark.timeout(300)]

SCRIPTS, PROBLEMS = read_scripts(FLOWS / "calls", load(FLOWS, PROMPTS, specs()))
assert not PROBLEMS
ON_VOICE = sorted(
    (script for script in SCRIPTS if "voice" in script.call.channels and script.call.agents is None and not script.call.earlier),
    key=lambda one: one.begin,
)


class Scripts:
    """Gives each call the results that its script has for its actions; a call dials its script's name."""

    def __init__(self, line: Line, scripts: list[Script]) -> None:
        self._run_for_real = line.runner.begin
        self._actions = {script.name: ScriptedActions(script) for script in scripts}
        self._scripts = {script.name: script for script in scripts}

    def begin(self, session: Session, action: RunAction) -> Future[ActionDone]:
        if self._scripts[session.called].call.sandbox:
            return self._run_for_real(session, action)
        done: Future[ActionDone] = Future()
        answer, seconds = self._actions[session.called](action, session, dt.datetime.now(dt.UTC))
        threading.Timer(seconds, done.set_result, [answer]).start()
        return done


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, audio: Path) -> Iterator[dict[str, Outcome]]:
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(len(ON_VOICE)))
        running: dict[str, Future[Outcome]] = {}
        for begin, group in groupby(ON_VOICE, key=lambda script: script.begin):
            scripts = list(group)
            folder = tmp_path_factory.mktemp("line")
            clock = lambda begin=begin: begin  # noqa: E731
            line = stack.enter_context(Line(folder, audio, clock=clock))
            line.runner.begin = Scripts(line, scripts).begin  # type: ignore[method-assign]
            for script in scripts:
                running[script.name] = pool.submit(_place, line, script)
        yield {name: future.result(250) for name, future in running.items()}


def _place(line: Line, script: Script) -> Outcome:
    phone = line.call(script.call.caller, called=script.name)
    outcome = perform(script, "voice", phone)
    assert phone.lost == 0, "RTP was lost on the way to the telephone"
    return outcome


@pytest.mark.parametrize("name", [script.name for script in ON_VOICE])
def test_a_scripted_call_goes_as_written(outcomes: dict[str, Outcome], name: str) -> None:
    outcome = outcomes[name]
    transcript = "\n".join(f"{said.at:7.2f} {said.who:6} {said.what}" for said in outcome.transcript)
    assert outcome.passed, "\n".join(map(str, outcome.problems)) + "\n" + transcript
