"""Merging and undoing: no history is lost, doubled or left with the wrong person."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from sqlalchemy.engine import Connection, Engine

from callcenter import cases, contacts, customers, events, identifiers, merging, notes, recognition, timeline
from callcenter.tables import customers as customers_table

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def person(conn: Connection, name: str, phone: str) -> str:
    id = customers.create(conn, at=NOW, name=name)
    identifiers.add(conn, id, "phone", phone, at=NOW, proof="caller_id")
    return id


def call(conn: Connection, phone: str, at: datetime = NOW) -> str:
    contact = contacts.start(conn, channel="sip", caller=phone, called="100", at=at)
    recognition.recognise(conn, contact, channel="sip", address=phone, at=at)
    return contact


def contacts_of(conn: Connection, customer_id: str) -> list[str]:
    found = timeline.page(conn, customer_id, limit=200)
    return [entry.id for entry in found.entries if entry.kind == "contact"]


def test_both_histories_are_one_and_come_apart_again(engine: Engine) -> None:
    ana_phone, ben_phone = "+12025550101", "+12025550102"
    with engine.begin() as conn:
        ana, ben = person(conn, "Ana", ana_phone), person(conn, "", ben_phone)
        customers.update(conn, ben, at=NOW, language="es", attributes={"tier": "gold"})
        before = customers.get(conn, ana), customers.get(conn, ben)
        first = [call(conn, ana_phone), call(conn, ben_phone)]
        merge = merging.merge(conn, ana, ben, by="agent:1", at=NOW)
        both = customers.get(conn, ben)
        assert both == customers.get(conn, ana)
        assert (both.id, both.name, both.language, dict(both.attributes)) == (ana, "Ana", "es", {"tier": "gold"})
        assert {known.value for known in both.identifiers} == {ana_phone, ben_phone}
        # New contacts come by either number while they are merged.
        later = NOW + timedelta(hours=1)
        new = [call(conn, ana_phone, later), call(conn, ben_phone, later)]
        assert set(contacts_of(conn, ana)) == {*first, *new}
        undone = merging.undo(conn, merge, by="agent:2", at=later)
        assert (undone.undone_by, undone.undone_at) == ("agent:2", later)
        assert (customers.get(conn, ana), customers.get(conn, ben)) == before
        assert contacts_of(conn, ana) == [new[0], first[0]]
        assert contacts_of(conn, ben) == [new[1], first[1]]
        assert [line.id for line in merging.history(conn, ben)] == [merge]


def test_what_is_written_meanwhile_goes_with_its_contact(engine: Engine) -> None:
    """A case that a call opened, and notes on either, are the caller's when the two are parted again."""
    with engine.begin() as conn:
        ana, ben = person(conn, "Ana", "+12025550101"), person(conn, "Ben", "+12025550102")
        merge = merging.merge(conn, ana, ben, by="agent:1", at=NOW)
        contact = call(conn, "+12025550102")
        case = cases.open_case(conn, ana, "Moving", by="flow", at=NOW, contact_id=contact)
        written = [
            notes.add(conn, ana, "on the call", author="x", at=NOW, contact_id=contact),
            notes.add(conn, ana, "on the case", author="x", at=NOW, case_id=case.id),
        ]
        free = notes.add(conn, ben, "of nothing", author="x", at=NOW)
        merging.undo(conn, merge, by="agent:1", at=NOW)
        assert [found.id for found in cases.unresolved(conn, ben)] == [case.id]
        assert cases.unresolved(conn, ana) == []
        assert {note.id for note in notes.listed(conn, ben)} == {note.id for note in written}
        assert [note.id for note in notes.listed(conn, ana)] == [free.id], "Ana stood for both"
        stranger = person(conn, "Eve", "+12025550103")
        assert cases.open_case(conn, stranger, "x", by="api", at=NOW, contact_id=contact).customer_id == stranger


