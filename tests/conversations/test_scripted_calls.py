"""The scripted calls of `flows/calls/`, as texts through the runner, the database and the outbox."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from callcenter import customers, identifiers
from callcenter.db import migrate, open_database, reading
from callcenter.messages import Outgoing
from callcenter.messages.inbound import Inbound
from callcenter.tables import events, messages, sessions
from ivr.actions import specs
from ivr.actions.bills.importing import DEMO, import_bills
from ivr.conversations import Conversations
from ivr.flow import template
from ivr.flow.effects import RunAction
from ivr.flow.inputs import ActionDone, HungUp
from ivr.flow.load import load
from ivr.flow.session import Session
from ivr.prompts.parts import Part
from ivr.rehearsal.phone import Facts, Heard, Sent
from ivr.rehearsal.reading import read_scripts
from ivr.rehearsal.run import Outcome, ScriptedActions, perform
from ivr.rehearsal.sandbox import Sandbox
from ivr.rehearsal.script import Script
from ivr.runner import Runner
from ivr.vault import Vault
from tests.carriers import carrying
from tests.twilio.support import settings
from tests.twilio.test_scripted_calls import Pinned, announce

ROOT = Path(__file__).parents[2]
FLOWS = load(ROOT / "flows", ROOT / "prompts", specs())
SCRIPTS, PROBLEMS = read_scripts(ROOT / "flows" / "calls", FLOWS)
TEXT = [
    script
    for script in SCRIPTS
    if "text" in script.call.channels
    and script.call.agents is None
    and script.call.earlier is None
    and script.call.thread == "text"
]
"""Those that wait for agents, begin in the middle, or are on a certain channel, run on the simulator."""


def pattern(text: str) -> re.Pattern[str]:
    """What a catalogue's text is like, whatever its placeholders are filled with."""
    pieces = template.parse(text).pieces
    fixed = (str(piece.value) if isinstance(piece, Part) and piece.kind == "text" else None for piece in pieces)
    parts = (".*?" if words is None else re.escape(" ".join(words.split())) for words in fixed)
    return re.compile(r"\s?".join(parts), re.DOTALL)


class ScriptedRunner(Runner):
    actions: ScriptedActions

    def begin(self, session: Session, action: RunAction) -> Future[ActionDone]:
        future: Future[ActionDone] = Future()
        future.set_result(self.actions(action, session, self.now())[0])
        return future


class Thread:
    """A `Phone` that texts. The flow's first message is heard before anything was written: the customer begins with a
    greeting, as people do."""

    def __init__(self, conversations: Conversations, caller: str, sent: list[Outgoing], wanted: frozenset[str]) -> None:
        self.conversations, self.caller, self.sent, self.wanted = conversations, caller, sent, wanted
        self.count = self.heard = 0
        self.say("hello")

    @property
    def ended(self) -> bool:
        return bool(self._session().ended)

    def _session(self) -> Any:
        with reading(self.conversations.engine) as conn:
            return conn.execute(sessions.select()).one()

    def say(self, words: str) -> None:
        self.count += 1
        given = Inbound("sms", self.caller, "+15550199", words, f"SM{self.count}")
        self.conversations.take(given)

    def press(self, keys: str) -> None:
        self.say(keys.rstrip("#") or keys)

    def wait(self, seconds: float) -> None: ...

    def hang_up(self) -> None: ...

    def listen(self, until: Callable[[Heard], bool], *, patient: bool = True) -> Sequence[Heard]:
        got = []
        while self.heard < len(self._lines()):
            got.append(self._lines()[self.heard])
            self.heard += 1
            if until(got[-1]):
                break
        return got

    def _lines(self) -> list[Heard]:
        """What arrived, line by line, with the id of the prompt that says so."""
        return [Heard(_id(line, self.wanted), line, 0.0) for message in self.sent for line in message.body.split("\n")]

    def facts(self) -> Facts:
        if not self.ended:
            self.conversations.runner.feed(self._session().id, HungUp())
        session = Session.from_json(json.loads(self._session().data), lambda sealed: None)
        with reading(self.conversations.engine) as conn:
            facts = [(row.kind, row.data) for row in conn.execute(events.select().order_by(events.c.id))]
            flow = [row for row in conn.execute(messages.select()) if (row.dedupe_key or "").count(".") == 0]
        return Facts(
            slots=session.snapshot(),
            outcome=session.outcome,
            language=session.language,
            actions=[data["action"] for kind, data in facts if kind == "action"],
            messages=[Sent(row.channel, row.to, row.body, row.subject) for row in flow if row.direction == "out"],
            steps=[],
            exits=[],
        )


def _id(line: str, wanted: frozenset[str]) -> str:
    found = [
        (len(text), id.removesuffix("_text"))
        for texts in FLOWS.texts.values()
        for id, text in texts.items()
        if not id.startswith("system.words") and pattern(text).fullmatch(line)
    ]
    fixed = [one for one in found if one[1] != "system.menu_choice"]
    # Some prompts have the same words: the one that the script waits for is as good as another.
    return max(fixed, key=lambda one: (one[1] in wanted, one[0]), default=(0, ""))[1]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Outgoing]:
    return carrying(monkeypatch, "sms").sent


@pytest.mark.parametrize("script", TEXT, ids=lambda script: script.name)
def test_by_text(script: Script, tmp_path: Path, sent: list[Outgoing]) -> None:
    chosen = settings(tmp_path)
    engine = open_database(chosen.database)
    migrate(engine)
    import_bills(engine, Path(DEMO), dt.date(2026, 11, 23))
    announce(engine, script)
    runner = ScriptedRunner(engine, Pinned(script.flows), Vault(), chosen, clock=lambda: script.begin)  # type: ignore[arg-type]
    with Sandbox() as sandbox:
        actions = sandbox.fresh(script.flows, script.begin) if script.call.sandbox else None
        runner.actions = ScriptedActions(script, actions)
        outcome = _perform(script, runner, chosen, sent)
    runner.close()
    engine.dispose()
    assert not outcome.problems, "\n".join(str(problem) for problem in outcome.problems)


def _perform(script: Script, runner: Runner, chosen: Any, sent: list[Outgoing]) -> Outcome:
    conversations = Conversations(runner, chosen, submit=lambda work, *arguments: work(*arguments))
    caller = script.call.caller if script.call.caller.startswith("+") else "+15550100"
    if script.call.language:
        with runner.engine.begin() as conn:
            customer = customers.create(conn, at=script.begin, language=script.call.language)
            identifiers.add(conn, customer, "phone", caller, at=script.begin)
    wanted = frozenset(word for line in script.on("text").call.script for word in line.hears or ())
    return perform(script, "text", Thread(conversations, caller, sent, wanted))


def test_every_script_has_a_part_in_messages() -> None:
    assert not PROBLEMS
    # Cards are keyed, so what an agent has a caller do is for telephones; and campaigns call.
    silent = [script.name for script in SCRIPTS if "text" not in script.call.channels and not script.call.begun_by_us]
    assert silent == []
