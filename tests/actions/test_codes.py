"""One-time codes in flows: to whom one is sent, and what the right one settles."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import contacts, customers, identifiers, one_time_codes, recognition
from callcenter.db import migrate, open_database, reading
from callcenter.messages import Outgoing
from callcenter.tables import contacts as contacts_table
from ivr.actions import ActionResult, perform
from tests.actions.support import NOW, context
from tests.carriers import carrying

CALLER, MAIL = "+12025550143", "dana@example.org"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Outgoing]:
    return carrying(monkeypatch, "email").sent


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = open_database(f"sqlite:///{tmp_path / 'codes.db'}")
    migrate(made)
    return made


@pytest.fixture
def dana(engine: Engine) -> str:
    with engine.begin() as conn:
        id = customers.create(conn, at=NOW, name="Dana")
        identifiers.add(conn, id, "email", MAIL, at=NOW)
    return id


@pytest.fixture
def stranger(engine: Engine) -> str:
    """A contact by a telephone that nobody knew."""
    with engine.begin() as conn:
        id = contacts.start(conn, channel="sip", caller=CALLER, called="1", at=NOW)
        recognition.recognise(conn, id, channel="sip", address=CALLER, at=NOW)
    return id


def act(engine: Engine, contact: str, name: str, given: dict[str, Any], **more: Any) -> ActionResult:
    return perform(name, context(engine, contact_id=contact, **more), given)


def code(sent: list[Outgoing]) -> str:
    found = re.search(r"\b\d{6}\b", sent[-1].body)
    assert found
    return found[0]


def test_a_stranger_proves_who_they_are(engine: Engine, dana: str, stranger: str, sent: list[Outgoing]) -> None:
    result = act(engine, stranger, "send_code", {"to": "Dana@Example.org"})
    assert (result.exit, sent[0].to) == ("sent", MAIL)
    assert sent[0].body.endswith("is your code for Riverbend.")
    settled = act(engine, stranger, "check_code", {"id": result.data["id"], "code": code(sent)})
    assert (settled.exit, settled.data["name"]) == ("settled", "Dana")
    with reading(engine) as conn:
        query = sa.select(contacts_table.c.customer_id).where(contacts_table.c.id == stranger)
        assert conn.execute(query).scalar_one() == dana
        [known] = identifiers.identify(conn, "email", MAIL)
        assert known.proof == "one_time_code"
    again = act(engine, stranger, "check_code", {"id": result.data["id"], "code": code(sent)})
    assert again.exit == "over"


def test_a_code_that_is_too_old(engine: Engine, dana: str, stranger: str, sent: list[Outgoing]) -> None:
    result = act(engine, stranger, "send_code", {"to": MAIL})
    later = NOW + one_time_codes.LIFETIME + timedelta(seconds=1)
    assert act(engine, stranger, "check_code", {"id": result.data["id"], "code": code(sent)}, now=later).exit == "over"


def test_a_mailbox_that_two_share(engine: Engine, dana: str, stranger: str, sent: list[Outgoing]) -> None:
    with engine.begin() as conn:
        identifiers.add(conn, customers.create(conn, at=NOW, name="Lee"), "email", MAIL, at=NOW)
    result = act(engine, stranger, "send_code", {"to": MAIL})
    assert act(engine, stranger, "check_code", {"id": result.data["id"], "code": code(sent)}).exit == "several"


def test_whoever_is_known_gets_none_at_anothers_address(engine: Engine, dana: str, sent: list[Outgoing]) -> None:
    with engine.begin() as conn:
        lee = customers.create(conn, at=NOW, name="Lee")
        identifiers.add(conn, lee, "phone", CALLER, at=NOW)
        contact = contacts.start(conn, channel="sip", caller=CALLER, called="1", at=NOW)
        recognition.recognise(conn, contact, channel="sip", address=CALLER, at=NOW)
    assert act(engine, contact, "send_code", {"to": MAIL}).exit == "unknown"
    assert sent == []


def test_only_so_many(engine: Engine, dana: str, stranger: str, sent: list[Outgoing]) -> None:
    exits = [act(engine, stranger, "send_code", {"to": MAIL}).exit for _ in range(4)]
    assert exits == ["sent"] * 3 + ["too_many"]
    assert len(sent) == 3


@pytest.mark.parametrize("to", ["", "12", "no address@", "@"])
def test_what_is_no_address(engine: Engine, stranger: str, sent: list[Outgoing], to: str) -> None:
    assert act(engine, stranger, "send_code", {"to": to}).exit == "invalid"


def test_without_a_sender_it_fails(engine: Engine, dana: str, stranger: str) -> None:
    assert act(engine, stranger, "send_code", {"to": MAIL}).exit == "failed"


def test_a_code_that_nobody_sent(engine: Engine, stranger: str) -> None:
    assert act(engine, stranger, "check_code", {"id": "x", "code": "123456"}).exit == "over"