def test_merges_are_undone_in_any_order(sqlite_engine: Engine) -> None:
    for order in itertools.permutations(range(3)):
        with sqlite_engine.begin() as conn:
            people = [customers.create(conn, at=NOW, name=str(n)) for n in range(4)]
            done = [
                merging.merge(conn, people[0], people[1], by="x", at=NOW),
                merging.merge(conn, people[2], people[3], by="x", at=NOW),
                merging.merge(conn, people[3], people[1], by="x", at=NOW),
            ]
            assert {customers.root(conn, id) for id in people} == {people[2]}
            for step in order:
                merging.undo(conn, done[step], by="x", at=NOW)
            assert [customers.root(conn, id) for id in people] == people


def test_a_weak_identifier_merges_nobody(engine: Engine) -> None:
    mail = ("email", "a@b.example")
    with engine.begin() as conn:
        ana, ben = customers.create(conn, at=NOW), customers.create(conn, at=NOW)
        identifiers.add(conn, ana, *mail, at=NOW, proof="one_time_code")
        identifiers.add(conn, ben, *mail, at=NOW, proof="caller_id")
        with pytest.raises(merging.WeakIdentifier):
            merging.merge(conn, ana, ben, by="chat", at=NOW, identifier=mail)
        assert customers.root(conn, ben) == ben
        identifiers.add(conn, ben, *mail, at=NOW, proof="pin")
        merge = merging.merge(conn, ana, ben, by="chat", at=NOW, identifier=mail)
        assert merging.get(conn, merge).because == {"kind": "email", "value": "a@b.example"}


def test_what_cannot_be_merged_or_undone_is_refused(engine: Engine) -> None:
    with engine.begin() as conn:
        ana, ben = customers.create(conn, at=NOW), customers.create(conn, at=NOW)
        with pytest.raises(merging.NotMergeable, match="already"):
            merging.merge(conn, ana, ana, by="x", at=NOW)
        with pytest.raises(merging.NotMergeable, match="decided"):
            merging.merge(conn, ana, ben, by=" ", at=NOW)
        with pytest.raises(customers.UnknownCustomer):
            merging.merge(conn, ana, "nobody", by="x", at=NOW)
        merge = merging.merge(conn, ana, ben, by="x", at=NOW)
        with pytest.raises(merging.NotMergeable, match="already"):
            merging.merge(conn, ben, ana, by="x", at=NOW)
        merging.undo(conn, merge, by="x", at=NOW)
        with pytest.raises(merging.NotMergeable, match="undone"):
            merging.undo(conn, merge, by="x", at=NOW)
        with pytest.raises(LookupError):
            merging.undo(conn, "nothing", by="x", at=NOW)


def test_a_merge_that_fails_half_way_has_not_happened(engine: Engine) -> None:
    with engine.begin() as conn:
        ana, ben = customers.create(conn, at=NOW), customers.create(conn, at=NOW)
    with engine.connect() as conn:
        transaction = conn.begin()
        merging.merge(conn, ana, ben, by="x", at=NOW)
        transaction.rollback()
    with engine.begin() as conn:
        assert customers.root(conn, ben) == ben
        assert merging.history(conn, ben) == []


