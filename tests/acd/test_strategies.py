"""Whom each strategy chooses, and when skills, rings and languages open up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from callcenter.acd.config import CAPACITY, INTERRUPTS, Config, ConfigError, Queue, medium
from callcenter.acd.match import match
from callcenter.acd.model import Agent, Entry, Snapshot
from callcenter.acd.waiting import Waiting

NOW = 1000.0


def agent(id: str, **values: Any) -> Agent:
    groups = frozenset({"q"}) | values.pop("groups", frozenset())
    return Agent(id, frozenset({"q"}), groups, capacity=CAPACITY, interrupts=INTERRUPTS, **values)


def chosen(queue: Queue, *agents: Agent, waited: float = 0, **entry: Any) -> tuple[str, ...]:
    joined = NOW - waited
    waiting = Waiting([Entry("c", "q", joined_at=joined, queued_at=joined, **entry)])
    made = match(Snapshot({"q": queue}, {one.id: one for one in agents}, waiting), NOW)
    return made[0].agents if made else ()


def test_longest_idle() -> None:
    assert chosen(Queue(), agent("a", idle_since=5), agent("b", idle_since=3)) == ("b",)


def test_fewest_contacts() -> None:
    queue = Queue(strategy="fewest_contacts")
    busy = agent("b", handled=1, idle_since=1, load={"chat": 3})
    assert chosen(queue, agent("a", handled=3), busy, agent("c", handled=3), agent("d", handled=2)) == ("d",)


def test_round_robin() -> None:
    queue = Queue(strategy="round_robin")
    team = [
        agent("a", offered={"q": 30.0}),
        agent("b", offered={"q": 10.0, "other": 99.0}),
        agent("c", offered={"q": 20.0}),
    ]
    assert chosen(queue, *team) == ("b",)
    assert chosen(queue, *team, agent("d")) == ("d",)


def test_best_skill() -> None:
    queue = Queue(strategy="best_skill", skills={"billing": 2})
    team = [agent("a", skills={"billing": 9, "es": 2}), agent("b", skills={"billing": 4, "es": 9})]
    assert chosen(queue, *team) == ("a",)
    assert chosen(queue, *team, skills=(("es", 1),)) == ("b",)


def test_last_agent_is_waited_for_then_anybody() -> None:
    queue = Queue(strategy="last_agent", last_agent_wait=30)
    busy = agent("a", load={"voice": 1})
    assert chosen(queue, agent("a", idle_since=9), agent("b"), last_agent="a") == ("a",)
    assert chosen(queue, busy, agent("b"), last_agent="a", waited=29) == ()
    assert chosen(queue, busy, agent("b"), last_agent="a", waited=30) == ("b",)
    assert chosen(queue, agent("b"), last_agent="a") == ("b",)  # who isn't there isn't waited for
    assert chosen(queue, agent("b")) == ("b",)


def test_ring_all() -> None:
    team = [agent("a"), agent("b", presence="unavailable"), agent("c")]
    assert chosen(Queue(strategy="ring_all"), *team) == ("a", "c")


def test_skills_relax_in_steps() -> None:
    queue = Queue(skills={"billing": 8}, relax=[{"after": 30, "skills": {"billing": 4}}, {"after": 60}])
    team = [agent("a", skills={"billing": 5})]
    assert chosen(queue, *team, waited=29) == ()
    assert chosen(queue, *team, waited=30) == ("a",)
    assert chosen(queue, agent("b"), waited=59) == ()
    assert chosen(queue, agent("b"), waited=60) == ("b",)
    # A contact's own skill is given up with the queue's, and not otherwise.
    assert chosen(queue, agent("b"), waited=60, skills=(("billing", 9),)) == ("b",)
    assert chosen(queue, agent("b"), waited=60, skills=(("es", 1),)) == ()


def test_rings_widen() -> None:
    queue = Queue(rings=[{"groups": ["senior"]}, {"after": 20, "groups": ["q"]}])
    team = [agent("a", idle_since=9), agent("s", groups=frozenset({"senior"}), idle_since=50)]
    assert chosen(queue, *team) == ("s",)
    assert chosen(queue, team[0], waited=19) == ()
    assert chosen(queue, *team, waited=20) == ("a",)


def test_languages() -> None:
    queue = Queue(language_after=60)
    english = agent("a", languages=frozenset({"en"}))
    spanish = agent("b", languages=frozenset({"es"}), load={"voice": 1})
    assert chosen(queue, english, spanish, language="es", waited=59) == ()
    assert chosen(queue, english, spanish, language="es", waited=60) == ("a",)
    assert chosen(queue, english, language="es") == ("a",)  # nobody speaks it: no reason to wait
    assert chosen(queue, agent("c"), spanish, language="es") == ("c",)  # every language


@pytest.mark.parametrize(
    ("load", "channel", "free"),
    [
        ({}, "voice", True),
        ({"voice": 1}, "voice", False),
        ({"chat": 3}, "chat", True),
        ({"chat": 4}, "chat", False),
        ({"chat": 4}, "voice", True),
        ({"voice": 1}, "chat", False),
        ({"voice": 1}, "email", False),
        ({"email": 2}, "sms", True),
        ({"sms": 1}, "email", False),
        ({"chat": 1}, "sms", True),
    ],
)
def test_capacity_and_interruptions(load: dict[str, int], channel: str, free: bool) -> None:
    assert bool(chosen(Queue(), agent("a", load=load), medium=channel)) is free


def test_one_offer_at_a_time_and_none_while_blocked() -> None:
    one = agent("a")
    assert chosen(Queue(), replace(one, offer="o1"), medium="chat") == ()
    assert chosen(Queue(), replace(one, blocked_until=NOW + 1)) == ()
    assert chosen(Queue(), replace(one, blocked_until=NOW)) == ("a",)


def test_unknown_strategies_are_refused_with_the_known_ones() -> None:
    known = "best_skill, fewest_contacts, last_agent, longest_idle, ring_all, round_robin"
    with pytest.raises(ValidationError, match=f"there is no strategy 'loudest'; there are {known}"):
        Queue(strategy="loudest")
    with pytest.raises(ConfigError, match=r"queues\.a\.strategy: .*loudest"):
        Config.from_files({"queues": {"queues": {"a": {"strategy": "loudest"}}}})


def test_every_kind_of_call_is_voice() -> None:
    assert {medium(channel) for channel in ("sip", "twilio", "voice")} == {"voice"}
    assert medium("chat") == "chat"
