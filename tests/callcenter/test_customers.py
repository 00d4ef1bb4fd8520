"""Customers, their typed attributes, notes, files, consent."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.engine import Engine

from callcenter import consent, contacts, customers, files, identifiers, merging, notes, recognition
from callcenter.attributes import AttributeProblem, Schema

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PHONE = "+12025550143"

SCHEMA = Schema.from_data(
    yaml.safe_load(
        """
        attributes:
          postcode: {type: text, label: Postcode, max_length: 8}
          tier: {type: choice, values: [basic, gold]}
          limit: {type: money}
          score: {type: number}
          vip: {type: boolean}
          visits: {type: integer}
          since: {type: date}
        """
    )
)


def test_attributes_are_checked_and_kept() -> None:
    given = {"postcode": " 12345 ", "tier": "gold", "limit": 5000, "score": 0.5, "vip": True, "visits": 3,
             "since": "2020-02-29"}  # fmt: skip
    assert SCHEMA.validate_values(given) == {**given, "postcode": "12345"}
    assert SCHEMA.validate_values({"tier": None}) == {"tier": None}


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"postcode": 12345}, "postcode"),
        ({"postcode": "123456789"}, "postcode"),
        ({"tier": "silver"}, "basic, gold"),
        ({"tier": ["gold"]}, "tier"),
        ({"limit": 1.5}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": 10**30}, "limit"),
        ({"score": float("nan")}, "score"),
        ({"vip": "yes"}, "vip"),
        ({"visits": "3"}, "visits"),
        ({"since": "2021-02-29"}, "YYYY-MM-DD"),
        ({"since": 20200101}, "YYYY-MM-DD"),
        ({"shoe_size": 42}, "no such attribute"),
    ],
)
def test_values_of_another_type_are_refused(values: dict[str, Any], what: str) -> None:
    with pytest.raises(AttributeProblem, match=what):
        SCHEMA.validate_values(values)


@pytest.mark.parametrize(
    "data",
    [
        {"attributes": {"x": {"type": "colour"}}},
        {"attributes": {"Bad Name": {"type": "text"}}},
        {"attributes": {"x": {"type": "choice"}}},
        {"attributes": {"x": {"type": "text", "max": 3}}},
        {"attributes": []},
        {"other": {}},
    ],
)
def test_a_schema_with_mistakes_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(AttributeProblem):
        Schema.from_data(data)


def test_every_mistake_is_named_at_once() -> None:
    with pytest.raises(AttributeProblem) as error:
        SCHEMA.validate_values({"tier": "silver", "vip": 1, "since": "2020-01-01"})
    assert len(error.value.problems) == 2


def test_a_customer_is_made_changed_and_read(engine: Engine) -> None:
    later = NOW + timedelta(hours=1)
    with engine.begin() as conn:
        ana = customers.create(conn, at=NOW, given_name="Ana", family_name="Ruiz", attributes={"tier": "gold"})
        identifiers.add(conn, ana, "account", "123", at=NOW)
        customers.update(conn, ana, at=later, language="es", attributes={"tier": None, "vip": True})
        person = customers.get(conn, ana)
        assert (person.name, person.language, person.attributes) == ("Ana Ruiz", "es", {"vip": True})
        assert (person.members, person.created_at, person.updated_at) == ((ana,), NOW, later)
        assert [known.value for known in person.identifiers] == ["123"]
        with pytest.raises(customers.UnknownCustomer):
            customers.get(conn, "nobody")
        with pytest.raises(customers.UnknownCustomer):
            customers.update(conn, "nobody", at=NOW, name="x")
        with pytest.raises(TypeError, match="shoe"):
            customers.update(conn, ana, at=NOW, shoe="x")


def test_people_are_listed_page_by_page_the_newest_first(engine: Engine) -> None:
    with engine.begin() as conn:
        ids = [customers.create(conn, at=NOW + timedelta(seconds=n // 3)) for n in range(7)]
        merging.merge(conn, ids[0], ids[6], by="agent:1", at=NOW)
        seen: list[str] = []
        before = None
        while page := customers.listed(conn, limit=2, before=before):
            seen += [person.id for person in page]
            before = (page[-1].created_at, page[-1].id)
        assert len(seen) == 6
        assert set(seen) == set(ids[:6])
        assert [customers.get(conn, id).created_at for id in seen] == sorted(
            (NOW + timedelta(seconds=n // 3) for n in range(6)), reverse=True
        )


def test_notes_are_kept_newest_first(engine: Engine) -> None:
    with engine.begin() as conn:
        ana = customers.create(conn, at=NOW)
        first = notes.add(conn, ana, " wants paper bills ", author="agent:1", at=NOW)
        second = notes.add(conn, ana, "moved", author="agent:2", at=NOW + timedelta(1), contact_id="c")
        assert notes.listed(conn, ana) == [second, first]
        assert first.text == "wants paper bills"
        assert notes.listed(conn, ana, before=(second.created_at, second.id)) == [first]
        with pytest.raises(ValueError, match="characters"):
            notes.add(conn, ana, "  ", author="agent:1", at=NOW)
        with pytest.raises(customers.UnknownCustomer):
            notes.add(conn, "nobody", "x", author="agent:1", at=NOW)


def test_files_are_registered_with_size_and_checksum(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"hello")
    with engine.begin() as conn:
        contact = contacts.start(conn, channel="email", caller="a@b.example", called="us@example.com", at=NOW)
        found = recognition.recognise(conn, contact, channel="email", address="a@b.example", at=NOW)
        id = files.keep(conn, path=path, name="../bill.pdf", media_type="application/pdf", contact_id=contact, at=NOW)
        (row,) = files.of_contact(conn, contact)
        assert (row.id, row.size, row.sha256) == (id, 5, hashlib.sha256(b"hello").hexdigest())
        assert found.customer_id
        assert [row.id for row in files.of_customer(conn, found.customer_id)] == [id]
        with pytest.raises(OSError, match="gone"):
            files.keep(conn, path=tmp_path / "gone", name="", media_type="", contact_id=contact, at=NOW)


def test_stop_and_start_hold_for_the_address_alone(engine: Engine) -> None:
    with engine.begin() as conn:
        assert consent.refusal(conn, "sms", PHONE) == ""
        consent.suppress(conn, "sms", "+1 202 555 0143", source="STOP", at=NOW)
        consent.suppress(conn, "sms", PHONE, source="STOP", at=NOW)
        assert consent.refusal(conn, "sms", PHONE) == "stopped"
        assert consent.refusal(conn, "whatsapp", PHONE) == ""
        assert consent.unsuppress(conn, "sms", PHONE)
        assert not consent.unsuppress(conn, "sms", PHONE)
        assert consent.refusal(conn, "sms", PHONE) == ""


def test_consent_is_per_customer_and_channel(engine: Engine) -> None:
    with engine.begin() as conn:
        ana, ben = customers.create(conn, at=NOW), customers.create(conn, at=NOW)
        for person in (ana, ben):
            identifiers.add(conn, person, "phone", PHONE, at=NOW)
        assert consent.refusal(conn, "sms", PHONE, needs_consent=True) == "no_consent"
        consent.put(conn, ana, "sms", consent="granted", source="call", at=NOW)
        assert consent.refusal(conn, "sms", PHONE, customer_id=ana, needs_consent=True) == ""
        assert consent.refusal(conn, "sms", PHONE, needs_consent=True) == "no_consent"  # the phone is Ben's, too
        consent.put(conn, ben, "sms", do_not_contact=True, source="agent:1", at=NOW)
        assert consent.refusal(conn, "sms", PHONE) == "do_not_contact"
        assert consent.refusal(conn, "sms", PHONE, customer_id=ana) == ""
        consent.put(conn, ana, "sms", consent="withdrawn", source="call", at=NOW)
        assert consent.refusal(conn, "sms", PHONE, customer_id=ana) == "withdrawn"


def test_of_merged_customers_the_stricter_decision_holds_until_a_new_one(engine: Engine) -> None:
    with engine.begin() as conn:
        ana, ben = customers.create(conn, at=NOW), customers.create(conn, at=NOW)
        consent.put(conn, ana, "sms", consent="granted", source="call", at=NOW)
        consent.put(conn, ben, "sms", consent="withdrawn", do_not_contact=True, source="text", at=NOW)
        merge = merging.merge(conn, ana, ben, by="agent:1", at=NOW + timedelta(1))
        assert (consent.of(conn, ben)["sms"].consent, consent.of(conn, ana)["sms"].do_not_contact) == (
            "withdrawn",
            True,
        )
        consent.put(conn, ben, "sms", consent="granted", do_not_contact=False, source="call", at=NOW + timedelta(2))
        assert (consent.of(conn, ana)["sms"].consent, consent.of(conn, ana)["sms"].do_not_contact) == ("granted", False)
        merging.undo(conn, merge, by="agent:1", at=NOW + timedelta(3))
        assert consent.of(conn, ben)["sms"].consent == "withdrawn"
