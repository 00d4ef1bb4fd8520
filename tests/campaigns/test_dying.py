"""Each person once, whoever dies: several processes, leases, the store, the journal."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
import sqlalchemy as sa

from callcenter.campaigns import people
from callcenter.db import reading
from callcenter.queues import journal, restore
from callcenter.tables import events
from tests.campaigns.conftest import ANA, Desk
from tests.campaigns.support import audited

Another = Callable[[Desk], Desk]


def _die(*arguments: object, **named: object) -> None:
    raise KeyboardInterrupt


def test_of_two_processes_that_read_the_same_row_one_changes_it(desks: Desk) -> None:
    desks.put(ANA)
    read = desks.row()
    with desks.engine.begin() as conn:
        assert people.lease(conn, read, "one", desks.now)
        assert not people.lease(conn, read, "two", desks.now)
    leased = desks.row()
    assert leased.contact_id == "one"
    with desks.engine.begin() as conn:
        assert people.finish(conn, leased, people.REACHED, desks.now)
        assert not people.finish(conn, leased, people.CANCELLED, desks.now)
        assert not people.again(conn, leased, desks.now, desks.now)
        people.tried(conn, leased, "busy", desks.now, most=3, spacing=1)
    assert desks.state() == ("done", "reached", 0)


def test_two_processes_feed_and_dial_nobody_twice(desks: Desk, another: Another) -> None:
    numbers = [f"+1212555{number}" for number in range(1000, 1012)]
    desks.put(*numbers)
    for agent in ("ana", "ben", "cleo"):
        desks.queues.sign_in(agent)
    both = [desks, another(desks), another(desks)]
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda one: one.feeder.once(), both))
    assert sum(made) == 2  # Cleo lacks the skill
    desks.drain()
    assert len(desks.due()) == sum(made)
    assert [row.state for row in desks.rows().values()].count("queued") == sum(made)
    with reading(desks.engine) as conn:
        joined = conn.execute(sa.select(events.c.contact_id).where(events.c.kind == "queue.joined")).scalars().all()
    assert len(set(joined)) == len(joined) == sum(made)
    assert audited(desks) == []


def test_a_process_that_died_after_the_lease_leaves_nobody(
    desk: Desk, another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")

    def killed(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(desk.feeder, "_join", killed)
    with pytest.raises(KeyboardInterrupt):
        desk.feeder.once()
    assert desk.state()[0] == "queued"
    assert desk.due() == []
    other = another(desk)
    assert other.fed() == 0  # the other one may be joining at this moment
    desk.clock.sleep(11)
    other.fed()
    assert [proposal.contact_id for proposal in desk.due()] == [desk.row().contact_id]
    assert audited(desk) == []


def test_a_process_that_died_after_joining_and_wakes_again_calls_nobody_twice(desk: Desk) -> None:
    """The join is repeated when the call is over already."""
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    desk.talks(desk.offered())
    desk.feeder._join(desk.lists(), desk.row(), desk.campaign)
    assert desk.due() == []
    assert desk.state() == ("done", "reached", 1)
    assert audited(desk) == []


def test_a_call_whose_process_died_while_dialling_is_made_again(desk: Desk) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    offer = desk.offered()
    desk.queues.refuse(offer, "expired")
    desk.drain()
    assert desk.state()[0] == "queued"
    desk.clock.sleep(60)
    desk.talks(desk.offered())
    assert desk.state() == ("done", "reached", 1)
    assert audited(desk) == []


def test_what_the_store_lost_is_put_back_behind_inbound_callers(desk: Desk, client: redis.Redis) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    contact = desk.row().contact_id
    client.flushall()
    desk.clock.sleep(100)
    desk.drain()
    assert restore.restore(desk.engine, desk.queues) == 1
    desk.fed()
    entry = desk.queues.entry(contact)
    assert (entry["priority"], entry["leg"]) == ("-1", "absent")
    assert desk.due() == []  # somebody may be dialling, and has a moment to say so
    desk.clock.sleep(desk.queues.timing.kept)
    desk.queues.callback_tried(desk.offered(), "busy")
    desk.drain()
    assert desk.state() == ("waiting", "busy", 1)
    assert audited(desk) == []


def test_the_journal_is_followed_once_whoever_dies(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.fed()
    desk.queues.callback_tried(desk.offered(), "busy")
    with monkeypatch.context() as dying:
        dying.setattr(people, "tried", _die)
        with pytest.raises(KeyboardInterrupt):
            desk.drain()
    assert desk.state() == ("queued", "", 0)
    desk.drain()
    journal.drain(desk.engine, desk.queues)
    assert desk.state() == ("waiting", "busy", 1)
