"""What customers write is stored once, in the right contact, with its files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import contacts, events, files, webhooks
from callcenter.db import reading
from callcenter.files import Limits
from callcenter.messages.inbound import (
    Inbound,
    InboundFile,
    Received,
    carry_over,
    handle,
    handle_all,
    left,
    receive,
    unhandled,
)
from callcenter.tables import contacts as contacts_table
from callcenter.tables import customers, messages, webhook_deliveries

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
DANA, US = "+12025550143", "+12025550100"


def text(words: str = "hi", **more: Any) -> Inbound:
    return Inbound(**{"channel": "sms", "sender": DANA, "to": US, "text": words, "provider_id": "", **more})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "files"


def take(engine: Engine, folder: Path, inbound: Inbound, at: datetime = NOW, **more: Any) -> Received:
    with engine.begin() as conn:
        return receive(conn, inbound, at, region="US", files_dir=folder, **more)


def rows(engine: Engine, table: sa.Table) -> list[Any]:
    with reading(engine) as conn:
        return list(conn.execute(sa.select(table)))


def facts(engine: Engine, contact_id: str, kind: str) -> list[Any]:
    with reading(engine) as conn:
        return [dict(event.data) for event in events.of_contact(conn, contact_id) if event.kind == kind]


def test_a_message_begins_a_contact_with_whoever_wrote_it(engine: Engine, folder: Path) -> None:
    got = take(engine, folder, text("Hello", provider_id="SM1"))
    (contact,), (message,), (customer,) = rows(engine, contacts_table), rows(engine, messages), rows(engine, customers)
    assert (got.started, got.duplicate) == (True, False)
    assert (contact.channel, contact.caller, contact.called, contact.served_by) == ("sms", DANA, US, "flow")
    assert contact.customer_id == customer.id
    assert (message.id, message.contact_id) == (got.message_id, got.contact_id)
    assert (message.direction, message.author, message.status, message.body) == ("in", "customer", "received", "Hello")
    assert facts(engine, got.contact_id, "message_received") == [{"message": message.id, "channel": "sms", "files": 0}]


def test_the_same_message_comes_once(engine: Engine, folder: Path) -> None:
    """Carriers repeat what they aren't sure of, at once and from several threads."""
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda _: take(engine, folder, text(provider_id="SM1")), range(8)))
    assert len({(one.message_id, one.contact_id) for one in got}) == 1
    assert sorted(one.duplicate for one in got) == [False] + [True] * 7
    assert len(rows(engine, messages)) == len(rows(engine, contacts_table)) == 1
    assert not take(engine, folder, text(provider_id="SM1", channel="whatsapp")).duplicate


def test_two_at_once_begin_one_thread(engine: Engine, folder: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda n: take(engine, folder, text(provider_id=f"SM{n}")), range(8)))
    assert sum(one.started for one in got) == 1
    assert len({one.contact_id for one in got}) == 1


def test_a_thread_ends_with_its_contact(engine: Engine, folder: Path) -> None:
    first = take(engine, folder, text())
    assert take(engine, folder, text(sender="(202) 555-0143")).contact_id == first.contact_id
    assert take(engine, folder, text(sender="+12025550144")).started
    with engine.begin() as conn:
        contacts.end(conn, first.contact_id, outcome="completed", at=NOW)
    later = take(engine, folder, text(), NOW + timedelta(minutes=1))
    assert later.started
    # The channel may know better which one it continues; one that has ended is named.
    mail = {"channel": "email", "sender": "dana@example.com", "to": "help@example.com"}
    one, other = take(engine, folder, text(**mail)), take(engine, folder, text(**mail, thread="unknown"))
    assert one.contact_id == other.contact_id
    with engine.begin() as conn:
        contacts.end(conn, one.contact_id, outcome="completed", at=NOW)
    third = take(engine, folder, text(**mail))
    assert take(engine, folder, text(**mail, thread=third.contact_id)).contact_id == third.contact_id
    fourth = take(engine, folder, text(**mail, thread=one.contact_id))
    assert fourth.started
    assert facts(engine, fourth.contact_id, "continues") == [{"contact": one.contact_id}]


