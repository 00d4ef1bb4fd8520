"""Who it is: taken, asked, proven, never guessed."""

from __future__ import annotations

import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import (
    contacts,
    customers,
    events,
    identifiers,
    merging,
    one_time_codes,
    recognition,
    verifying,
    webhooks,
)
from callcenter.db import reading, writing_quickly
from callcenter.tables import customers as customers_table
from callcenter.tables import messages, webhook_deliveries
from callcenter.tables import one_time_codes as codes_table

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PHONE = "+12025550143"


def call(conn: Connection, caller: str = PHONE, channel: str = "sip") -> tuple[str, recognition.Recognition]:
    contact = contacts.start(conn, channel=channel, caller=caller, called="100", at=NOW)
    return contact, recognition.recognise(conn, contact, channel=channel, address=caller, at=NOW)


def customer_of(conn: Connection, contact: str) -> str | None:
    row = contacts.get(conn, contact)
    assert row is not None
    found: str | None = row.customer_id
    return found


def test_an_unknown_caller_becomes_a_provisional_customer_and_is_known_by_text(engine: Engine) -> None:
    with engine.begin() as conn:
        first, found = call(conn)
        assert found.customer_id
        assert customers.get(conn, found.customer_id).provisional
        second, again = call(conn, channel="sms")
        assert again.customer_id == found.customer_id == customer_of(conn, first) == customer_of(conn, second)
        assert [known.proof for known in customers.get(conn, found.customer_id).identifiers] == ["caller_id"]


@pytest.mark.parametrize(
    ("channel", "caller"),
    [
        ("sip", "anonymous"),
        ("sip", ""),
        ("sip", "sip:alice@example.com"),
        ("email", "<>"),
        ("chat", "v1"),
        ("fax", "1"),
    ],
)
def test_who_cannot_be_told_is_nobody(engine: Engine, channel: str, caller: str) -> None:
    with engine.begin() as conn:
        contact, found = call(conn, caller, channel)
        assert found == recognition.Recognition(None, ())
        assert customer_of(conn, contact) is None


@pytest.mark.parametrize(
    ("channel", "address", "identifier"),
    [
        ("sip", "sip:+12025550143@carrier.example", ("phone", PHONE)),
        ("whatsapp", "whatsapp:+12025550143", ("phone", PHONE)),
        ("messenger", "778899", ("social", "messenger:778899")),
        ("email", "Ana@Example.com", ("email", "ana@example.com")),
    ],
)
def test_addresses_of_channels_are_identifiers(channel: str, address: str, identifier: tuple[str, str]) -> None:
    assert recognition.identifier_of(channel, address) == identifier


def shared_phone(conn: Connection) -> tuple[str, str]:
    ana = customers.create(conn, at=NOW, name="Ana", attributes={"postcode": "AB1 2CD"})
    ben = customers.create(conn, at=NOW, name="Ben", attributes={"postcode": "EF3 4GH"})
    for person, account in ((ana, "111"), (ben, "222")):
        identifiers.add(conn, person, "phone", PHONE, at=NOW, proof="caller_id")
        identifiers.add(conn, person, "account", account, at=NOW, proof="agent")
    return ana, ben


def test_a_shared_phone_waits_for_one_question(engine: Engine) -> None:
    with engine.begin() as conn:
        ana, ben = shared_phone(conn)
        contact, found = call(conn)
        assert found.customer_id is None
        assert customer_of(conn, contact) is None
        ids = [candidate.customer_id for candidate in found.candidates]
        assert sorted(ids) == sorted([ana, ben])
        assert recognition.candidates(conn, contact) == list(found.candidates)
        assert verifying.resolve(conn, ids, "account", "222") == ben
        assert verifying.resolve(conn, ids, "postcode", "ab12cd") == ana
        assert verifying.resolve(conn, ids, "postcode", "") is None
        assert verifying.resolve(conn, ids, "account", "333") is None
        assert verifying.resolve(conn, ids, "phone", PHONE) is None  # fits both
        assert verifying.resolve(conn, ids, "phone", "what?") is None
        recognition.settle(conn, contact, ben, proof="pin", at=NOW)
        assert customer_of(conn, contact) == ben
        assert [event.kind for event in events.of_contact(conn, contact)] == ["ambiguous", "identified"]
        # The PIN proved who called, not whose phone it is.
        assert {known.proof for known in identifiers.of_customers(conn, [ben]) if known.kind == "phone"} == {
            "caller_id"
        }


