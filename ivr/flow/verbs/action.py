"""action: run a self-service action (look up a bill, take a payment) and leave by its outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

from pydantic import Field

from ivr.flow.effects import RunAction
from ivr.flow.inputs import ActionDone, Input
from ivr.flow.model import Expression, FlowSet, PromptRef, Seconds, SlotName, StepModel
from ivr.flow.secret import Secret
from ivr.flow.turn import Leave, Turn
from ivr.flow.verb import verb


@verb
class Action(StepModel):
    """Run a self-service action. `callwright actions` lists them with their arguments and exits."""

    verb: ClassVar[str] = "action"
    action: str = Field(description="the action's name")
    with_: dict[str, Expression] = Field(default_factory=dict, alias="with", description="its arguments: expressions")
    into: SlotName | None = Field(None, description="the slot for what it returns; by default the action's name")
    budget: Seconds | None = Field(None, description="how long it may take; then it has failed")
    filler: PromptRef = Field("system.one_moment", description="what to say when it takes long")

    @property
    def slot(self) -> str:
        return self.into or self.action

    def ways_out(self, flows: FlowSet) -> tuple[str, ...]:
        spec = flows.actions.get(self.action)
        return (*(spec.exits if spec else ()), "failed")

    def says(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        yield ("filler",), self.filler

    def system_prompts(self) -> Iterable[str]:
        return ("system.fault",)

    def reads(self) -> Iterator[tuple[tuple[Any, ...], str]]:
        for name, source in self.with_.items():
            if isinstance(source, str):
                yield ("with", name), source

    def fills(self, flows: FlowSet) -> Mapping[str, frozenset[str]]:
        spec = flows.actions.get(self.action)
        return {self.slot: frozenset(spec.exits)} if spec and spec.returns else {}

    def enter(self, turn: Turn) -> Leave:
        spec = turn.flows.actions[self.action]
        turn.calls += 1
        arguments = {name: turn.evaluate(source) for name, source in self.with_.items()}
        turn.event("action", action=self.action, call=turn.calls)
        budget = spec.budget if self.budget is None else self.budget
        filler = turn.prompt(self.filler)
        turn.emit(RunAction(turn.calls, self.action, arguments, budget, filler, turn.company.defaults.filler_after))
        # The arguments are kept with the wait so that another process can run the same call again after a crash.
        return turn.wait("ActionDone", call=turn.calls, arguments=arguments)

    def resume(self, turn: Turn, given: Input) -> Leave:
        assert isinstance(given, ActionDone)
        if given.call != turn.state["call"]:
            turn.event("late_action", call=given.call)
            return turn.wait(*(turn.before.waiting or {})["for"], **turn.state)
        turn.event("action_done", action=self.action, call=given.call, exit=given.exit)
        for name in [slot for slot, value in turn.slots.items() if isinstance(value, Secret)]:
            if turn.slots[name] in turn.state["arguments"].values():
                del turn.slots[name]  # a secret lives no longer than the action that it was asked for
        if given.exit in self.ways_out(turn.flows) and given.exit != "failed":
            turn.slots[self.slot] = given.data
            if turn.flows.actions[self.action].changes_world:
                turn.trail.clear()
            return given.exit
        return "failed"
