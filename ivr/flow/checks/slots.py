"""Slots: read only where they are filled, by names that exist, and secrets nowhere but in the action they are for."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow import expr
from ivr.flow.checks._dataflow import DataFlow, Filled
from ivr.flow.checks._reads import Read, reads
from ivr.flow.expr import ExprError
from ivr.flow.lint import View, error, lint, warning, within
from ivr.flow.model import StepModel
from ivr.flow.problems import Problem, nearest
from ivr.flow.turn import BUILTINS
from ivr.flow.verbs.action import Action
from ivr.flow.verbs.ask import Ask


@lint
def expressions(view: View) -> Iterator[Problem]:
    for flow, name, step in view.places:
        for path, source in step.reads():
            try:
                expr.parse(source)
            except ExprError as found:
                mark = within(view.mark_value(flow, name, path), source, found.offset)
                fix = "write slots, numbers, 'texts' and comparisons: bill.balance > 0"
                yield error(mark, f"this expression can't be read: {found}", fix, "bad_expression")


@lint
def unfilled(view: View) -> Iterator[Problem]:
    filled = DataFlow(view)
    told = set()
    for flow, name, step in view.places:
        state = filled.before.get((flow, name))
        for read in reads(view, flow, name, step):
            for problem in _unfilled(view, filled, state, name, step, read):
                if (problem.mark, problem.code) not in told:
                    told.add((problem.mark, problem.code))
                    yield problem


def _unfilled(
    view: View, filled: DataFlow, state: Filled | None, name: str, step: StepModel, read: Read
) -> Iterator[Problem]:
    slot, *rest = read.name.split(".")
    if slot in BUILTINS and slot not in filled.ever:
        if rest:
            yield error(read.mark, f"'{slot}' has no parts", f"write {slot} alone", "unknown_slot")
        return
    if slot not in filled.ever:
        fix = f"{nearest(slot, (*filled.ever, *BUILTINS))}"
        yield error(read.mark, f"nothing fills the slot '{slot}'", fix, "unknown_slot")
        return
    parts = filled.parts[slot]
    if rest and parts is not None and rest[0] not in parts:
        fix = nearest(rest[0], parts) if parts else f"write {slot} alone"
        yield error(read.mark, f"'{slot}' has no '{rest[0]}'", fix, "unknown_slot")
        return
    if state is None or read.guarded or slot in state.must:
        return
    fix = f"fill it on every way to '{name}', or ask filled({slot}) first"
    if slot in state.may:
        what = f"the slot '{slot}' is not filled on every way to '{name}'"
        yield warning(read.step_mark, what, fix, "maybe_unfilled")
    else:
        yield error(read.step_mark, f"the slot '{slot}' is used in '{name}' before it is filled", fix, "unfilled")


@lint
def secrets(view: View) -> Iterator[Problem]:
    secret = {slot for _, name, step in view.places for slot in view.secrets(name, step)}
    for flow, name, step in view.places:
        if isinstance(step, Ask) and not view.broken(step) and step.is_secret and step.confirm is not False:
            what = "a secret answer can't be read back"
            yield error(view.mark(flow, name, ("confirm",)), what, "remove `confirm`", "secret")
        if isinstance(step, Ask) and not view.broken(step) and step.is_secret and step.check is not None:
            what = "a secret answer can't be used in a condition"
            yield error(view.mark(flow, name, ("check",)), what, "let an action check it", "secret")
        for read in reads(view, flow, name, step):
            slot = read.name.split(".")[0]
            if slot not in secret:
                continue
            if isinstance(step, Action) and read.path[:1] == ("with",):
                spec = view.flows.actions.get(step.action)
                known = spec.arguments.get(read.path[1]) if spec else None
                if known is not None and not known.secret:
                    what = f"the slot '{slot}' is secret, but the argument '{read.path[1]}' is not kept secret"
                    yield error(read.mark, what, "give it to an argument that is meant for it", "secret")
                elif str(step.with_[read.path[1]]).strip() != slot:
                    what = f"the slot '{slot}' is secret and can't be computed with"
                    yield error(read.mark, what, f"write {slot} alone", "secret")
                continue
            what = f"the slot '{slot}' is secret: it can't be said, sent, compared or copied"
            yield error(read.mark, what, "give it only to an action's secret argument", "secret")
