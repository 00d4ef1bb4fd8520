"""Reminders go out once, in the day-time of the customer, to those who agreed."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter import consent, customers, identifiers, outbox
from callcenter.tables import accounts, bills, messages
from callcenter.tables import customers as customers_table
from ivr import messaging
from ivr.actions import specs
from ivr.flow.check import check
from ivr.flow.load import read_folders
from ivr.reminders import remind
from tests.carriers import Carrier
from tests.conversations.support import DANA, Desk

ROOT = Path(__file__).parents[2]
DUE = dt.date(2026, 12, 4)
MORNING = dt.datetime(2026, 12, 1, 15, 0, tzinfo=dt.UTC)  # ten in New York, three days before
AT_NIGHT = dt.datetime(2026, 12, 1, 4, 0, tzinfo=dt.UTC)


def bill(desk: Desk, *, agreed: bool = True, phone: str = DANA, email: str = "", **more: Any) -> None:
    with desk.engine.begin() as conn:
        conn.execute(sa.delete(bills))
        conn.execute(sa.insert(accounts).values(number="777", name="Dana", phone=phone, email=email, currency="USD"))
        values = {"id": "b1", "account_number": "777", "amount": 8450, "balance": 8450, "due_on": DUE, "status": "open",
                  "updated_at": MORNING, **more}  # fmt: skip
        conn.execute(sa.insert(bills).values(**values))
        customer = customers.create(conn, at=MORNING, language="es" if more.get("id") == "es" else "")
        identifiers.add(conn, customer, "phone", DANA, at=MORNING)
        if email:
            identifiers.add(conn, customer, "email", email, at=MORNING)
        if agreed:
            consent.put(conn, customer, "sms", source="test", at=MORNING, consent="granted")
        elif email:
            consent.put(conn, customer, "email", source="test", at=MORNING, consent="granted")


def run(desk: Desk, now: dt.datetime) -> int:
    flows = desk.runner.published.current()
    count = remind(desk.engine, flows, now)
    outbox.sweep(desk.engine, desk.chosen, now, policy=messaging.policy(flows))
    return count


def test_once_in_the_day_time(desk: Desk, carrier: Carrier) -> None:
    bill(desk)
    assert [run(desk, MORNING - dt.timedelta(days=1)), run(desk, AT_NIGHT), run(desk, MORNING)] == [0, 0, 1]
    assert [run(desk, MORNING + dt.timedelta(hours=hours)) for hours in (1, 24, 72)] == [0, 0, 0]
    (sent,) = carrier.sent
    assert (sent.to, sent.body) == (
        DANA,
        "Riverbend Water and Power: $84.50 for account 777 is due on Friday, December 4, 2026. Call or text us to pay. "
        "Reply STOP to get no more messages.",
    )
    (row,) = desk.rows(messages)
    assert (row.purpose, row.author, row.status) == ("reminder", "system", "sent")
    assert row.customer_id == desk.rows(customers_table)[0].id, "it is on their timeline"


def test_a_missed_day_is_made_up_for(desk: Desk, carrier: Carrier) -> None:
    bill(desk)
    assert run(desk, MORNING + dt.timedelta(days=2)) == 1


def test_another_due_date_is_another_reminder(desk: Desk, carrier: Carrier) -> None:
    bill(desk)
    run(desk, MORNING)
    with desk.engine.begin() as conn:
        conn.execute(sa.update(bills).values(due_on=DUE + dt.timedelta(days=7)))
    assert run(desk, MORNING + dt.timedelta(days=7)) == 1


@pytest.mark.parametrize(
    "why", ["not agreed", "paid", "past", "stopped", "no address"]
)  # fmt: skip
def test_who_gets_none(desk: Desk, carrier: Carrier, why: str) -> None:
    more = {"paid": {"balance": 0}, "past": {"due_on": dt.date(2026, 11, 30)}}.get(why, {})
    bill(desk, agreed=why != "not agreed", phone="" if why == "no address" else DANA, **more)  # type: ignore[arg-type]
    if why == "stopped":
        with desk.engine.begin() as conn:
            consent.suppress(conn, "sms", DANA, source="keyword", at=MORNING)
    assert run(desk, MORNING) == 0
    assert not carrier.sent


def test_the_next_channel_and_the_customers_language(desk: Desk, carrier: Carrier) -> None:
    bill(desk, agreed=False, email="dana@example.com", id="es")
    assert run(desk, MORNING) == 1
    assert (carrier.sent[0].to, carrier.sent[0].subject[:10]) == ("dana@example.com", "Su factura")


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("reminders:\n  r: {days_before: 3, channels: [fax], body: remind.bill_due}\n", 2, "sms"),
        ("reminders:\n  r:\n    days_before: soon\n    channels: [sms]\n    body: remind.bill_due\n", 3, "days_before"),
        ("reminders:\n  r:\n    days_before: 3\n    channels: [sms]\n    body: remind.bil_due\n", 5, "remind.bil_due"),
        ("remindrs: {}\n", 1, "remindrs"),
    ],
)
def test_mistakes_have_a_place(tmp_path: Path, text: str, line: int, words: str) -> None:
    shutil.copytree(ROOT / "flows", tmp_path / "flows")
    (tmp_path / "flows" / "reminders.yaml").write_text(text)
    flows, problems = read_folders(tmp_path / "flows", ROOT / "prompts", specs())
    problems = [*problems, *check(flows)]
    found = [problem for problem in problems if "reminders.yaml" in str(problem.mark)]
    assert any(problem.mark.line == line and words in problem.what for problem in found), found
