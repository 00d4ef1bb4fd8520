"""Which slots are filled where: a forward analysis over all flows, through calls and returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ivr.flow.campaigns import LISTED
from ivr.flow.checks._reads import proves
from ivr.flow.lint import View
from ivr.flow.model import SPECIAL, StepModel
from ivr.flow.session import Place
from ivr.flow.verbs.action import Action
from ivr.flow.verbs.branch import Branch
from ivr.flow.verbs.call import Call


@dataclass(frozen=True, slots=True)
class Filled:
    """The slots that are filled on every way to a place (`must`) and on some way (`may`)."""

    must: frozenset[str] = frozenset()
    may: frozenset[str] = frozenset()

    def join(self, other: Filled | None) -> Filled:
        return self if other is None else Filled(self.must & other.must, self.may | other.may)

    def plus(self, must: frozenset[str], may: frozenset[str] = frozenset()) -> Filled:
        return Filled(self.must | must, self.may | must | may)

    def minus(self, gone: frozenset[str]) -> Filled:
        return Filled(self.must - gone, self.may - gone)


class DataFlow:
    """`before` is the state before each step that can be reached; `ever` all slots that anything fills; `parts` the
    names after a slot's dot: empty for a plain value, `None` where nothing is known."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.ever: set[str] = set()
        self.parts: dict[str, set[str] | None] = {}
        self._secret = {slot for _, name, step in view.places for slot in view.secrets(name, step)}
        self._spent = {id(step): self._spends(step) for _, _, step in view.places}
        for _, name, step in view.places:
            for slot in view.fills(name, step):
                self.ever.add(slot)
                self._learn(slot, step)
        for given in view.called_out.values():
            for slot in given.union(LISTED):
                self.ever.add(slot)
                self.parts.setdefault(slot, set())
        self.before: dict[Place, Filled] = {}
        self._returns: dict[str, dict[str, Filled]] = {}
        self._entries: dict[str, Filled] = {}
        self._solve()

    def _learn(self, slot: str, step: StepModel) -> None:
        known: set[str] | None = set(step.parts)
        if isinstance(step, Action):
            spec = self.view.flows.actions.get(step.action)
            known = set(spec.returns) if spec else None
        elif step.verb in ("set", "call"):
            known = None
        have = self.parts.get(slot, set())
        self.parts[slot] = None if known is None or have is None else have | known

    def _spends(self, step: StepModel) -> frozenset[str]:
        """The secrets that are gone after an action that got them, even where it failed."""
        if not isinstance(step, Action):
            return frozenset()
        return frozenset(str(source).strip() for source in step.with_.values()) & self._secret

    def _solve(self) -> None:
        """Until nothing changes: states only lose `must` and gain `may`, so this ends."""
        flows = self.view.flows.flows
        for root in self.view.roots:
            given = self.view.called_out.get(root)
            self._entries[root] = Filled() if given is None else Filled().plus(given, frozenset(LISTED))
        changed = True
        while changed:
            changed = False
            for name in list(self._entries):
                if name not in flows:
                    continue
                before, returned, entries = self._run(name, self._entries[name])
                for callee, state in entries:
                    joined = state.join(self._entries.get(callee))
                    if joined != self._entries.get(callee):
                        self._entries[callee] = joined
                        changed = True
                if returned != self._returns.get(name):
                    self._returns[name] = returned
                    changed = True
                for place, state in before.items():
                    self.before[place] = state

    def _run(
        self, flow_name: str, entry: Filled
    ) -> tuple[dict[Place, Filled], dict[str, Filled], list[tuple[str, Filled]]]:
        """One flow from its entry: states before its steps, states by exit it returns by, states it calls with."""
        flow = self.view.flows.flows[flow_name]
        before: dict[str, Filled] = {flow.start: entry}
        returned: dict[str, Filled] = {}
        calls: list[tuple[str, Filled]] = []
        waiting = [flow.start]
        while waiting:
            name = waiting.pop()
            step = flow.steps.get(name)
            if step is None:
                continue
            state = before[name]
            if isinstance(step, Call) and step.call in self.view.flows.flows:
                calls.append((step.call, state))
            for target, after in self._after(flow_name, name, step, state):
                words = target.split()
                if words[0] == "return":
                    exit = [*words, "done"][1]
                    returned[exit] = after.join(returned.get(exit))
                elif words[0] not in SPECIAL:
                    joined = after.join(before.get(target))
                    if joined != before.get(target):
                        before[target] = joined
                        waiting.append(target)
        return {(flow_name, name): state for name, state in before.items()}, returned, calls

    def _after(self, flow: str, name: str, step: StepModel, state: Filled) -> Iterator[tuple[str, Filled]]:
        """Every (target, state there) of a step."""
        if isinstance(step, Branch):
            yield from self._branch(step, state)
            return
        fills: Mapping[str, frozenset[str]] = self.view.fills(name, step)
        for exit, target in self.view.edges(flow, step):
            if isinstance(step, Call) and step.call in self.view.flows.flows and exit != "failed":
                # What the called flow ends with holds for every caller; slots of this one stay filled, but for
                # secrets that were spent there.
                ended = self._returns.get(step.call, {}).get(exit)
                if ended is not None:
                    gone = self._secret - ended.must
                    yield target, Filled((state.must - gone) | ended.must, (state.may | ended.may) - (gone - ended.may))
                continue
            gained = frozenset(slot for slot, exits in fills.items() if exit in exits)
            yield target, state.minus(self._spent[id(step)]).plus(gained)

    def _branch(self, step: Branch, state: Filled) -> Iterator[tuple[str, Filled]]:
        for way in step.branch:
            if way.if_ is None:
                yield way.else_ or "person", state
                return
            yield way.go or "person", state.plus(proves(str(way.if_), True) & self.ever)
            state = state.plus(proves(str(way.if_), False) & self.ever)
        yield step.target("done") or "person", state
