"""The draw: fair, the same for everybody, and what stands out."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import Engine

from callcenter import contacts
from callcenter import quality_sampling as sampling
from callcenter.db import reading
from callcenter.quality_sampling import Talk, Week, assigned, drawn, form_for, lot, talks, week, week_of
from tests.databases import database_url, engine, sqlite_engine
from tests.postgres import postgres
from tests.quality.support import MONDAY, file, talked, week_of_talks

__all__ = ["database_url", "engine", "postgres", "sqlite_engine"]
W47 = Week(2026, 47, UTC)
NOW = datetime(2026, 11, 25, 10, 0, tzinfo=UTC)


def made(count: int, agent: str = "maria") -> list[Talk]:
    return [Talk(f"{number:032x}", MONDAY, "sip", "billing", agent, 100.0) for number in range(count)]


def test_weeks_are_the_companys() -> None:
    madrid = ZoneInfo("Europe/Madrid")
    late = datetime(2026, 11, 15, 23, 30, tzinfo=UTC)  # Monday in Madrid
    assert (week_of(late, UTC).name, week_of(late, madrid).name) == ("2026-W46", "2026-W47")
    assert Week(2026, 47, madrid).begin == datetime(2026, 11, 15, 23, 0, tzinfo=UTC)
    assert Week(2026, 13, madrid).end - Week(2026, 13, madrid).begin == timedelta(days=7, hours=-1)  # clocks go forward


@pytest.mark.parametrize("text", ["", "2026-W99", "x", "2027-W01", "0001-W01", "99999-W01", "2026-Wx", "2026"])
def test_a_week_that_can_not_be_meant_is_the_last_one(text: str) -> None:
    assert week(text, NOW, UTC).name == "2026-W47"
    assert week("2026-W40", NOW, UTC).name == "2026-W40"


def test_of_each_agent_as_many_whoever_draws() -> None:
    everything = made(40) + made(5, "tom") + made(1, "zoe")
    chosen = drawn(everything, W47, 3)
    assert Counter(talk.agent for talk in chosen) == {"maria": 3, "tom": 3, "zoe": 1}
    assert drawn(reversed(everything), W47, 3) == chosen
    assert drawn(everything, Week(2026, 46, UTC), 3) != chosen
    assert drawn(everything, W47, 0) == []


def test_the_draw_is_fair() -> None:
    """Over many weeks each of ten conversations is drawn about as often: within five standard deviations."""
    weeks, everything = 2000, made(10)
    counted = Counter(
        talk.contact_id for number in range(weeks) for talk in drawn(everything, Week(number, 1, UTC), 2)
    )  # fmt: skip
    expected, deviation = weeks * 0.2, (weeks * 0.2 * 0.8) ** 0.5
    assert all(abs(counted[talk.contact_id] - expected) < 5 * deviation for talk in everything)


def test_a_lot_can_be_computed_by_anybody() -> None:
    # printf '2026-W47 maria abc' | sha256sum
    assert lot("2026-W47", "maria", "abc") == ("f4588dc4b7f9266e9cea4cdf8ed5fbedb59f3c7631aa3f6ad8b8d3ff16463c34")


def test_who_leaves_takes_only_their_share_along() -> None:
    judges: dict[str, str | None] = {"sam": None, "sue": None, "pat": None}
    before = {talk.contact_id: assigned(talk, W47, judges) for talk in made(90)}
    after = {talk.contact_id: assigned(talk, W47, dict.fromkeys(("sam", "pat"))) for talk in made(90)}
    assert all(after[id] == who for id, who in before.items() if who != "sue")
    assert min(Counter(before.values()).values()) > 15


def test_nobody_gets_their_own() -> None:
    assert {assigned(talk, W47, {"u1": "maria", "u2": None}) for talk in made(20)} == {"u2"}
    assert assigned(made(1)[0], W47, {"u1": "maria"}) is None


def test_a_weeks_conversations(engine: Engine) -> None:
    with engine.begin() as conn:
        ids = week_of_talks(conn)
        talked(conn, "maria", MONDAY - timedelta(days=1))
        talked(conn, "maria", MONDAY + timedelta(days=7))
        contacts.start(conn, channel="sip", caller="1", called="2", at=MONDAY)  # nobody talked
    with reading(engine) as conn:
        found = talks(conn, W47)
    assert {talk.contact_id for talk in found} == set(ids)
    assert {(talk.queue, talk.channel, talk.talked, talk.stands_out) for talk in found} == {("billing", "sip", 100, ())}


def test_what_stands_out(engine: Engine) -> None:
    with engine.begin() as conn:
        made = {
            "short": talked(conn, "maria", seconds=30),
            "dissatisfied": talked(conn, "maria", csat=2),
            "transferred": talked(conn, "maria", transferred=True),
            "repeated": talked(conn, "maria", customer="ana"),
            "held": talked(conn, "maria", seconds=300, held=120),
        }
        talked(conn, "maria", MONDAY + timedelta(days=7), customer="ana")
        plain = [
            talked(conn, "maria", seconds=31),
            talked(conn, "maria", csat=3),
            talked(conn, "maria", held=119, seconds=200),
        ]
    with reading(engine) as conn:
        found = {talk.contact_id: talk for talk in talks(conn, W47)}
    assert {name: found[id].stands_out for name, id in made.items()} == {name: (name,) for name in made}
    assert [found[id].stands_out for id in plain] == [(), (), ()]
    assert found[made["held"]].held == 120


def test_of_one_contact_each_agent_who_served_it(engine: Engine) -> None:
    with engine.begin() as conn:
        call = talked(conn, "maria")
        thread = contacts.start(conn, channel="sms", caller="1", called="2", at=MONDAY, served_by="flow")
        contacts.set_served_by(conn, thread, "agent:tom", MONDAY)
        contacts.set_served_by(conn, thread, "flow", MONDAY)
        assert [(talk.agent, talk.queue) for talk in sampling.of_contact(conn, call)] == [("maria", "billing")]
        found = sampling.of_contact(conn, thread)
        assert [(talk.agent, talk.queue, talk.channel) for talk in found] == [("tom", "", "sms")]
        assert sampling.of_contact(conn, "nowhere") == []
    chosen = form_for(file(), found[0])
    assert chosen is not None
    assert chosen[0] == "texts"
