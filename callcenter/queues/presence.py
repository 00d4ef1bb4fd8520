"""Agents: signing in, presence (what they choose) and state (what the system knows)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from callcenter.acd import skills
from callcenter.acd.model import Agent
from callcenter.queues.base import Base, UnknownAgent
from callcenter.queues.redis_hash import agent_of, moment, text
from callcenter.queues.scripts import agents as scripts

PRESENCES = ("available", "unavailable", "offline")


class Presence(Base):
    def sign_in(self, agent_id: str, *, device: str = "") -> str:
        """The agent takes contacts on this device (`desk`, a SIP address, a number, `user:NAME`), by default the
        configured one. Gives the state. Raises `UnknownAgent`."""
        agent = self.config.agents.get(agent_id)
        if agent is None:
            raise UnknownAgent(f"there is no agent {agent_id!r} in agents.yaml")
        return str(self.run(scripts.SIGN_IN, self.now(), agent_id, device or agent.device))

    def sign_out(self, agent_id: str, reason: str = "signed_out") -> bool:
        """No further contacts; conversations go on until they end. What the agent was being asked for goes to
        others. False if the agent isn't signed in."""
        return self.set_presence(agent_id, "offline", reason)

    def set_presence(self, agent_id: str, presence: str, reason: str = "") -> bool:
        """`available`, `unavailable` with one of the admin's reasons, or `offline`. False if the agent isn't signed
        in. Raises ValueError for another word or reason."""
        reasons = self.config.people.reasons
        if presence not in PRESENCES:
            raise ValueError(f"presence is {', '.join(PRESENCES)}, not {presence!r}")
        if presence == "unavailable" and reason not in ("", *reasons):
            raise ValueError(f"there is no reason {reason!r}; there are {', '.join(reasons)}")
        return self._present(agent_id, presence, "" if presence == "available" else reason, "", "0")

    def _present(self, agent_id: str, presence: str, reason: str, guard: str, since: str) -> bool:
        if self.run(scripts.PRESENCE, self.now(), agent_id, presence, reason, guard, since) != "yes":
            return False
        if presence != "available":
            ringing = text(self.client.hget(f"cw:agent:{agent_id}", "offer") or "")
            offer = self.read(f"cw:offer:{ringing}") if ringing else {}
            if offer.get("state") == "offered":
                self._give_back(ringing)
        return True

    def _give_back(self, offer_id: str) -> None:
        from callcenter.queues.scripts.offers import REFUSE

        self.run(REFUSE, self.now(), offer_id, "unavailable", 0, 0, "")

    def change_skills(self, agent_id: str, levels: Mapping[str, int], *, until: float, by: str = "") -> bool:
        """An agent has these skills (levels 0 to 10 by name, 0 takes one away) until a time, in seconds since 1970; the
        others are as configured. They lapse by the clock alone. False if they are so already. Raises `UnknownAgent`,
        and ValueError for a skill that no queue or agent has, another level, or a time that is past."""
        configured = self.config.agents.get(agent_id)
        if configured is None:
            raise UnknownAgent(f"there is no agent {agent_id!r} in agents.yaml")
        known = skills.known(self.config)
        for name, level in levels.items():
            if name not in known:
                raise ValueError(f"there is no skill {name!r}; there are {', '.join(known) or 'none'}")
            if not 0 <= level <= skills.HIGHEST:
                raise ValueError(f"a level is 0 to {skills.HIGHEST}, not {level}")
        changed = skills.changes(configured.skills, levels)
        if changed and until <= self.clock():
            raise ValueError("skills are changed until a time that is to come")
        return self._set_skills(agent_id, changed, until, by)

    def _set_skills(self, agent_id: str, changed: Mapping[str, int], until: float, by: str) -> bool:
        given = json.dumps(dict(sorted(changed.items())), separators=(",", ":"))
        told = (self.now(), agent_id, given, moment(until) if changed else "0", by)
        return bool(self.run(scripts.SKILLS, *told) == "yes")

    def agent_seen(self, agent_id: str) -> bool:
        """The desk's heartbeat. False if the agent isn't signed in (any more): sign in again."""
        return bool(self.run(scripts.SEEN, self.now(), agent_id, key="cw:seen") == "yes")

    def sign_out_unseen(self, agent_id: str) -> bool:
        """The router's: the agent's desk is gone."""
        since = moment(self.clock() - self.config.people.logout_after)
        return self._present(agent_id, "offline", "not_seen", "1", since)

    def agent(self, agent_id: str) -> Agent | None:
        """An agent who is signed in, else `None`."""
        return agent_of(agent_id, self.read(f"cw:agent:{agent_id}"), self.config, self.clock())

    def agents(self) -> dict[str, Agent]:
        """All who are signed in."""
        ids = sorted(text(item) for item in self.client.smembers("cw:agents"))
        return {agent.id: agent for agent in map(self.agent, ids) if agent is not None}

    def presence_of(self, agent_id: str) -> tuple[str, str, float]:
        """(presence, reason, since when the state is as it is); offline for one who never signed in."""
        found = self.read(f"cw:agent:{agent_id}")
        return found.get("presence", "offline"), found.get("reason", ""), float(found.get("since", 0))
