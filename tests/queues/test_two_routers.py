"""Two routers at work on one store, and each queue with its own strategy: whoever claims, the choice is the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from callcenter.acd.config import Config
from callcenter.acd.strategies import strategies
from callcenter.queues.router import Router
from callcenter.queues.store import Queues
from tests.queues.conftest import Clock
from tests.queues.support import placed
from tests.valkey import Valkey

WIDER = (("20s", "q"), ("40s", "others"))
AGENTS = {"ana": {"billing": 3}, "ben": {"billing": 9}, "cleo": {"billing": 5}}


@dataclass
class Floor:
    """One queue for each strategy; everybody serves all of them."""

    queues: Queues
    routers: tuple[Router, Router]
    clock: Clock
    number: int = 0

    def come(self, queue: str, **more: Any) -> str:
        self.number += 1
        self.queues.join(contact := f"c{self.number}", queue, channel="sip", **more)
        return contact

    def offers(self) -> list[str]:
        """Who is asked, once both routers have had their turn; which of them is first changes each time."""
        self.clock.sleep(1)
        self.routers = self.routers[::-1]
        for router in self.routers:
            router.once()
        return sorted(id for id, agent in self.queues.agents().items() if agent.offer)

    def talk(self, agent: str, seconds: float = 10) -> None:
        """The agent takes what is offered, talks and is free again."""
        offer = self.queues.agents()[agent].offer
        assert self.queues.connected(offer)
        self.clock.sleep(seconds)
        assert self.queues.complete(offer)
        self.queues.wrapped_up(agent, offer)

    def serve(self, queue: str, **more: Any) -> str:
        """A contact comes and is served; gives by whom."""
        self.come(queue, **more)
        [agent] = self.offers()
        self.talk(agent)
        return agent


@pytest.fixture
def floor(valkey: Valkey, clock: Clock) -> Iterator[Floor]:
    settings = {name: {"strategy": name} for name in strategies()} | {
        "best_skill": {"strategy": "best_skill", "skills": {"billing": 2}}
    }
    people = {name: {"skills": skills, "queues": list(settings)} for name, skills in AGENTS.items()}
    config = Config.from_files({"queues": {"queues": settings}, "agents": {"agents": people}})
    clients = [valkey.client() for _ in range(3)]
    queues, one, two = (Queues(client, config, clock) for client in clients)
    for agent in AGENTS:
        queues.sign_in(agent)
        clock.sleep(1)
    yield Floor(queues, (Router(one), Router(two)), clock)
    for client in clients:
        client.close()


def test_longest_idle(floor: Floor) -> None:
    assert [floor.serve("longest_idle") for _ in range(4)] == ["ana", "ben", "cleo", "ana"]


def test_fewest_contacts(floor: Floor) -> None:
    floor.serve("longest_idle")
    floor.serve("longest_idle")
    assert floor.serve("fewest_contacts") == "cleo"
    assert floor.serve("longest_idle") == "ana"
    assert sorted(floor.serve("fewest_contacts") for _ in range(2)) == ["ben", "cleo"]


def test_round_robin_counts_what_its_own_queue_offered(floor: Floor) -> None:
    first = [floor.serve("round_robin") for _ in range(3)]
    assert sorted(first) == sorted(AGENTS)
    floor.serve("best_skill")  # ben again, for another queue
    assert [floor.serve("round_robin") for _ in range(3)] == first


def test_best_skill(floor: Floor) -> None:
    assert floor.serve("best_skill") == "ben"
    assert floor.serve("best_skill") == "ben"
    floor.come("best_skill")
    assert floor.offers() == ["ben"]
    floor.come("best_skill")
    assert floor.offers() == ["ben", "cleo"]  # ben is being asked already


def test_last_agent_is_waited_for(floor: Floor) -> None:
    floor.come("last_agent", last_agent="cleo")
    assert floor.offers() == ["cleo"]
    again = floor.come("last_agent", last_agent="cleo")
    assert floor.offers() == ["cleo"]
    assert placed(floor.queues, again).state == "waiting"
    floor.clock.sleep(30)
    floor.queues.connected(floor.queues.agents()["cleo"].offer)
    [other] = floor.offers()
    assert other != "cleo"
    assert placed(floor.queues, again).state == "offered"


def test_ring_all(floor: Floor) -> None:
    floor.come("ring_all")
    assert floor.offers() == sorted(AGENTS)
    floor.talk("cleo")
    assert floor.offers() == []


def test_agents_of_a_wider_ring_and_of_less_skill_come_in_with_time_alone(valkey: Valkey, clock: Clock) -> None:
    """Nothing happens but that time passes."""
    files = {
        "queues": {"queues": {"q": {
            "rings": [{"groups": ["senior"]}, *({"after": after, "groups": [group]} for after, group in WIDER)],
            "skills": {"billing": 5}, "relax": [{"after": "60s", "skills": {}}],
        }}},
        "agents": {"agents": {
            "ana": {"skills": {"billing": 8}, "groups": ["senior"]},
            "ben": {"skills": {"billing": 5}, "queues": ["q"]},
            "cleo": {"skills": {"billing": 5}, "groups": ["others"]},
            "dora": {"groups": ["others"]},
        }},
    }  # fmt: skip
    with valkey.client() as client, valkey.client() as other:
        queues = Queues(client, Config.from_files(files), clock)
        routers = Router(queues), Router(Queues(other, queues.config, clock))
        for agent in queues.config.agents:
            queues.sign_in(agent)
        for number in range(4):
            queues.join(f"c{number}", "q", channel="sip")
        asked = []
        for _ in range(4):
            for router in routers:
                router.once()
            asked.append({id for id, agent in queues.agents().items() if agent.offer or agent.load})
            for id in asked[-1]:
                if queues.agents()[id].offer:
                    queues.connected(queues.agents()[id].offer)
            clock.sleep(20)
        assert asked == [{"ana"}, {"ana", "ben"}, {"ana", "ben", "cleo"}, {"ana", "ben", "cleo", "dora"}]


def test_whoever_would_wait_too_long_goes_on_to_another_queue(valkey: Valkey, clock: Clock) -> None:
    """By the predicted service level, from the agents who are there and how long they took."""
    files = {
        "queues": {"queues": {
            "a": {"handling": "5m", "service_level": {"seconds": 60, "percent": 80},
                  "overflow": [{"to": "b", "when_predicted_level": 15}]},
            "b": {},
        }},
        "agents": {"agents": {"ana": {"queues": ["a"]}}},
    }  # fmt: skip
    with valkey.client() as client, valkey.client() as other:
        queues = Queues(client, Config.from_files(files), clock)
        routers = Router(queues), Router(Queues(other, queues.config, clock))
        queues.sign_in("ana")
        queues.join("c0", "a", channel="sip")
        for router in routers:
            router.once()
        queues.connected(queues.agents()["ana"].offer)
        for contact in ("c1", "c2"):
            queues.join(contact, "a", channel="sip", joined_at=clock.now)
        clock.sleep(1)
        for router in routers:
            router.once()
        # One agent, five minutes each: the next has a chance of 1 - exp(-59/300) = 18 % of a minute at most.
        assert [placed(queues, contact).queue for contact in ("c1", "c2")] == ["a", "b"]
        clock.sleep(30)
        for router in routers:
            router.once()
        assert placed(queues, "c1").queue == "b"  # half of the minute is over
        moved = [fields[b"data"] for _, fields in client.xrange("cw:journal") if fields[b"kind"] == b"queue.moved"]
        assert len(moved) == 2
        assert all(b"predicted_level" in data for data in moved)
