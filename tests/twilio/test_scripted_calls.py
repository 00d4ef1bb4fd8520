"""The scripted calls of `flows/calls/`, over TwiML."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from twilio.twiml.voice_response import Say

from callcenter import emergency
from callcenter.attestation import VERSTAT
from callcenter.db import migrate, open_database, reading
from callcenter.tables import events, messages, sessions
from ivr.actions import specs
from ivr.channels.twilio import say, twiml
from ivr.channels.twilio.waiting import Waiting
from ivr.flow.effects import Enqueue, RequestCallback, RunAction
from ivr.flow.inputs import ActionDone, Input
from ivr.flow.load import load
from ivr.flow.model import FlowSet
from ivr.flow.session import Session
from ivr.prompts.parts import Prompt
from ivr.prompts.spoken import spoken
from ivr.prompts.written import written
from ivr.rehearsal.agents import WaitingRoom
from ivr.rehearsal.phone import Facts, Sent
from ivr.rehearsal.reading import read_scripts
from ivr.rehearsal.run import ScriptedActions, perform, scripted_transfers
from ivr.rehearsal.sandbox import Sandbox
from ivr.rehearsal.script import Script
from ivr.rehearsal.twilio_double import Call, FlaskTransport, Heard, Twilio
from ivr.rehearsal.twilio_double.phone import TwilioPhone
from ivr.runner import Runner
from ivr.vault import Vault
from ivr.web import create_app
from tests.twilio.support import BASE_URL, ROOT, TOKEN, settings

FLOWS = load(ROOT / "flows", ROOT / "prompts", specs())
SCRIPTS, PROBLEMS = read_scripts(ROOT / "flows" / "calls", FLOWS)
VOICE = [
    script
    for script in SCRIPTS
    if "voice" in script.call.channels and script.call.earlier is None and not script.call.begun_by_us
]
VERSTATS = {attestation: verstat for verstat, attestation in VERSTAT.items()}
DIALLED = {"answered": "completed", "busy": "busy", "no_answer": "no-answer", "failed": "failed"}


class Pinned:
    """One version of the flows."""

    def __init__(self, flows: FlowSet) -> None:
        self._flows = flows

    def current(self) -> FlowSet:
        return self._flows

    latest = current

    def get(self, hash: str) -> FlowSet:
        return self._flows


class ScriptedRunner(Runner):
    """Actions come to what the script says; one that takes longer than its filler allows is really not there yet."""

    actions: ScriptedActions

    def begin(self, session: Session, action: RunAction) -> Future[ActionDone]:
        done, took = self.actions(action, session, self.now())
        future: Future[ActionDone] = Future()
        result = done if took <= action.budget else ActionDone(action.call, "failed")
        if took <= action.filler_after:
            future.set_result(result)
        else:
            Timer(0.05, future.set_result, (result,)).start()
        return future

    def wait(self, running: Future[ActionDone], action: RunAction, seconds: float) -> ActionDone | None:
        return running.result() if running.done() else None


class ScriptedQueueing:
    """Waiting goes as the script says."""

    def __init__(self, script: Script, clock: list[Call]) -> None:
        self._room, self._clock = WaitingRoom(script.call.agents, script.flows, script.begin), clock

    def _now(self) -> float:
        return self._clock[0].clock

    def enter(self, session: Session, effect: Enqueue) -> Input | None:
        return self._room.enter(effect, self._now())

    def announcement(self, session: Session) -> Input | None:
        return None  # the room has those as well

    def news(self, contact_id: str, queue: str) -> Input | None:
        due = self._room.due
        # As of when it was due: a round of music may be longer than the script's pauses.
        return self._room.fire(due) if due is not None and due <= self._now() else None

    def book(self, session: Session, request: RequestCallback) -> Input:
        return self._room.book(request)

    def step_out(self, contact_id: str) -> None:
        self._room.effect = None

    def leave(self, contact_id: str, reason: str) -> None:
        self._room.effect = None


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> dict[str, Prompt]:
    """Every prompt that was put into TwiML, by its words."""
    seen: dict[str, Prompt] = {}

    def noting(prompt: Prompt, voice: str | None, language: str) -> Iterator[Say]:
        seen[spoken(prompt)] = prompt
        return say.said(prompt, voice, language)

    monkeypatch.setattr(twiml, "said", noting)
    return seen


def test_the_scripts_can_be_read() -> None:
    assert not [problem for problem in PROBLEMS if not problem.warning]
    assert VOICE


@pytest.mark.parametrize("duplicate", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("script", VOICE, ids=lambda script: script.name)
def test_scripted_call(
    script: Script, duplicate: int, tmp_path: Path, sandbox: Sandbox, said: dict[str, Prompt]
) -> None:
    chosen = settings(tmp_path, twilio_speech=script.call.speech)
    engine = open_database(chosen.database)
    migrate(engine)
    flows = script.flows
    if script.call.language:
        others = [language for language in flows.company.languages if language != script.call.language]
        first = flows.company.model_copy(update={"languages": [script.call.language, *others]})
        flows = replace(flows, company=first)
    clock: list[Call] = []

    def now() -> dt.datetime:
        return script.begin + dt.timedelta(seconds=clock[0].clock if clock else 0)

    runner = ScriptedRunner(engine, Pinned(flows), Vault(), chosen, clock=now)  # type: ignore[arg-type]
    runner.actions = ScriptedActions(script, sandbox.fresh(flows, script.begin))
    announce(engine, script)
    queueing: Any = ScriptedQueueing(script, clock)
    app = create_app(chosen, runner, waiting=Waiting(lambda: queueing))
    twilio = Twilio(FlaskTransport(app), TOKEN, BASE_URL, duplicate=duplicate)
    transfers = scripted_transfers(script)
    call = twilio.call(
        script.call.caller, script.call.called, transfers=lambda target: DIALLED[transfers(target).result],
        verstat=VERSTATS.get(script.call.attestation, ""),
    )  # fmt: skip
    clock.append(call)
    call.start()

    def identify(heard: Heard) -> tuple[str, str]:
        if heard.audio:
            return "", ""
        prompt = said[heard.text]
        return prompt.id, written(prompt)

    try:
        outcome = perform(script, "voice", TwilioPhone(call, identify, lambda: facts(engine, call)))
    finally:
        runner.close()
        engine.dispose()
    assert outcome.problems == []
    assert runner.actions.missing == []
    assert call.failures == []


def announce(engine: Engine, script: Script) -> None:
    """A supervisor has begun the script's emergency."""
    given = script.call.emergency
    if given is not None:
        made = given.as_input(script.flows)
        with engine.begin() as conn:
            emergency.begin(
                conn, emergency.ALL, made.words, then=made.then, prompt=made.prompt, by="user:1", at=script.begin
            )


def facts(engine: Any, call: Call) -> Facts:
    """What the database holds of a call."""
    with reading(engine) as connection:
        session = next(row for row in connection.execute(sessions.select()) if row.external_id == call.sid)
        log = [(row.kind, row.data) for row in connection.execute(events.select()) if row.session_id == session.id]
        sent = connection.execute(messages.select()).all()
    stored = Session.from_json(json.loads(session.data), lambda sealed: None)
    return Facts(
        slots=stored.snapshot(),
        outcome=stored.outcome,
        language=stored.language,
        actions=[data["action"] for kind, data in log if kind == "action"],
        messages=[Sent(row.channel, row.to, row.body, row.subject) for row in sent],
        steps=[(data["flow"], data["step"]) for kind, data in log if kind == "step"],
        exits=[(data["flow"], data["step"], data["exit"]) for kind, data in log if kind == "exit"],
    )
