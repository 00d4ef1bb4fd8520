"""Actions run for real, on a database of their own that holds the demo company: for rehearsals."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ivr.flow.effects import RunAction
from ivr.flow.inputs import ActionDone
from ivr.flow.model import FlowSet
from ivr.flow.session import Session
from ivr.rehearsal.actions import ActionRunner, Answer

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine


class Sandbox:
    """Throw-away databases with the demo company's bills, and the sandbox payment gateway. A context manager."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="callwright-rehearsal-")
        self._template: Path | None = None
        self._engines: list[Engine] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for engine in self._engines:
            engine.dispose()
        self._folder.cleanup()

    def fresh(self, flows: FlowSet, begin: dt.datetime) -> ActionRunner:
        """What runs the actions of one call, on bills as they are before anybody has paid. `begin` is an aware
        datetime: the bills' due dates are counted from its day."""
        from callcenter import contacts
        from callcenter.db import open_database
        from ivr import actions
        from ivr.actions.bills.importing import import_bills
        from ivr.settings import Settings

        path = Path(self._folder.name) / f"{uuid.uuid4().hex}.db"
        shutil.copyfile(self._migrated(), path)
        engine = open_database(f"sqlite:///{path}")
        self._engines.append(engine)
        import_bills(engine, Path(actions.__file__).parent / "bills" / "demo.csv", begin.date())
        with engine.begin() as connection:
            contacts.start(
                connection, channel="rehearsal", caller="", called="", at=begin, contact_id="rehearsal"
            )  # fmt: skip

        def run(action: RunAction, session: Session, now: dt.datetime) -> Answer:
            began = time.monotonic()
            context = actions.ActionContext(
                engine=engine,
                now=now,
                contact_id="rehearsal",
                session_id=session.id,
                idempotency_key=f"{session.id}:{action.call}",
                company=flows.company,
                files=flows.files,
                deadline=began + action.budget,
                settings=Settings.defaults(data_dir=Path(self._folder.name)),
            )
            result = actions.perform(action.name, context, action.arguments)
            # Whole seconds: what the sandbox gateway makes slow on purpose counts, and the machine's own pace doesn't.
            return ActionDone(action.call, result.exit, result.data), float(int(time.monotonic() - began))

        return run

    def _migrated(self) -> Path:
        from callcenter.db import migrate, open_database

        if self._template is None:
            self._template = Path(self._folder.name) / "template.db"
            engine = open_database(f"sqlite:///{self._template}")
            migrate(engine)
            engine.dispose()
        return self._template
