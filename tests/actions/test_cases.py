"""A flow opens and resolves cases."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine

from callcenter import cases, contacts, recognition
from callcenter.db import migrate, open_database, reading
from ivr.actions import ActionContext, perform
from ivr.flow.model import Company
from ivr.settings import Settings

NOW = dt.datetime(2026, 11, 23, 15, 0, tzinfo=dt.UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_database(f"sqlite:///{tmp_path / 'a.db'}")
    migrate(made)
    yield made
    made.dispose()


def contact(engine: Engine, caller: str = "+12125550100") -> str:
    with engine.begin() as conn:
        made = contacts.start(conn, channel="sip", caller=caller, called="1", at=NOW)
        recognition.recognise(conn, made, channel="sip", address=caller, at=NOW)
    return made


def act(engine: Engine, name: str, of: str, **given: Any) -> tuple[str, str]:
    context = ActionContext(
        engine, NOW, of, "session", "session:1", Company(name="Riverbend"), {}, time.monotonic() + 5,
        Settings.defaults(),
    )  # fmt: skip
    result = perform(name, context, given)
    return result.exit, result.data.get("id", "")


def test_a_case_is_opened_once_and_resolved(engine: Engine) -> None:
    caller = contact(engine)
    exit, case = act(engine, "open_case", caller, subject="No water")
    assert exit == "opened"
    assert act(engine, "open_case", caller, subject="No water ") == ("known", case)
    assert act(engine, "resolve_case", caller, case=case, reason="It runs again")[0] == "done"
    assert act(engine, "resolve_case", caller, case=case)[0] == "done"
    with reading(engine) as conn:
        assert cases.get(conn, case).status == "resolved"
        assert cases.contacts_of(conn, case) == [caller]
    assert act(engine, "open_case", caller, subject="No water")[0] == "opened"  # it is a new matter


def test_another_contacts_case_stays_as_it_is(engine: Engine) -> None:
    _, case = act(engine, "open_case", contact(engine), subject="No water")
    other = contact(engine, "+12125550199")
    assert act(engine, "resolve_case", other, case=case)[0] == "unknown"
    assert act(engine, "resolve_case", other, case="nothing")[0] == "unknown"


def test_nobody_known_has_no_case(engine: Engine) -> None:
    withheld = contact(engine, "anonymous")
    assert act(engine, "open_case", withheld, subject="No water") == ("unknown", "")