class Histories(RuleBasedStateMachine):
    """Any sequence of merges, undos and new contacts, against a model: who belongs together, and who called. Some
    share a number, so that their contacts wait for nobody until they are merged."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.conn = self.engine.connect()
        self.transaction = self.conn.begin()
        self.minute = 0
        self.people: list[str] = []
        self.phones: dict[str, list[str]] = {}
        self.own: dict[str, list[str]] = {}  # contacts by the customer whose number they came by
        self.open: list[str] = []  # contacts with nobody
        self.edges: dict[str, tuple[str, str]] = {}  # standing merges
        for _ in range(3):
            self.somebody_new()

    def teardown(self) -> None:
        self.transaction.rollback()
        self.conn.close()

    def now(self) -> datetime:
        self.minute += 1
        return NOW + timedelta(minutes=self.minute)

    def group(self, member: str) -> frozenset[str]:
        found, todo = set(), [member]
        while todo:
            one = todo.pop()
            found.add(one)
            todo += [other for edge in self.edges.values() if one in edge for other in edge if other not in found]
        return frozenset(found)

    @precondition(lambda self: len(self.people) < 6)
    @rule()
    def somebody_new(self) -> None:
        phone = f"+1202555{1000 + len(self.people)}"
        id = person(self.conn, f"person {len(self.people)}", phone)
        self.people.append(id)
        self.phones[id] = [phone]
        self.own[id] = []

    @rule(data=st.data())
    def a_number_is_shared(self, data: st.DataObject) -> None:
        one, other = (data.draw(st.sampled_from(self.people)) for _ in range(2))
        phone = self.phones[one][0]
        identifiers.add(self.conn, other, "phone", phone, at=self.now())
        if phone not in self.phones[other]:
            self.phones[other].append(phone)

    @rule(data=st.data())
    def somebody_calls(self, data: st.DataObject) -> None:
        who = data.draw(st.sampled_from(self.people))
        phone = self.phones[who][0]
        at = self.now()
        contact = call(self.conn, phone, at)
        events.record(self.conn, contact, None, "chose", {"key": "1"}, at)
        row = contacts.get(self.conn, contact)
        assert row is not None
        holders = [id for id in self.people if phone in self.phones[id]]
        if len({self.group(id) for id in holders}) > 1:
            assert row.customer_id is None
            self.open.append(contact)
            return
        assert row.customer_id in holders
        notes.add(self.conn, who, "called", author="x", at=at, contact_id=contact)
        self.own[row.customer_id].append(contact)

    @rule(data=st.data())
    def two_are_merged(self, data: st.DataObject) -> None:
        one, other = (data.draw(st.sampled_from(self.people)) for _ in range(2))
        if other in self.group(one):
            with pytest.raises(merging.NotMergeable):
                merging.merge(self.conn, one, other, by="x", at=self.now())
            return
        made = merging.get(self.conn, merging.merge(self.conn, one, other, by="x", at=self.now()))
        self.edges[made.id] = (made.survivor_id, made.absorbed_id)

    @precondition(lambda self: self.edges)
    @rule(data=st.data())
    def a_merge_is_undone(self, data: st.DataObject) -> None:
        merge = data.draw(st.sampled_from(sorted(self.edges)))
        one, other = self.edges.pop(merge)
        merging.undo(self.conn, merge, by="x", at=self.now())
        assert customers.get(self.conn, other).id == other
        assert other not in customers.get(self.conn, one).members

    @invariant()
    def every_event_is_with_one_person_once(self) -> None:
        seen: Counter[str] = Counter()
        for root in {customers.root(self.conn, id) for id in self.people}:
            members = set(customers.get(self.conn, root).members)
            assert members == self.group(root)
            entries = timeline.page(self.conn, root, limit=200).entries
            assert {entry.id for entry in entries} == {contact for id in members for contact in self.own[id]}
            for entry in entries:
                seen[entry.id] += 1
                assert [detail.data["key"] for detail in entry.details if detail.name == "chose"] == ["1"]
                assert sum(detail.kind == "note" for detail in entry.details) == 1
        assert seen == Counter(contact for own in self.own.values() for contact in own)
        assert not seen.keys() & set(self.open)

    @invariant()
    def the_roots_are_where_the_pointers_lead(self) -> None:
        rows = {row.id: row for row in self.conn.execute(sa.select(customers_table))}
        for row in rows.values():
            end = row
            while end.merged_into is not None:
                end = rows[end.merged_into]
            assert row.root_id == end.id

    @rule()
    def undoing_all_restores_all(self) -> None:
        with self.conn.begin_nested() as savepoint:
            for merge in reversed(self.edges):
                merging.undo(self.conn, merge, by="x", at=NOW)
            for id in self.people:
                assert contacts_of(self.conn, id) == list(reversed(self.own[id]))
                assert {known.value for known in customers.get(self.conn, id).identifiers} == set(self.phones[id])
            savepoint.rollback()


@pytest.fixture
def machine(sqlite_engine: Engine) -> type[Histories]:
    Histories.engine = sqlite_engine
    return Histories


def test_any_sequence_of_merges_undos_and_contacts(machine: type[Histories]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(max_examples=25, stateful_step_count=15, suppress_health_check=list(HealthCheck)),
    )
