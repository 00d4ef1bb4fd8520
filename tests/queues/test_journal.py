"""The journal in the database: exactly once, whoever drains and whatever dies; and back from there."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from callcenter import contacts, customers, events, notes
from callcenter.acd.config import Config
from callcenter.acd.model import Proposal
from callcenter.db import reading
from callcenter.queues import journal, projection
from callcenter.queues.store import Queues
from callcenter.tables import messages, queue_entries
from tests.queues.conftest import Clock
from tests.queues.support import placed
from tests.valkey import Valkey

NUMBER = "+12025550143"


def kinds_stored(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return list(conn.execute(sa.text("SELECT kind FROM events ORDER BY id")).scalars())


def row(engine: Engine, contact: str) -> Any:
    with reading(engine) as conn:
        return conn.execute(sa.select(queue_entries).where(queue_entries.c.contact_id == contact)).one()


def drain(engine: Engine, queues: Queues, said: projection.Messages | None = None) -> int:
    return journal.drain(engine, queues, said)


def test_each_transition_is_one_event(engine: Engine, queues: Queues, clock: Clock) -> None:
    queues.join("c1", "billing", channel="sip", caller=NUMBER, data={"path": ["main.choose"]})
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("c1", "billing", "voice", ("ana",)))
    clock.sleep(4)
    queues.accept(offer)
    queues.connected(offer)
    assert drain(engine, queues) == 8
    assert drain(engine, queues) == 0
    stored = kinds_stored(engine)
    assert [kind for kind in stored if not kind.startswith("agent.")] == [
        "queue.joined", "offer.made", "offer.accepted", "offer.connected",
    ]  # fmt: skip
    with reading(engine) as conn:
        last = events.of_contact(conn, "c1")[-1]
    assert last.at == datetime.fromtimestamp(clock.now, UTC)
    assert (last.data["queue"], last.data["agent"], last.data["offer"], last.data["waited"]) == (
        "billing", "ana", offer, 4,
    )  # fmt: skip
    found = row(engine, "c1")
    assert (found.state, found.agent, found.offer, found.data["data"]) == (
        "connected", "ana", offer, {"path": ["main.choose"]},
    )  # fmt: skip
    queues.complete(offer)
    drain(engine, queues)
    assert row(engine, "c1").state == "done"


def test_several_drain_at_once(engine: Engine, queues: Queues) -> None:
    for number in range(500):
        queues.join(f"c{number}", "everybody", channel="chat")

    def drained() -> None:
        while True:
            with suppress(OperationalError):  # the lock was another's for too long
                journal.drain(engine, queues)
                return

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(drained) for _ in range(3)]:
            done.result()
    assert len(kinds_stored(engine)) == 500
    with reading(engine) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(queue_entries)).scalar_one() == 500


def test_a_drain_that_fails_half_way_has_written_nothing(
    sqlite_engine: Engine, queues: Queues, monkeypatch: pytest.MonkeyPatch
) -> None:
    queues.join("c1", "billing", channel="sip")
    with monkeypatch.context() as patch:
        patch.setattr(projection, "follow", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            drain(sqlite_engine, queues)
    assert kinds_stored(sqlite_engine) == []
    assert drain(sqlite_engine, queues) == 1


def test_drained_entries_are_trimmed_and_others_kept(
    sqlite_engine: Engine, queues: Queues, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "KEPT", 0)
    for number in range(300):
        queues.join(f"c{number}", "everybody", channel="chat")
    drain(sqlite_engine, queues)
    queues.join("new", "everybody", channel="chat")
    journal.trim(sqlite_engine, client)
    left = client.xlen("cw:journal")
    assert left < 150  # Redis trims whole nodes of the stream
    assert drain(sqlite_engine, queues) == 1


def test_a_tail_reads_on_from_where_it_was(queues: Queues, client: redis.Redis) -> None:
    queues.join("c1", "billing", channel="sip")
    tail = journal.Tail(client)
    assert tail.read() == []
    queues.join("c2", "billing", channel="sip")
    (fact,) = tail.read(block=1)
    assert (fact.kind, fact.contact, fact.queue, fact.data["channel"]) == ("queue.joined", "c2", "billing", "sip")
    assert tail.read() == []
    assert not tail.lost
    client.flushall()
    assert tail.read() == []
    assert tail.lost


def test_a_note_from_wrap_up_is_the_customers_and_not_in_the_log(engine: Engine, queues: Queues, clock: Clock) -> None:
    at = datetime.fromtimestamp(clock.now, UTC)
    with engine.begin() as conn:
        customer = customers.create(conn, at=at, name="Ana")
        contacts.start(conn, channel="sip", caller=NUMBER, called="100", at=at, contact_id="c1")
        conn.execute(sa.text("UPDATE contacts SET customer_id = :id"), {"id": customer})
    queues.join("c1", "billing", channel="sip")
    queues.sign_in("ana")
    (offer,) = queues.claim(Proposal("c1", "billing", "voice", ("ana",)))
    queues.connected(offer)
    queues.complete(offer)
    queues.wrapped_up("ana", offer, "paid", "Will move in May")
    drain(engine, queues)
    with reading(engine) as conn:
        (note,) = notes.listed(conn, customer)
        data = events.of_contact(conn, "c1")[-1].data
    assert (note.text, note.author, note.contact_id) == ("Will move in May", "agent:ana", "c1")
    assert data["code"] == "paid"
    assert "note" not in data


def test_those_who_werent_reached_are_texted_once(engine: Engine, queues: Queues, clock: Clock) -> None:
    queues.join("c1", "general", channel="sip", language="es")
    queues.request_callback("c1", NUMBER)
    queues.sign_in("ana")
    said: list[tuple[str, str, str]] = []

    def text(kind: str, queue: str, language: str) -> str:
        said.append((kind, queue, language))
        return f"{kind}!"

    for _ in range(2):
        (offer,) = queues.claim(Proposal("c1", "general", "voice", ("ana",), absent=True))
        queues.callback_tried(offer, "machine")
        drain(engine, queues, text)
        clock.sleep(601)
    assert ("tried", "general", "es") in said
    with reading(engine) as conn:
        sent = list(conn.execute(sa.select(messages.c.to, messages.c.body).order_by(messages.c.id)))
    assert sent == [(NUMBER, "tried!"), (NUMBER, "failed!")]
    assert (row(engine, "c1").callback, row(engine, "c1").attempts) == ("failed", 2)


def test_a_killed_server_comes_back_with_everything(mortal_valkey: Valkey, config: Config, clock: Clock) -> None:
    with mortal_valkey.client() as client:
        queues = Queues(client, config, clock)
        epoch = queues.epoch()
        queues.sign_in("ana")
        for number in range(50):
            queues.join(f"c{number}", "billing", channel="sip", joined_at=clock.now + number)
        (offer,) = queues.claim(Proposal("c0", "billing", "voice", ("ana",)))
        mortal_valkey.kill()
        with pytest.raises(redis.RedisError):
            queues.place("c1")
        mortal_valkey.start()
        assert queues.epoch() == epoch
        assert placed(queues, "c49").position == 50
        assert queues.accept(offer)
        assert queues.connected(offer)
