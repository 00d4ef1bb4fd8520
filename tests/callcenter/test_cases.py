"""Cases, and context that survives."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import cases, contacts, context, customers, events, identifiers, merging, recognition
from callcenter.tables import sessions

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PHONE = "+12025550143"


def test_a_case_goes_its_way_and_keeps_its_contacts(engine: Engine) -> None:
    with engine.begin() as conn:
        id = customers.create(conn, at=NOW)
        contact = contacts.start(conn, channel="sip", caller=PHONE, called="1", at=NOW)
        case = cases.open_case(conn, id, " A wrong bill ", by="flow", at=NOW, contact_id=contact)
        assert (case.subject, case.status) == ("A wrong bill", "open")
        for n, status in enumerate(("pending", "resolved", "reopened", "resolved"), start=1):
            case = cases.change(conn, case.id, status, by="agent:1", at=NOW + n * HOUR, reason="x")  # type: ignore[arg-type]
        assert (case.status, case.resolved_at) == ("resolved", NOW + 4 * HOUR)
        assert cases.change(conn, case.id, "resolved", by="agent:2", at=NOW + 9 * HOUR) == case
        assert [row.status for row in cases.history(conn, case.id)] == [
            "open", "pending", "resolved", "reopened", "resolved",
        ]  # fmt: skip
        assert not cases.attach(conn, case.id, contact, at=NOW)
        assert cases.contacts_of(conn, case.id) == [contact]
        assert cases.unresolved(conn, id) == []


@pytest.mark.parametrize("status", get_args(cases.Status))
def test_only_these_changes_are_possible(sqlite_engine: Engine, status: cases.Status) -> None:
    for wanted in get_args(cases.Status):
        with sqlite_engine.begin() as conn:
            case = cases.open_case(conn, customers.create(conn, at=NOW), "x", by="x", at=NOW)
            for step in {"open": (), "pending": ("pending",), "resolved": ("resolved",),
                         "reopened": ("resolved", "reopened")}[status]:  # fmt: skip
                cases.change(conn, case.id, step, by="x", at=NOW)  # type: ignore[arg-type]
            if wanted == status or wanted in cases.NEXT[status]:
                assert cases.change(conn, case.id, wanted, by="x", at=NOW).status == wanted
            else:
                with pytest.raises(cases.WrongStatus):
                    cases.change(conn, case.id, wanted, by="x", at=NOW)


def test_cases_of_merged_customers_are_together(engine: Engine) -> None:
    with engine.begin() as conn:
        ana, ben = customers.create(conn, at=NOW), customers.create(conn, at=NOW)
        made = [cases.open_case(conn, id, "x", by="x", at=NOW + n * HOUR).id for n, id in enumerate((ana, ben, ana))]
        cases.change(conn, made[0], "resolved", by="x", at=NOW)
        merging.merge(conn, ana, ben, by="x", at=NOW)
        assert [case.id for case in cases.unresolved(conn, ben)] == [made[2], made[1]]
        newest = cases.listed(conn, limit=2, customer_id=ana)
        assert [case.id for case in newest] == [made[2], made[1]]
        older = cases.listed(conn, limit=2, customer_id=ana, before=(newest[1].opened_at, newest[1].id))
        assert [case.id for case in older] == [made[0]]
        assert [case.id for case in cases.listed(conn, limit=9, status="resolved")] == [made[0]]


def test_mistakes_are_named(engine: Engine) -> None:
    with engine.begin() as conn:
        id = customers.create(conn, at=NOW)
        with pytest.raises(ValueError, match="subject"):
            cases.open_case(conn, id, "", by="x", at=NOW)
        with pytest.raises(customers.UnknownCustomer):
            cases.open_case(conn, "nobody", "x", by="x", at=NOW)
        with pytest.raises(cases.UnknownCase):
            cases.change(conn, "none", "resolved", by="x", at=NOW)
        case = cases.open_case(conn, id, "x", by="x", at=NOW)
        with pytest.raises(LookupError):
            cases.attach(conn, case.id, "none", at=NOW)


def session(conn: Connection, contact: str, at: datetime, *, ended: bool = True, **data: Any) -> str:
    id = f"s-{contact}"
    stored = {"stack": [["main", "pay"], ["pay_bill", "amount"]], "slots": {}, "outcome": "hung_up",
              "capabilities": ["voice"], "language": "es"} | data  # fmt: skip
    conn.execute(sa.insert(sessions).values(
        id=id, contact_id=contact, channel="sip", external_id=id, flow_hash="f", seq=1, data=json.dumps(stored),
        updated_at=at, ended=ended,
    ))  # fmt: skip
    return id


def call(conn: Connection, at: datetime, channel: str = "sip") -> str:
    contact = contacts.start(conn, channel=channel, caller=PHONE, called="1", at=at)
    recognition.recognise(conn, contact, channel=channel, address=PHONE, at=at)
    return contact


def ana(conn: Connection) -> str:
    id = customers.create(conn, at=NOW)
    identifiers.add(conn, id, "phone", PHONE, at=NOW)
    return id


def test_who_was_cut_off_goes_on_with_what_was_given(engine: Engine) -> None:
    with engine.begin() as conn:
        id = ana(conn)
        contact = call(conn, NOW)
        slots = {"account": "123", "card": {"$secret": "gAAA"}, "bill": {"pin": [{"$secret": "x"}], "sum": 1}}
        was = session(conn, contact, NOW, slots=slots)
        text = call(conn, NOW + HOUR, "sms")
        session(conn, text, NOW + HOUR, ended=False, capabilities=["text"])
        found = context.resumable(conn, id, NOW + HOUR, 2 * HOUR, besides=text)
        assert found is not None
        assert (found.session_id, found.contact_id, found.language, found.at) == (was, contact, "es", NOW)
        assert found.stack == (("main", "pay"), ("pay_bill", "amount"))
        assert found.slots == {"account": "123"}
        assert context.resumable(conn, id, NOW + 3 * HOUR, HOUR) is None
        context.answered(conn, found, text, accepted=True, at=NOW + HOUR)
        assert context.resumable(conn, id, NOW + HOUR, 2 * HOUR, besides=text) is None
        assert [event.kind for event in events.of_contact(conn, contact)][-1] == "resumed"
        assert events.of_contact(conn, text)[-1].data == {"contact": contact, "session": was, "slots": ["account"]}


def test_who_declined_is_not_asked_again(engine: Engine) -> None:
    with engine.begin() as conn:
        id = ana(conn)
        contact = call(conn, NOW)
        session(conn, contact, NOW)
        found = context.resumable(conn, id, NOW, HOUR)
        assert found
        context.answered(conn, found, "other", accepted=False, at=NOW)
        assert context.resumable(conn, id, NOW, HOUR) is None
        assert events.of_contact(conn, "other") == []


@pytest.mark.parametrize(
    ("ended", "data", "offered"),
    [
        (True, {"outcome": "completed"}, False),
        (True, {"outcome": "failed"}, False),
        (True, {"stack": []}, False),
        (False, {"outcome": ""}, False),  # a call that is still on
        (False, {"outcome": "", "capabilities": ["text"]}, True),
    ],
)
def test_only_what_was_left_is_offered(engine: Engine, ended: bool, data: dict[str, Any], offered: bool) -> None:
    with engine.begin() as conn:
        id = ana(conn)
        session(conn, call(conn, NOW), NOW, ended=ended, **data)
        assert (context.resumable(conn, id, NOW + HOUR, HOUR) is not None) == offered


def test_a_finished_call_after_the_cut_off_one_ends_the_offer(engine: Engine) -> None:
    with engine.begin() as conn:
        id = ana(conn)
        session(conn, call(conn, NOW), NOW)
        session(conn, call(conn, NOW + HOUR), NOW + HOUR, outcome="completed")
        assert context.resumable(conn, id, NOW + HOUR, 5 * HOUR) is None


def test_answers_of_all_channels_are_known_and_questions_asked_again_counted(engine: Engine) -> None:
    with engine.begin() as conn:
        id = ana(conn)
        for n, channel in enumerate(("sip", "sms")):
            contact = call(conn, NOW + n * HOUR, channel)
            for slot, value in {"account": str(n), f"only_{channel}": "x"}.items():
                events.record(conn, contact, "s", "slot_filled", {"slot": slot, "value": value}, NOW + n * HOUR)
        assert context.given(conn, id, NOW) == {"account": "1", "only_sip": "x", "only_sms": "x"}
        assert context.given(conn, id, NOW + HOUR) == {"account": "1", "only_sms": "x"}
        context.asked_again(conn, contact, "s", "account", NOW)
        assert events.of_contact(conn, contact)[-1].data == {"slot": "account"}