def test_an_agent_finds_a_provisional_customer_to_be_a_known_one(engine: Engine) -> None:
    with engine.begin() as conn:
        ana = customers.create(conn, at=NOW, name="Ana")
        contact, found = call(conn)
        recognition.settle(conn, contact, ana, proof="agent", by="agent:7", at=NOW)
        assert customer_of(conn, contact) == ana
        assert found.customer_id != ana
        _, again = call(conn)
        assert again.customer_id == ana  # the empty provisional record gave up the number


def test_a_provisional_customer_with_a_history_keeps_the_number(engine: Engine) -> None:
    with engine.begin() as conn:
        ana = customers.create(conn, at=NOW, name="Ana")
        call(conn)
        second, found = call(conn)
        recognition.settle(conn, second, ana, proof="agent", by="agent:7", at=NOW)
        _, again = call(conn)
        assert again.customer_id is None
        assert {candidate.customer_id for candidate in again.candidates} == {ana, found.customer_id}


def test_a_chat_visitor_who_proves_it_is_known_the_next_time(engine: Engine) -> None:
    with engine.begin() as conn:
        ana = customers.create(conn, at=NOW)
        contact, _ = call(conn, "visitor1", "chat")
        events.record(conn, contact, None, "said", {"text": "hello"}, NOW)
        recognition.settle(conn, contact, ana, proof="one_time_code", at=NOW)
        _, again = call(conn, "visitor1", "chat")
        assert again.customer_id == ana
        assert again.candidates[0].proof == "one_time_code"


def test_settling_what_is_unknown_is_an_error(engine: Engine) -> None:
    with engine.begin() as conn:
        contact, _ = call(conn)
        with pytest.raises(customers.UnknownCustomer):
            recognition.settle(conn, contact, "nobody", proof="agent", at=NOW)
        with pytest.raises(LookupError):
            recognition.candidates(conn, "nothing")


def test_two_first_contacts_at_once_make_one_customer(engine: Engine) -> None:
    def first(_: int) -> str | None:
        with engine.begin() as conn:
            return call(conn)[1].customer_id

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(first, range(6)))
    assert len(found) == 1
    with reading(engine) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(customers_table)).scalar_one() == 1


def issue(conn: Connection, at: datetime = NOW) -> tuple[str, str]:
    id = one_time_codes.issue(conn, "phone", PHONE, body="Your code is {code}.", at=at)
    body = conn.execute(sa.select(messages.c.body).where(messages.c.dedupe_key == f"code:{id}")).scalar_one()
    found = re.search(r"\d{6}", body)
    assert found
    return id, found[0]


def test_a_code_counts_once_within_its_time(engine: Engine) -> None:
    with engine.begin() as conn:
        id, code = issue(conn)
        assert not one_time_codes.check(conn, id, "", NOW)
        assert one_time_codes.check(conn, id, f"{code[:3]} {code[3:]}", NOW)
        assert not one_time_codes.check(conn, id, code, NOW)
        assert one_time_codes.address(conn, id) == ("phone", PHONE)
        late, code = issue(conn)
        assert not one_time_codes.check(conn, late, code, NOW + one_time_codes.LIFETIME)
        assert not one_time_codes.check(conn, "none", code, NOW)
        stored = conn.execute(sa.select(codes_table.c.digest)).scalars().all()
        assert all(code.encode() not in digest for digest in stored)


def test_guesses_are_counted_and_a_new_code_ends_the_old(engine: Engine) -> None:
    with engine.begin() as conn:
        old, old_code = issue(conn)
        id, code = issue(conn, NOW + timedelta(seconds=1))
        assert not one_time_codes.check(conn, old, old_code, NOW + timedelta(seconds=1))
        wrong = "000000" if code != "000000" else "111111"
        for _ in range(one_time_codes.GUESSES):
            assert not one_time_codes.check(conn, id, wrong, NOW + timedelta(seconds=1))
        assert not one_time_codes.check(conn, id, code, NOW + timedelta(seconds=1))


