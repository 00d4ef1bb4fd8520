"""Skills of agents: which there are, and what a supervisor changes for a while. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from callcenter.acd.config import Config

HIGHEST = 10


def known(config: Config) -> tuple[str, ...]:
    """The names of all skills that an agent has or a queue requires, sorted."""
    names = {name for agent in config.agents.values() for name in agent.skills}
    for queue in config.queues.values():
        names.update(queue.skills, *(step.skills for step in queue.relax))
    return tuple(sorted(names))


def changes(configured: Mapping[str, int], wanted: Mapping[str, int]) -> dict[str, int]:
    """Those of the wanted levels that differ from what is configured; 0 is a skill that isn't there."""
    return {name: level for name, level in wanted.items() if configured.get(name, 0) != level}


def merged(configured: Mapping[str, int], changed: Mapping[str, int]) -> Mapping[str, int]:
    """The levels that count."""
    if not changed:
        return configured
    return {name: level for name, level in {**configured, **changed}.items() if level}
