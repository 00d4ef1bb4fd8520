"""Skills that a supervisor changes until the end of the day: they count at once, lapse by the clock, survive a loss."""

from __future__ import annotations

import pytest
import redis
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.db import reading
from callcenter.queues import journal
from callcenter.queues.base import UnknownAgent
from callcenter.queues.restore import restore
from callcenter.queues.router import Router
from callcenter.queues.store import Queues
from callcenter.tables import skills_today
from tests.queues.conftest import NOW, Clock

MIDNIGHT = NOW + 3600


def test_an_agent_gets_contacts_by_a_skill_for_today(queues: Queues, clock: Clock) -> None:
    router = Router(queues)
    queues.sign_in("cleo")  # knows nothing of billing
    queues.join("c1", "billing", channel="sip")
    assert router.once() == 0
    assert queues.change_skills("cleo", {"billing": 3}, until=MIDNIGHT, by="agent:sam")
    assert router.once() == 1
    assert [offer.agent_id for offer in queues.offers_of("cleo")] == ["cleo"]


def test_one_who_loses_a_skill_gets_none(queues: Queues) -> None:
    router = Router(queues)
    queues.sign_in("ana")
    queues.change_skills("ana", {"billing": 0}, until=MIDNIGHT)
    queues.join("c1", "billing", channel="sip")
    assert router.once() == 0
    ana = queues.agent("ana")
    assert ana is not None
    assert (dict(ana.skills), ana.skills_until) == ({}, MIDNIGHT)


def test_at_midnight_all_is_as_configured_with_nobody_doing_anything(queues: Queues, clock: Clock) -> None:
    router = Router(queues)
    queues.sign_in("ana")
    queues.change_skills("ana", {"billing": 1}, until=NOW + 30)
    queues.join("c1", "billing", channel="sip")
    assert router.once() == 0
    clock.sleep(29)
    assert router.once() == 0
    clock.sleep(1)
    ana = queues.agent("ana")
    assert ana is not None
    assert (dict(ana.skills), ana.skills_until) == ({"billing": 8}, 0)
    assert router.once() == 1  # the router that has been there all the time


def test_it_holds_when_the_agent_signs_out_and_in(queues: Queues) -> None:
    queues.change_skills("cleo", {"billing": 5}, until=MIDNIGHT)
    assert queues.agent("cleo") is None
    assert not queues.set_presence("cleo", "available")  # not signed in by that
    for _ in range(2):
        queues.sign_in("cleo")
        cleo = queues.agent("cleo")
        assert cleo is not None
        assert (cleo.skills["billing"], cleo.state, cleo.load) == (5, "idle", {})
        queues.sign_out("cleo")


def test_what_is_configured_is_no_change(queues: Queues) -> None:
    queues.sign_in("ana")
    assert not queues.change_skills("ana", {"billing": 8}, until=MIDNIGHT)
    assert queues.change_skills("ana", {"billing": 9}, until=MIDNIGHT)
    assert not queues.change_skills("ana", {"billing": 9}, until=MIDNIGHT)
    assert queues.change_skills("ana", {"billing": 8}, until=MIDNIGHT)  # back to what is configured
    ana = queues.agent("ana")
    assert ana is not None
    assert ana.skills_until == 0


def test_what_can_be_no_skill_is_refused(queues: Queues) -> None:
    for name, level in (("magic", 3), ("billing", 11), ("billing", -1)):
        with pytest.raises(ValueError, match=r"skill|level"):
            queues.change_skills("ana", {name: level}, until=MIDNIGHT)
    with pytest.raises(ValueError, match="to come"):
        queues.change_skills("ana", {"billing": 1}, until=NOW)
    with pytest.raises(UnknownAgent):
        queues.change_skills("nobody", {"billing": 1}, until=MIDNIGHT)


def test_what_the_store_lost_is_put_back_until_it_lapses(
    sqlite_engine: Engine, queues: Queues, client: redis.Redis, clock: Clock
) -> None:
    queues.sign_in("cleo")
    queues.change_skills("cleo", {"billing": 5}, until=MIDNIGHT, by="agent:sam")
    queues.change_skills("ben", {"billing": 1}, until=NOW + 10)
    queues.change_skills("ana", {"billing": 1}, until=MIDNIGHT)
    queues.change_skills("ana", {}, until=MIDNIGHT)  # taken back
    journal.drain(sqlite_engine, queues)
    with reading(sqlite_engine) as conn:
        assert conn.execute(sa.select(skills_today.c.agent).order_by("agent")).scalars().all() == ["ben", "cleo"]
    client.flushall()
    clock.sleep(20)
    restore(sqlite_engine, queues)
    cleo = queues.agent("cleo")
    assert cleo is not None
    assert (cleo.skills["billing"], cleo.skills_until) == (5, MIDNIGHT)
    assert "skills" not in queues.read("cw:agent:ben")
