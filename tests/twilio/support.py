"""What the tests of the Twilio channel share: an application on a database of its own, and the double before it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.engine import Engine

from callcenter.db import migrate, open_database, reading
from callcenter.tables import contacts, events, messages, recordings, sessions
from ivr.actions import specs
from ivr.actions.bills.importing import DEMO, import_bills
from ivr.channels.twilio.calls import Calls
from ivr.channels.twilio.payment_steps import PaymentSteps
from ivr.channels.twilio.twiml import Fold
from ivr.channels.twilio.waiting import Waiting
from ivr.flow.effects import RunAction
from ivr.flow.inputs import ActionDone
from ivr.flow.session import Session
from ivr.published import Published
from ivr.rehearsal.twilio_double import Call, FlaskTransport, Twilio
from ivr.runner import Runner
from ivr.settings import Settings
from ivr.vault import Vault
from ivr.web import create_app

ROOT = Path(__file__).parents[2]
TOKEN = "an auth token for tests"
BASE_URL = "https://voice.example.com"
ACCOUNT_SID = "AC" + "0" * 32
NOON = dt.datetime(2026, 11, 23, 15, 0, tzinfo=dt.UTC)
ACCOUNT, CARD, EXPIRY, CODE = "10203040", "4242424242424242", "0731", "917"
"""An account of the demo company, and a card that the sandbox gateway approves."""


def settings(folder: Path, **changes: Any) -> Settings:
    given: dict[str, Any] = {
        "data_dir": folder,
        "public_base_url": BASE_URL,
        "twilio_auth_token": TOKEN,
        "twilio_account_sid": ACCOUNT_SID,
        **changes,
    }
    return Settings(_env_file=None, **given)


def prepare(chosen: Settings, flows: Path | None = None, prompts: Path | None = None) -> Engine:
    """A migrated database with the demo company's bills and published flows."""
    engine = open_database(chosen.database)
    migrate(engine)
    import_bills(engine, Path(DEMO), NOON.date())
    published = Published(engine, specs(), chosen.data_dir / "versions")
    published.publish(flows or ROOT / "flows", prompts or ROOT / "prompts")
    return engine


Act = Callable[[RunAction, Session], ActionDone]


class ActingRunner(Runner):
    """Actions come to what `act` says; with `act` None they run for real. `hold(name)` makes the next run of an action
    wait until it is let go."""

    act: Act | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.began: list[tuple[str, str]] = []
        self._held: dict[str, threading.Event] = {}

    def hold(self, name: str) -> threading.Event:
        self._held[name] = threading.Event()
        return self._held[name]

    def _perform(self, session: Session, action: RunAction, deadline: float) -> ActionDone:
        self.began.append((action.name, f"{session.id}:{action.call}"))
        held = self._held.pop(action.name, None)
        if held is not None:
            held.wait(30)
        return super()._perform(session, action, deadline) if self.act is None else self.act(action, session)

    def wait(self, running: Future[ActionDone], action: RunAction, seconds: float) -> ActionDone | None:
        """What is held is slow, anything else is fast: no test waits for a clock."""
        return None if self._held_by(action) else running.result(30)

    def _held_by(self, action: RunAction) -> bool:
        return action.name in self.slow

    slow: frozenset[str] = frozenset()


@dataclass
class Line:
    """The application with its line to the double."""

    chosen: Settings
    engine: Engine
    runner: ActingRunner
    app: Flask
    twilio: Twilio
    clock: list[dt.datetime] = field(default_factory=list)

    def call(self, **options: Any) -> Call:
        return self.twilio.call(**options).start()

    def rows(self, table: sa.Table) -> list[Any]:
        with reading(self.engine) as connection:
            return list(connection.execute(sa.select(table)))

    def session(self, call: Call) -> Any:
        return next(row for row in self.rows(sessions) if row.external_id == call.sid)

    def contact(self, call: Call) -> Any:
        return next(row for row in self.rows(contacts) if row.id == self.session(call).contact_id)

    def kinds(self, call: Call) -> list[str]:
        return [row.kind for row in self.rows(events) if row.session_id == self.session(call).id]

    def close(self) -> None:
        self.runner.close()
        self.engine.dispose()
        self.runner.engine.dispose()


def line(
    chosen: Settings,
    *,
    flows: Path | None = None,
    prompts: Path | None = None,
    waiting: Waiting | None = None,
    **options: Any,
) -> Line:
    engine = prepare(chosen, flows, prompts)
    own = open_database(chosen.database)
    clock = [NOON]
    runner = ActingRunner(
        own,
        Published(own, specs(), chosen.data_dir / "versions"),
        Vault(),
        chosen,
        clock=lambda: clock[0],
        threads=8,
    )
    app = create_app(chosen, runner, waiting=waiting)
    twilio = Twilio(FlaskTransport(app), TOKEN, BASE_URL, ACCOUNT_SID, **options)
    return Line(chosen, engine, runner, app, twilio, clock)


def other_process(runner: Runner, fold: Fold) -> Calls:
    """Calls as another process has them, that knows of no queues."""
    return Calls(runner, fold, Waiting(lambda: None), PaymentSteps(runner, fold.base_url, lambda: None))


def words(call: Call) -> list[str]:
    return [heard.text for heard in call.heard]


__all__ = [
    "ACCOUNT", "ACCOUNT_SID", "BASE_URL", "CARD", "CODE", "EXPIRY", "NOON", "ROOT", "TOKEN", "ActingRunner", "Line",
    "line", "messages", "other_process", "prepare", "recordings", "settings", "words",
]  # fmt: skip