def test_nobody_gets_more_than_a_few_codes_an_hour(engine: Engine) -> None:
    with engine.begin() as conn:
        for _ in range(one_time_codes.PER_HOUR):
            issue(conn)
        with pytest.raises(one_time_codes.TooManyCodes):
            issue(conn)
        issue(conn, NOW + timedelta(hours=1, seconds=1))
        with pytest.raises(ValueError, match="account"):
            one_time_codes.issue(conn, "account", "1", body="{code}", at=NOW)
        with pytest.raises(ValueError, match="has no"):
            one_time_codes.issue(conn, "email", "a@b.example", body="hi", at=NOW)


def test_sent_codes_are_forgotten_when_they_no_longer_count(engine: Engine) -> None:
    with engine.begin() as conn:
        id, code = issue(conn)
        assert one_time_codes.forget(conn, NOW) == 0
        assert one_time_codes.forget(conn, NOW + one_time_codes.LIFETIME) == 0  # it hasn't left yet
        conn.execute(sa.update(messages).values(status="sent"))
        assert one_time_codes.forget(conn, NOW + one_time_codes.LIFETIME) == 1
        assert conn.execute(sa.select(messages.c.body)).scalar_one() == one_time_codes.HIDDEN
        assert one_time_codes.forget(conn, NOW + timedelta(days=2)) == 0
        assert conn.execute(sa.select(sa.func.count()).select_from(codes_table)).scalar_one() == 0
        assert not one_time_codes.check(conn, id, code, NOW)


def quickly(engine: Engine, caller: str = PHONE, channel: str = "sip") -> tuple[str, str | None]:
    """A call's contact as `SessionStore` begins it on the driver's own connection."""
    recogniser, writer, contact = recognition.CallRecogniser(engine), contacts.CallWriter(engine), uuid.uuid4().hex
    found = recognition.identifier_of(channel, caller)
    assert found
    with writing_quickly(engine) as driver:
        owner = recogniser.owner(driver, *found)
        writer.start(driver, contact, channel=channel, caller=caller, called="100", at=NOW, language="",
                     customer_id=owner)  # fmt: skip
        if owner is not None:
            recogniser.note(driver, contact, owner, found[0], NOW)
    return contact, owner


def told(conn: Connection, contact: str) -> list[object]:
    """What stands of a contact: whose it is, its events, and what webhooks heard."""
    bodies = [json.loads(body)["data"] for body in conn.execute(sa.select(webhook_deliveries.c.body)).scalars()]
    return [
        customer_of(conn, contact),
        [(fact.kind, fact.data, fact.at, fact.session_id) for fact in events.of_contact(conn, contact)],
        [body["customer_id"] for body in bodies if body["contact_id"] == contact],
    ]


def test_a_known_caller_is_recognised_quickly_as_otherwise(engine: Engine) -> None:
    with engine.begin() as conn:
        webhooks.subscribe(conn, "https://crm.example/hook", ["contact.identified"], at=NOW)
        slow, known = call(conn)
    quick, owner = quickly(engine)
    assert owner == known.customer_id
    with reading(engine) as conn:
        assert told(conn, quick) == told(conn, slow)
        assert told(conn, quick)[2] == [owner]


def test_a_merged_customers_calls_stay_its_own_quickly_as_otherwise(engine: Engine) -> None:
    with engine.begin() as conn:
        root, other = customers.create(conn, at=NOW, name="Ana"), customers.create(conn, at=NOW, name="A.")
        identifiers.add(conn, other, "phone", PHONE, at=NOW, proof="caller_id")
        merging.merge(conn, root, other, at=NOW, by="test")
        slow, known = call(conn)
    quick, owner = quickly(engine)
    assert (known.customer_id, owner) == (root, other)
    with reading(engine) as conn:
        assert customer_of(conn, quick) == customer_of(conn, slow) == other


def test_who_is_not_known_or_is_several_takes_the_whole_way(engine: Engine) -> None:
    assert quickly(engine)[1] is None
    with engine.begin() as conn:
        ana = customers.create(conn, at=NOW, name="Ana")
        identifiers.add(conn, ana, "phone", PHONE, at=NOW)  # nobody has called from there yet
    assert quickly(engine)[1] is None
    with engine.begin() as conn:
        assert call(conn)[1].customer_id == ana
    assert quickly(engine)[1] == ana
    with engine.begin() as conn:
        shared_phone(conn)
    assert quickly(engine)[1] is None
