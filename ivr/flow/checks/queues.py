"""queues.yaml and agents.yaml: their shape, and that the names in them and in flows exist."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from ivr.flow.lint import View, error, lint, warning
from ivr.flow.load import validated
from ivr.flow.model import PROMPT_ID
from ivr.flow.problems import FlowError, Problem, nearest
from ivr.flow.verbs.callback import Callback
from ivr.flow.verbs.queue import Queue
from ivr.flow.yaml_source import Node

MODELS = {"queues": "QueuesFile", "agents": "AgentsFile"}


@lint
def shape(view: View) -> Iterator[Problem]:
    """The files by themselves, and each by the other."""
    found = {}
    for name, model in MODELS.items():
        node = view.flows.nodes.get(name)
        if node is None:
            continue
        try:
            # By name: the flow engine imports nothing of the call centre.
            found[name] = validated(getattr(importlib.import_module("callcenter.acd.config"), model), node)
        except FlowError as mistakes:
            yield from mistakes.problems
    nodes = view.flows.nodes
    queues = found.get("queues")
    if queues is not None:
        yield from _queues(view, nodes["queues"], queues.queues, found.get("agents"))
    agents = found.get("agents")
    if agents is not None:
        yield from _agents(nodes["agents"], agents.agents, queues.queues if queues is not None else None)


def _queues(view: View, node: Node, queues: Any, agents: Any) -> Iterator[Problem]:
    groups = set(queues)
    people = agents.agents.values() if agents is not None else []
    for agent in people:
        groups |= {*agent.groups, *agent.queues}
    for name, queue in queues.items():
        for number, rule in enumerate(queue.overflow):
            if rule.to not in queues or rule.to == name:
                mark = node.at(("queues", name, "overflow", number, "to"))
                what = f"'{rule.to}' is not another queue"
                yield error(mark, what, nearest(rule.to, set(queues) - {name}), "unknown_queue")
        for number, ring in enumerate(queue.rings):
            for index, group in enumerate(ring.groups):
                if group not in groups:
                    mark = node.at(("queues", name, "rings", number, "groups", index))
                    yield error(mark, f"no agent is in the group '{group}'", nearest(group, groups), "unknown_group")
        for at, hours in (
            (("hours",), queue.hours),
            (("callback", "hours"), queue.callback.hours),
            (("callback", "offer_hours"), queue.callback.offer_hours),
        ):
            if hours is not None and hours not in view.flows.files:
                what = f"there is no file '{hours}.yaml'"
                yield error(node.at(("queues", name, *at)), what, nearest(hours, {"business_hours"}), "unknown_hours")
        yield from _regions(node, name, queue)
        for path, ref in (("music", queue.music), ("whisper", queue.whisper)):
            if ref and PROMPT_ID.match(ref) and not any(ref in texts for texts in view.flows.texts.values()):
                known = {id for texts in view.flows.texts.values() for id in texts}
                mark = node.at(("queues", name, path))
                yield error(mark, f"there is no prompt '{ref}'", nearest(ref, known), "unknown_prompt")
        served = [agent for agent in people if name in agent.queues or _in_rings(agent, queue)]
        if not served and (agents is not None or "agents" not in view.flows.nodes):
            fix = f"add `queues: [{name}]` to an agent in agents.yaml"
            yield warning(node.at(("queues", name)), f"no agent serves the queue '{name}'", fix, "no_agents")
        elif agents is not None and not any(_skilled(agent, _last_skills(queue)) for agent in served):
            fix = "lower the levels, relax them after a while, or give an agent these skills"
            mark = node.at(("queues", name, "skills"))
            yield warning(mark, f"no agent of '{name}' ever has the skills that it requires", fix, "no_skilled_agents")


def _regions(node: Node, name: str, queue: Any) -> Iterator[Problem]:
    """Those where a recording is announced. Also by name."""
    by_region = queue.record.consent == "by_region"
    if by_region != bool(queue.record.regions):
        what = "needs `regions`" if by_region else "isn't `by_region`, so that `regions` count for nothing"
        fix = "write both: {consent: by_region, regions: [US-CA, DE]}"
        mark = node.at(("queues", name, "record", "consent" if by_region else "regions"))
        yield error(mark, f"`consent` {what}", fix, "consent_regions")
    for number, region in enumerate(queue.record.regions):
        if not importlib.import_module("callcenter.regions").known(region):
            mark = node.at(("queues", name, "record", "regions", number))
            fix = "write a country as DE, a US state as US-CA, a Canadian province as CA-QC"
            yield error(mark, f"there is no region '{region}'", fix, "unknown_region")


def _last_skills(queue: Any) -> dict[str, int]:
    last: dict[str, int] = queue.relax[-1].skills if queue.relax else queue.skills
    return last


def _skilled(agent: Any, skills: dict[str, int]) -> bool:
    return all(agent.skills.get(name, 0) >= level for name, level in skills.items())


def _in_rings(agent: Any, queue: Any) -> bool:
    own = {*agent.groups, *agent.queues}
    return any(not own.isdisjoint(ring.groups) for ring in queue.rings)


def _agents(node: Node, agents: Any, queues: Any) -> Iterator[Problem]:
    users: dict[str, str] = {}
    for id, agent in agents.items():
        for number, queue in enumerate(agent.queues):
            if queues is not None and queue not in queues:
                mark = node.at(("agents", id, "queues", number))
                yield error(mark, f"there is no queue '{queue}'", nearest(queue, queues), "unknown_queue")
        user = getattr(agent.phone, "user", None)
        if user is not None and user in users:
            mark = node.at(("agents", id, "phone", "user"))
            what = f"the phone '{user}' is {users[user]}'s already"
            yield error(mark, what, "give each agent an account of their own", "same_phone")
        elif user is not None:
            users[user] = id


@lint
def used(view: View) -> Iterator[Problem]:
    """Queues that flows name."""
    node = view.flows.nodes.get("queues")
    value = node.value.get("queues") if node is not None and isinstance(node.value, dict) else None
    known = value.value if value is not None and isinstance(value.value, dict) else {}
    for flow, name, step in view.places:
        match step:
            case Queue(queue=wanted) | Callback(callback=wanted) if wanted not in known:
                fix = nearest(wanted, known) if known else "describe it in queues.yaml beside the flows"
                mark = view.mark(flow, name, (step.verb,))
                yield error(mark, f"there is no queue '{wanted}'", fix, "unknown_queue")