def test_card_numbers_land_nowhere(engine: Engine, folder: Path) -> None:
    webhook = "https://example.com/hook"
    with engine.begin() as conn:
        webhooks.subscribe(conn, webhook, ["message.received"], NOW)
    card = "4242424242424242"
    file = InboundFile(f"{card}.txt", "text/plain", b"hello")
    refused = InboundFile(f"{card}.exe", "text/plain", b"hello")
    take(engine, folder, text(f"card 4242 4242 4242 4242, {card}", subject=card, html=f"<b>{card}</b>",
                              files=(file, refused)))  # fmt: skip
    stored = [str(tuple(row)) for table in messages.metadata.sorted_tables for row in rows(engine, table)]
    assert not [row for row in stored if card in row or "4242 4242" in row]
    (message,) = rows(engine, messages)
    assert message.body == "card •••• •••• •••• ••••, ••••••••••••••••"
    (delivery,) = rows(engine, webhook_deliveries)
    assert message.id in delivery.body


def test_files_are_kept_or_named(engine: Engine, folder: Path) -> None:
    photo = InboundFile("../../etc/meter.jpg", "image/jpeg; name=x", b"\xff\xd8" * 10)
    refused = (
        InboundFile("big.pdf", "application/pdf", b"x" * 101),
        InboundFile("run.EXE", "image/png", b"MZ"),
        InboundFile("page.picture", "image/svg+xml", b"<svg/>"),
        InboundFile("nothing.png", "image/png", b""),
    )
    more = tuple(InboundFile(f"{n}.png", "image/png", b"x") for n in range(3))
    got = take(engine, folder, text("", files=(photo, *refused, *more), refused=(("film.mov", "not fetched"),)),
               limits=Limits(size=100, count=3))  # fmt: skip
    with reading(engine) as conn:
        kept: list[Any] = list(files.of_contact(conn, got.contact_id))
    largest = max(kept, key=lambda row: row.size)
    assert (largest.name, largest.media_type, largest.size) == ("meter.jpg", "image/jpeg", 20)
    assert {row.message_id for row in kept} == {got.message_id}
    assert all(Path(row.path).read_bytes() and Path(row.path).is_relative_to(folder) for row in kept)
    named = {(fact["name"], fact["why"]) for fact in facts(engine, got.contact_id, "file_refused")}
    assert named == {("big.pdf", "too_large"), ("run.EXE", "program"), ("page.picture", "type"),
                     ("nothing.png", "empty"), ("2.png", "too_many"), ("film.mov", "not fetched")}  # fmt: skip
    assert facts(engine, got.contact_id, "message_received")[0]["files"] == 3


def test_a_message_is_handled_once(engine: Engine, folder: Path) -> None:
    got = [take(engine, folder, text(str(n)), NOW + timedelta(seconds=n // 2)) for n in range(4)]
    with engine.begin() as conn:
        assert [row.body for row in unhandled(conn, got[0].contact_id)] == ["0", "1", "2", "3"]
        assert handle(conn, got[0].message_id, NOW)
        assert not handle(conn, got[0].message_id, NOW)
        assert left(conn, NOW + timedelta(seconds=1)) == [got[1].message_id]
        contacts.set_served_by(conn, got[0].contact_id, "agent:ana", NOW)
        assert left(conn, NOW + timedelta(hours=1)) == []
        assert handle_all(conn, got[0].contact_id, NOW) == 3
        assert not unhandled(conn, got[0].contact_id)


def test_a_message_moves_on_with_its_files(engine: Engine, folder: Path) -> None:
    """Its contact ended while it came."""
    got = take(engine, folder, text(files=(InboundFile("a.png", "image/png", b"x"),)))
    with engine.begin() as conn:
        contacts.end(conn, got.contact_id, outcome="completed", at=NOW)
        moved = carry_over(conn, got.message_id, NOW)
        assert moved != got.contact_id
        assert [row.id for row in unhandled(conn, moved)] == [got.message_id]
        assert len(files.of_contact(conn, moved)) == 1
        assert contacts.open_thread(conn, "sms", DANA) is not None


@pytest.mark.parametrize(
    "wrong", [{"channel": "fax"}, {"sender": ""}, {"sender": "a\nb"}, {"sender": "x" * 400, "channel": "chat"}]
)
def test_what_is_no_message_is_refused(sqlite_engine: Engine, folder: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"channel|sender"):
        take(sqlite_engine, folder, text(**wrong))


def test_odd_text_is_stored(engine: Engine, folder: Path) -> None:
    got = take(engine, folder, text("a\0b" + "x" * 200_000, subject="s\0"))
    (message,) = rows(engine, messages)
    assert message.body.startswith("abx")
    assert len(message.body) == 100_000
    assert facts(engine, got.contact_id, "message_received")[0]["cut"]
