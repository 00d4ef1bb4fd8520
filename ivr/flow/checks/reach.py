"""Steps and flows that no call gets to, and loops that never give the caller a turn."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from ivr.flow.lint import View, error, lint, warning
from ivr.flow.model import SPECIAL
from ivr.flow.problems import Problem
from ivr.flow.session import Place
from ivr.flow.verbs.call import Call


@lint
def unreachable(view: View) -> Iterator[Problem]:
    if not view.roots:
        return
    seen = view.reachable(view.roots)
    entered = {flow for flow, _ in seen}
    for name, flow in view.flows.flows.items():
        if name not in entered:
            fix = "call it from another flow, name it in company.yaml, or remove the file"
            yield warning(flow.node.mark, f"no call gets to the flow '{name}'", fix, "unreachable_flow")
            seen |= view.reachable([name])
        for step in flow.steps:
            if (name, step) not in seen:
                fix = "lead a step to it, or remove it"
                yield warning(view.mark(name, step), f"no call gets to the step '{step}'", fix, "unreachable_step")


@lint
def loops(view: View) -> Iterator[Problem]:
    graph = _without_waiting(view)
    for cycle in _cycles(graph):
        flow, step = min(cycle, key=lambda place: view.mark(*place))
        names = " -> ".join(name if where == flow else f"{where}.{name}" for where, name in cycle)
        what = f"a loop that never waits for the caller: {names}"
        fix = "put a menu or an ask into it, or lead out of it"
        yield error(view.mark(flow, step), what, fix, "endless_loop")


@lint
def recursion(view: View) -> Iterator[Problem]:
    calls: dict[str, set[str]] = {}
    for flow, _, step in view.places:
        if isinstance(step, Call) and step.call in view.flows.flows:
            calls.setdefault(flow, set()).add(step.call)
    for flow, name, step in view.places:
        if isinstance(step, Call) and _leads_back(calls, step.call, flow):
            what = f"the flow '{flow}' calls itself in the end, through '{step.call}'"
            fix = "use `return` to go back to the calling flow; calls can be 12 deep"
            yield warning(view.mark(flow, name, ("call",)), what, fix, "recursion")


def _leads_back(calls: dict[str, set[str]], start: str, goal: str) -> bool:
    seen, waiting = set(), [start]
    while waiting:
        flow = waiting.pop()
        if flow == goal:
            return True
        if flow not in seen:
            seen.add(flow)
            waiting.extend(calls.get(flow, ()))
    return False


def _without_waiting(view: View) -> dict[Place, set[Place]]:
    """Edges between steps that the caller has no part in. A call leads on only by the exits that its flow can return
    by without waiting."""
    passes: dict[str, set[str]] = {name: set() for name in view.flows.flows}
    changed = True
    while changed:
        changed = False
        for name, flow in view.flows.flows.items():
            found = _returned(view, passes, name, flow.start)
            if found - passes[name]:
                passes[name] |= found
                changed = True
    graph: dict[Place, set[Place]] = {}
    for flow_name, name, step in view.places:
        if step.waits:
            continue
        after = graph.setdefault((flow_name, name), set())
        after.update((flow_name, target) for target in _next(view, passes, flow_name, name) if _is_step(target))
        if isinstance(step, Call) and step.call in view.flows.flows:
            after.add((step.call, view.flows.flows[step.call].start))
    return graph


def _is_step(target: str) -> bool:
    return target.split()[0] not in SPECIAL


def _next(view: View, passes: dict[str, set[str]], flow: str, name: str) -> Iterator[str]:
    step = view.flows.flows[flow].steps[name]
    for exit, target in view.edges(flow, step):
        if not isinstance(step, Call) or exit == "failed" or exit in passes.get(step.call, ()):
            yield target


def _returned(view: View, passes: dict[str, set[str]], flow: str, start: str) -> set[str]:
    steps, seen, waiting, out = view.flows.flows[flow].steps, set(), [start], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in steps or steps[name].waits:
            continue
        seen.add(name)
        for target in _next(view, passes, flow, name):
            words = target.split()
            if words[0] == "return":
                out.add([*words, "done"][1])
            elif _is_step(target):
                waiting.append(target)
    return out


def _cycles(graph: dict[Place, set[Place]]) -> Iterator[list[Place]]:
    """Loops of a graph, until none is left that shares no step with those found."""
    left = {place: set(after) for place, after in graph.items()}
    while True:
        try:
            TopologicalSorter({place: sorted(after & left.keys()) for place, after in left.items()}).prepare()
        except CycleError as found:
            cycle = list(reversed(found.args[1]))
            yield cycle
            for place in cycle:
                left.pop(place, None)
        else:
            return
