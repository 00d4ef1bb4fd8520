"""Where exits lead: every target exists, every exit is one that the step has, and none leads nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.lint import View, error, lint
from ivr.flow.model import SPECIAL
from ivr.flow.problems import Problem, nearest
from ivr.flow.registry import answers
from ivr.flow.verbs.action import Action
from ivr.flow.verbs.ask import Ask
from ivr.flow.verbs.call import Call

ALWAYS = ("failed", "unsupported")
"""Exits that every step has: any can fail, and a channel may lack what it needs."""


@lint
def targets(view: View) -> Iterator[Problem]:
    for flow, name, step in view.places:
        steps = view.flows.flows[flow].steps
        known = set(view.flows.flows[flow].node.value["steps"].value)
        for path, _, target in step.targets():
            if target.split()[0] not in SPECIAL and target not in known:
                what = f"this flow has no step '{target}'"
                fix = nearest(target, (*steps, *SPECIAL))
                yield error(view.mark(flow, name, path), what, fix, "bad_target")


@lint
def exits(view: View) -> Iterator[Problem]:
    for flow, name, step in view.places:
        if (isinstance(step, Action) and step.action not in view.flows.actions) or (
            isinstance(step, Call) and step.call not in view.flows.flows
        ):
            continue
        ways = view.ways_out(step)
        for exit in step.exits:
            if exit not in (*ways, *ALWAYS) and not view.broken(step):
                what = f"a step with `{step.verb}` has no exit '{exit}' here"
                yield error(view.mark(flow, name, ("exits", exit)), what, nearest(exit, (*ways, *ALWAYS)), "bad_exit")
        asks = isinstance(step, Ask) and step.as_ in answers()
        if step.next is not None and "done" not in ways and not asks:
            fix = f"write `exits:` with {', '.join(ways)}" if ways else "remove it"
            what = f"`next` is never taken: this `{step.verb}` has no exit done"
            yield error(view.mark(flow, name, ("next",)), what, fix, "bad_exit")
        if step.next is not None and "done" in step.exits:
            what = "`next` and the exit done are the same thing"
            yield error(view.mark(flow, name, ("exits", "done")), what, "remove one of them", "two_targets")
        for exit in ways:
            if view.target(step, exit) is None:
                fix = "add `next: STEP`" if exit == "done" else f"add `exits: {{{exit}: STEP}}`"
                yield error(view.mark(flow, name), f"'{name}' leads nowhere by its exit {exit}", fix, "no_target")
