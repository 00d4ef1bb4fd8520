"""Which steps and exits a set of scripted calls has been through."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ivr.flow.lint import View
from ivr.flow.model import FlowSet
from ivr.rehearsal.phone import Facts


@dataclass(frozen=True, slots=True)
class Covered:
    """One flow's coverage: how many steps and exits there are, and the names of those never taken."""

    flow: str
    steps: int
    exits: int
    missed_steps: tuple[str, ...]
    missed_exits: tuple[tuple[str, str], ...]

    @property
    def percent(self) -> float:
        whole = self.steps + self.exits
        return 100 * (whole - len(self.missed_steps) - len(self.missed_exits)) / whole if whole else 100.0


def coverage(flows: FlowSet, facts: Iterable[Facts]) -> list[Covered]:
    """Coverage per flow, in order of names. The exits of a step are its own and those written in it; that any step
    may fail isn't counted."""
    steps: set[tuple[str, str]] = set()
    exits: set[tuple[str, str, str]] = set()
    for one in facts:
        steps.update(one.steps)
        exits.update(one.exits)
    view, found = View(flows), []
    for name, flow in sorted(flows.flows.items()):
        ways = [
            (step_name, way)
            for step_name, step in flow.steps.items()
            for way in dict.fromkeys((*view.ways_out(step), *step.exits))
        ]
        found.append(
            Covered(
                name,
                len(flow.steps),
                len(ways),
                tuple(step for step in flow.steps if (name, step) not in steps),
                tuple(way for way in ways if (name, *way) not in exits),
            )
        )
    return found
