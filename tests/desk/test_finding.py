"""Searching for customers, audit filters, canned answers, answers on other channels."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from callcenter import consent, contacts, customers, merging
from callcenter.db import reading
from callcenter.desk import audit, finding, threads
from callcenter.desk.canned import answers
from callcenter.tables import contacts as contacts_table
from callcenter.tables import messages
from tests.desk.seed import seed
from tests.desk.support import NOW, Desk


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ana", ["Ana Silva"]),
        ("SILVA ana", ["Ana Silva"]),
        ("silva", ["A. Silva", "Ana Silva"]),
        ("(555) 010-1010", ["Ana Silva"]),
        ("+15550101010", ["Ana Silva"]),
        ("0101012", ["A. Silva"]),
        ("ANA@example.com", ["Ana Silva"]),
        ("na@exam", ["Ana Silva"]),
        ("100%", []),
        ("_", []),
        ("a", []),
        ("", []),
        ("'; --", []),
    ],
)
def test_search(any_desk: Desk, text: str, found: list[str]) -> None:
    seed(any_desk.engine, any_desk.folder)
    with reading(any_desk.engine) as conn:
        assert sorted(person.name for person in finding.search(conn, text, region="US")) == found


def test_a_merged_customer_is_found_once(desk: Desk) -> None:
    ids = seed(desk.engine, desk.folder)
    with desk.engine.begin() as conn:
        merging.merge(conn, ids["customer"], ids["other"], by="agent:maria", at=NOW)
        assert [person.id for person in finding.search(conn, "silva")] == [ids["customer"]]


def test_audit_filters(desk: Desk) -> None:
    agent = desk.browser("agent")
    ids = seed(desk.engine, desk.folder)
    agent.get(f"/desk/customers/{ids['customer']}")
    desk.clock.go_on(days=1)
    auditor = desk.browser("auditor")
    for query, expected in (
        ("action=customer", 1), ("action=customer.viewed&login=agent", 1), ("action=cust", 0), ("login=nobody", 0),
        (f"target=customer:{ids['customer']}", 1), ("since=2026-11-23&action=login", 1), ("until=2026-11-22", 2),
    ):  # fmt: skip
        page = auditor.get(f"/desk/audit?{query}").text
        assert page.count("<tr><td><time") == expected, query


def test_pages_of_the_audit_log_join_without_a_gap(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        for number in range(2500):
            audit.write(conn, audit.Entry(NOW, None, "x", "", "test", f"n:{number}", "", {}))
        found = [entry.target for entry in audit.everything(conn, action="test")]
    assert found == [f"n:{number}" for number in reversed(range(2500))]


def test_canned_answers_of_any_shape() -> None:
    data = {"answers": {"a": {"title": {"es": "Hola"}, "text": {"es": "Hola {customer}", "en": "Hello {customer}"}},
                        "b": {"text": 7}, "c": ["x"], "d": {"text": "for mail", "channels": "email"}}}  # fmt: skip
    made = answers(data, channel="sms", language="en", values={"customer": "{agent} Ana"})
    assert [(one.id, one.title, one.text) for one in made] == [("a", "Hola", "Hello {agent} Ana")]
    nothings: list[object] = [None, [], {"answers": []}, "text"]
    for nothing in nothings:
        assert answers(nothing, channel="sms", language="en", values={}) == []


def test_an_answer_on_another_channel_is_a_thread_of_its_own(desk: Desk) -> None:
    ids = seed(desk.engine, desk.folder)
    agent = desk.browser("agent")
    path = f"/desk/contacts/{ids['contact']}"
    agent.get(path)
    moved = agent.post(f"{path}/reply", {"text": "By mail then.", "way": "email ana@example.com"}).location
    assert moved != path
    with reading(desk.engine) as conn:
        row = conn.execute(sa.select(contacts_table).where(contacts_table.c.id == moved.rsplit("/", 1)[1])).one()
        assert (row.channel, row.caller, row.direction, row.served_by, row.customer_id) == (
            "email", "ana@example.com", "out", "agent:maria", ids["customer"]
        )  # fmt: skip
    again = agent.post(f"{path}/reply", {"text": "And another.", "way": "email ana@example.com"}).location
    assert again == moved
    agent.post(f"{path}/reply", {"text": "x", "way": "email stranger@example.com"})
    assert "no such address" in agent.get(path).text
    with desk.engine.begin() as conn:
        consent.suppress(conn, "email", "ana@example.com", source="STOP", at=NOW)
        contacts.end(conn, row.id, outcome="completed", at=NOW)
    agent.post(f"{path}/reply", {"text": "once more", "way": "email ana@example.com"})
    assert "want to be contacted" in agent.get(path).text
    with reading(desk.engine) as conn:
        assert conn.execute(sa.select(messages.c.id).where(messages.c.body == "once more")).first() is None


def test_put_aside_and_back(desk: Desk) -> None:
    ids = seed(desk.engine, desk.folder)
    agent = desk.browser("agent")

    def box(name: str) -> list[str]:
        with reading(desk.engine) as conn:
            return [one.id for one in threads.threads(conn, name, mine="agent:maria", now=desk.clock())]  # type: ignore[arg-type]

    agent.get(f"/desk/contacts/{ids['contact']}")
    agent.post(f"/desk/contacts/{ids['contact']}/snooze", {"until": "hour"})
    assert (box("mine"), box("aside")) == ([], [ids["contact"]])
    desk.clock.go_on(minutes=61)
    assert (box("mine"), box("aside")) == ([ids["contact"]], [])


def test_who_waits_longest_is_on_top(any_desk: Desk) -> None:
    with any_desk.engine.begin() as conn:
        made = []
        for minutes, direction in ((5, "in"), (50, "in"), (20, "out"), (1, "out")):
            at = NOW - timedelta(minutes=minutes)
            contact = contacts.start(conn, channel="sms", caller=f"+1555010{minutes:04}", called="us", at=at,
                                     served_by="queue")  # fmt: skip
            conn.execute(
                sa.insert(messages).values(id=f"m{minutes}", contact_id=contact, channel="sms", to="x", body="x",
                                           status="sent", next_at=at, created_at=at, direction=direction, meta={})
            )  # fmt: skip
            made.append(contact)
        shown = [one.id for one in threads.threads(conn, "queue", mine="agent:maria", now=NOW)]
    assert shown == [made[1], made[0], made[3], made[2]]


def test_a_customer_s_life_on_the_page(desk: Desk) -> None:
    agent = desk.browser("agent")
    path = agent.post("/desk/customers/new", {"name": "New Person"}).location
    agent.get(path)
    agent.post(f"{path}/identifiers", {"kind": "phone", "value": "555 010 2020", "proven": "yes"})
    agent.post(f"{path}/identifiers", {"kind": "phone", "value": "nonsense"})
    assert "phone:" in agent.get(path).text
    agent.post(f"{path}/details", {"name": "Nora New", "attribute.limit": "12.50", "attribute.postcode": "99999"})
    agent.post(f"{path}/details", {"attribute.limit": "much"})
    agent.post(f"{path}/notes", {"text": "called"})
    agent.post(f"{path}/cases", {"subject": "Broken meter"})
    agent.post(f"{path}/consent", {"channel": "sms", "consent": "withdrawn", "do_not_contact": "yes"})
    page = agent.get(path).text
    for shown in ("Nora New", "+15550102020", "12.50", "99999", "called", "Broken meter", "do not contact"):
        assert shown in page, shown
    with reading(desk.engine) as conn:
        person = customers.get(conn, path.rsplit("/", 1)[1])
        assert person.attributes == {"limit": 1250, "postcode": "99999"}
        assert [known.proof for known in person.identifiers] == ["agent"]
        actions = {entry.action for entry in audit.listed(conn, limit=20)}
    assert actions >= {"customer.added", "identifier.added", "customer.changed", "note.added", "case.opened",
                       "consent.noted", "customer.viewed"}  # fmt: skip
    case = page.split("/desk/cases/")[1].split('"')[0]
    for status in ("pending", "resolved", "reopened"):
        agent.post(f"/desk/cases/{case}/status", {"status": status, "reason": "because"})
    agent.post(f"/desk/cases/{case}/status", {"status": "open"})
    assert "meanwhile" in agent.get(f"/desk/cases/{case}").text


def test_merging_and_parting(desk: Desk) -> None:
    ids = seed(desk.engine, desk.folder)
    agent = desk.browser("agent")
    path = f"/desk/customers/{ids['customer']}"
    assert "Becomes part of it" in agent.get(f"{path}/merge?other={ids['other']}").text
    agent.post(f"{path}/merge", {"other": ids["other"]})
    assert agent.get(f"/desk/customers/{ids['other']}").location == path
    agent.post(f"{path}/merge", {"other": ids["other"]})
    assert "one person already" in agent.get(path).text
    with reading(desk.engine) as conn:
        merge = next(one for one in merging.history(conn, ids["customer"]) if one.absorbed_id == ids["other"])
    agent.post(f"/desk/merges/{merge.id}/undo")
    assert agent.get(f"/desk/customers/{ids['other']}").status_code == 200
