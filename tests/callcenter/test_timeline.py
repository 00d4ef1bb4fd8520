"""The timeline: every channel, in order, with all that belongs to a contact, page by page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import (
    cases,
    contacts,
    customers,
    events,
    files,
    identifiers,
    merging,
    notes,
    one_time_codes,
    outbox,
    recognition,
    recordings,
    timeline,
)
from callcenter.tables import payments

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PHONE, MAIL = "+12025550143", "ana@example.com"


def minute(n: int) -> datetime:
    return NOW + timedelta(minutes=n)


def contact(conn: Connection, channel: str, address: str, at: datetime) -> str:
    id = contacts.start(conn, channel=channel, caller=address, called="us", at=at)
    recognition.recognise(conn, id, channel=channel, address=address, at=at)
    return id


def ana(conn: Connection) -> str:
    id = customers.create(conn, at=NOW, name="Ana")
    identifiers.add(conn, id, "phone", PHONE, at=NOW, proof="pin")
    identifiers.add(conn, id, "email", MAIL, at=NOW, proof="one_time_code")
    return id


def test_one_person_on_four_channels_in_order(engine: Engine) -> None:
    with engine.begin() as conn:
        id = ana(conn)
        visitor = contacts.start(conn, channel="chat", caller="v1", called="us", at=minute(4))
        recognition.settle(conn, visitor, id, proof="one_time_code", at=minute(4))
        made = [contact(conn, channel, address, minute(n)) for n, (channel, address) in
                enumerate([("sip", PHONE), ("sms", PHONE), ("email", MAIL)])]  # fmt: skip
        contact(conn, "sip", "+12025550199", minute(3))  # somebody else
        case = cases.open_case(conn, id, "A wrong bill", by="flow", at=minute(3), contact_id=made[2])
        contacts.end(conn, made[0], outcome="hung_up", at=minute(1))
        contacts.end(conn, made[1], outcome="completed", at=minute(2))
        notes.add(conn, id, "prefers mornings", author="agent:1", at=minute(5))
        found = timeline.page(conn, id)
        assert [(entry.kind, entry.data.get("channel")) for entry in found.entries] == [
            ("note", None), ("contact", "chat"), ("case", None), ("contact", "email"), ("contact", "sms"),
            ("contact", "sip"),
        ]  # fmt: skip
        assert [entry.at for entry in found.entries] == [minute(n) for n in (5, 4, 3, 2, 1, 0)]
        assert [entry.unresolved for entry in found.entries] == [False, True, True, True, False, True]
        assert found.entries[5].data["ended"] == minute(1).isoformat()
        assert [(one.id, one.data["subject"]) for one in found.open_cases] == [(case.id, "A wrong bill")]
        assert found.before is None
        assert [(detail.name, detail.data) for detail in found.entries[3].details if detail.kind == "case"] == [
            ("open", {"subject": "A wrong bill"})
        ]
        cases.change(conn, case.id, "resolved", by="agent:1", at=minute(6))
        assert timeline.page(conn, id).open_cases == []


def test_a_contact_has_all_that_belongs_to_it(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "voicemail.wav"
    path.write_bytes(b"x" * 10)
    with engine.begin() as conn:
        id = ana(conn)
        call = contact(conn, "sip", PHONE, NOW)
        for n, (kind, data) in enumerate([
            ("step", {"step": "choose"}),
            ("chose", {"key": "1"}),
            ("slot_filled", {"slot": "card", "value": "••••"}),
        ]):  # fmt: skip
            events.record(conn, call, "s", kind, data, minute(n))
        conn.execute(sa.insert(payments).values(
            id="p", account="A1", bill="B1", amount=4250, currency="USD", status="approved", confirmation="C1",
            gateway="sandbox", card_last4="4242", created_at=minute(3), updated_at=minute(3), contact_id=call,
        ))  # fmt: skip
        outbox.queue(conn, channel="sms", to=PHONE, body="Thank you", at=minute(4), contact_id=call)
        recordings.keep(conn, path=path, seconds=2.5, kind="voicemail", contact_id=call, number=PHONE, at=minute(5))
        files.keep(conn, path=path, name="a.wav", media_type="audio/wav", contact_id=call, at=minute(6))
        notes.add(conn, id, "paid", author="agent:1", at=minute(7), contact_id=call)
        (entry,) = timeline.page(conn, id).entries
        shown = [(detail.kind, detail.name) for detail in entry.details]
        assert shown == [
            ("event", "identified"), ("event", "chose"), ("event", "slot_filled"), ("payment", "approved"),
            ("message", "queued"), ("recording", "voicemail"), ("file", "audio/wav"), ("note", ""),
        ]  # fmt: skip
        details = {detail.kind: detail.data for detail in entry.details}
        assert details["event"] == {"slot": "card", "value": "••••"}
        assert details["payment"] == {"account": "A1", "bill": "B1", "amount": 4250, "currency": "USD",
                                      "confirmation": "C1", "card": "4242"}  # fmt: skip
        assert details["message"] == {"channel": "sms", "direction": "out", "author": "flow", "from": "", "to": PHONE,
                                      "subject": "", "body": "Thank you"}  # fmt: skip
        assert details["recording"] == {"seconds": 2.5, "number": PHONE}
        assert details["file"]["size"] == 10
        assert details["note"]["text"] == "paid"


def test_messages_that_belong_to_no_contact(engine: Engine) -> None:
    """Reminders, and what another system had us send: whoever serves the customer next sees them."""
    with engine.begin() as conn:
        id = ana(conn)
        other = customers.create(conn, at=NOW)
        call = contact(conn, "sip", PHONE, NOW)
        outbox.queue(conn, channel="sms", to=PHONE, body="Your bill is due.", at=minute(1), purpose="reminder",
                     customer_id=recognition.only(conn, "sms", PHONE))  # fmt: skip
        outbox.queue(conn, channel="sms", to=PHONE, body="An answer", at=minute(2), contact_id=call, customer_id=id)
        first = timeline.page(conn, id, limit=1)
        [entry] = first.entries
        assert (entry.kind, entry.at, entry.unresolved) == ("message", minute(1), False)
        assert entry.data == {"channel": "sms", "direction": "out", "author": "flow", "from": "", "to": PHONE,
                              "subject": "", "body": "Your bill is due.", "status": "queued"}  # fmt: skip
        [entry] = timeline.page(conn, id, before=first.before).entries
        assert (entry.kind, entry.id) == ("contact", call)
        assert [one.data["body"] for one in entry.details if one.kind == "message"] == ["An answer"]
        assert timeline.page(conn, other).entries == []
        merging.merge(conn, other, id, by="agent:1", at=NOW)
        assert [one.kind for one in timeline.page(conn, other).entries] == ["message", "contact"]
        identifiers.add(conn, customers.create(conn, at=NOW), "phone", PHONE, at=NOW)
        assert recognition.only(conn, "sms", PHONE) is None, "two people's telephone"


def test_a_code_is_never_shown(engine: Engine) -> None:
    with engine.begin() as conn:
        id = ana(conn)
        call = contact(conn, "sip", PHONE, NOW)
        one_time_codes.issue(conn, "phone", PHONE, body="Code: {code}", at=NOW, contact_id=call)
        (entry,) = timeline.page(conn, id).entries
        assert [detail.data["body"] for detail in entry.details if detail.kind == "message"] == [one_time_codes.HIDDEN]


def test_pages_follow_each_other_without_a_gap_also_at_equal_times(engine: Engine) -> None:
    with engine.begin() as conn:
        id, other = ana(conn), customers.create(conn, at=NOW)
        merging.merge(conn, other, id, by="agent:1", at=NOW)
        made = {contact(conn, "sip", PHONE, minute(n // 4)) for n in range(15)}
        made |= {notes.add(conn, other, "x", author="a", at=minute(n)).id for n in range(5)}
        seen: list[str] = []
        before = None
        while True:
            found = timeline.page(conn, id, limit=4, before=before)
            seen += [entry.id for entry in found.entries]
            before = found.before
            if before is None:
                break
        assert len(seen) == 20
        assert set(seen) == made


def test_a_long_thread_shows_its_newest(engine: Engine) -> None:
    with engine.begin() as conn:
        id = ana(conn)
        thread = contact(conn, "sms", PHONE, NOW)
        said = [events.Event(minute(n), thread, None, "said", {"n": n}) for n in range(timeline.DETAILS + 50)]
        events.record_all(conn, said)
        (entry,) = timeline.page(conn, id).entries
        assert len(entry.details) == timeline.DETAILS
        assert entry.details[-1].data == {"n": timeline.DETAILS + 49}


def test_an_unknown_customer_has_no_timeline(engine: Engine) -> None:
    with engine.begin() as conn:
        assert timeline.page(conn, "nobody") == timeline.Page([], [], None)
        with pytest.raises(ValueError, match="entries"):
            timeline.page(conn, "nobody", limit=0)


@pytest.mark.parametrize("statistics", [False, True])
def test_the_indexes_are_used(sqlite_engine: Engine, statistics: bool) -> None:
    """With statistics of small tables, SQLite once read all events, notes and cases for one person."""
    with sqlite_engine.begin() as conn:
        if statistics:
            people = [customers.create(conn, at=minute(n)) for n in range(100)]
            for n, id in enumerate(people * 3):
                made = contacts.start(conn, channel="sip", caller="", called="1", at=minute(n))
                conn.execute(sa.text("UPDATE contacts SET customer_id = :who WHERE id = :id"), {"who": id, "id": made})
                events.record_all(conn, [events.Event(minute(n), made, None, kind, {}) for kind in ("step", "chose")])
                notes.add(conn, id, "x", author="a", at=minute(n), contact_id=made if n % 2 else None)
                cases.open_case(conn, id, "x", by="a", at=minute(n), contact_id=made)
            conn.execute(sa.text("ANALYZE"))
        asked = timeline.statement(False).params(customer="x", fetch=2)
        sql = asked.compile(sqlite_engine, compile_kwargs={"literal_binds": True})
        plan = [row[3] for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}")]
    assert any("ix_contacts_customer_id_started_at_id" in line for line in plan)
    stored = ("contacts", "events", "messages", "payments", "recordings", "notes", "cases", "files")
    assert not [line for line in plan for name in stored if line.startswith(f"SCAN {name}")]
    assert not [line for line in plan if "BLOOM" in line]
