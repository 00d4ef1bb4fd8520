"""How a lint registers itself, and what all of them look at. One file per lint in `ivr/flow/checks/`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, cached_property
from typing import Any, Final

from ivr.flow.campaigns import run_by_campaigns
from ivr.flow.model import PROMPT_ID, SPECIAL, FlowSet, StepModel
from ivr.flow.problems import Mark, Problem
from ivr.flow.registry import answers
from ivr.flow.session import QUEUE, TEXT, VOICE, Place
from ivr.flow.verbs.ask import Ask
from ivr.flow.verbs.call import Call, returns

Lint = Callable[["View"], Iterable[Problem]]
LINTS: dict[str, Lint] = {}


def lint(found: Lint) -> Lint:
    """Register a lint: it takes a `View` and gives `Problem`s. It must bear flows with any other mistake in them."""
    LINTS[f"{found.__module__}.{found.__name__}"] = found
    return found


VARIANTS: Final = ("", "_text", "_speech")
"""What a prompt's id may end in to replace it on some channels (`Turn.variant`)."""
CHANNELS: Final = {"voice": VOICE | QUEUE, "text": TEXT | QUEUE}


class View:
    """A flow set as a graph. Bears what is broken: a step whose answer type is unknown is taken as one exit `done`."""

    def __init__(self, flows: FlowSet) -> None:
        self.flows = flows
        self.company = flows.company

    @property
    def places(self) -> Iterator[tuple[str, str, StepModel]]:
        """Every (flow, step's name, step)."""
        for name, flow in self.flows.flows.items():
            for step_name, step in flow.steps.items():
                yield name, step_name, step

    def broken(self, step: StepModel) -> bool:
        return isinstance(step, Ask) and step.as_ not in answers()

    def ways_out(self, step: StepModel) -> tuple[str, ...]:
        return ("done", "no_input", "no_match") if self.broken(step) else step.ways_out(self.flows)

    def needs(self, step: StepModel) -> frozenset[str]:
        return frozenset() if self.broken(step) else step.needs()

    def target(self, step: StepModel, exit: str) -> str | None:
        return step.next or StepModel.target(step, exit) if self.broken(step) else step.target(exit)

    def fills(self, name: str, step: StepModel) -> dict[str, frozenset[str]]:
        """Slots with the exits on which each is filled; an `ask` without `into` fills the slot of its own name."""
        if self.broken(step):
            return {str(getattr(step, "into", None) or name): frozenset({"done"})}
        if isinstance(step, Ask) and step.into is None:
            return {name: frozenset(step.type.exits)}
        return dict(step.fills(self.flows))

    def secrets(self, name: str, step: StepModel) -> frozenset[str]:
        """The secret slots that a step fills."""
        if isinstance(step, Ask) and not self.broken(step):
            return frozenset({step.into or name}) if step.is_secret else frozenset()
        return frozenset() if self.broken(step) else step.fills_secret()

    def system_prompts(self, step: StepModel) -> tuple[str, ...]:
        return () if self.broken(step) else tuple(step.system_prompts())

    def edges(self, flow: str, step: StepModel, capabilities: frozenset[str] | None = None) -> list[tuple[str, str]]:
        """Every (exit, target) that a call can take here; on a channel that can't do it, only `unsupported`."""
        if capabilities is not None and not self.needs(step) <= capabilities:
            return [("unsupported", self.target(step, "unsupported") or "person")]
        ways = dict.fromkeys((*self.ways_out(step), "failed"))
        if capabilities is None and self.needs(step):
            ways["unsupported"] = None
        return [(way, self.target(step, way) or "person") for way in ways]

    @cached_property
    def called_out(self) -> Mapping[str, frozenset[str]]:
        """The flows that calls of campaigns run, each with the slots that are filled from the beginning."""
        return run_by_campaigns(self.flows)

    @cached_property
    def roots(self) -> tuple[str, ...]:
        """The flows that calls begin in, ours included, and those to a person and to voicemail; those that exist."""
        company = self.company
        names = (company.start, *company.channels.values(), company.person, company.voicemail)
        names = (*names, self.company.payment, *self.called_out)
        return tuple(dict.fromkeys(name for name in names if name is not None and name in self.flows.flows))

    def reachable(self, roots: Iterable[str], capabilities: frozenset[str] | None = None) -> set[Place]:
        """All steps that a call can get to. A called flow's returns lead on at the steps that called it."""
        flows = self.flows.flows
        seen: set[Place] = set()
        waiting: list[Place] = [(name, flows[name].start) for name in roots if name in flows]
        person = flows.get(self.company.person or "")
        if person is not None and "assisted" not in (capabilities or ()):
            waiting.append((person.name, person.start))
        while waiting:
            flow, name = waiting.pop()
            if (flow, name) in seen or name not in flows[flow].steps:
                continue
            seen.add((flow, name))
            step = flows[flow].steps[name]
            if isinstance(step, Call) and step.call in flows:
                waiting.append((step.call, flows[step.call].start))
            for _, target in self.edges(flow, step, capabilities):
                if target.split()[0] not in SPECIAL:
                    waiting.append((flow, target))
        return seen

    @cache  # noqa: B019  one View lives for one check
    def returns(self, flow: str) -> tuple[str, ...]:
        found = self.flows.flows.get(flow)
        return returns(found.steps.values()) if found else ()

    # Where things stand

    def mark(self, flow: str, step: str, path: tuple[Any, ...] = ()) -> Mark:
        return self.flows.flows[flow].mark(step, path)

    def company_mark(self, *path: Any) -> Mark:
        node = self.flows.nodes.get("company")
        return node.at(path) if node else Mark("company.yaml")

    def mark_value(self, flow: str, step: str, path: tuple[Any, ...]) -> Mark:
        """Where a text in a step begins, rather than its key."""
        node = self.flows.flows[flow].node.value["steps"].value[step]
        for part in path:
            try:
                node = node.value[part]
            except (KeyError, IndexError, TypeError):
                break
        return node.mark if isinstance(node.value, str) else self.mark(flow, step, path)

    # Prompts

    def texts(self, ref: str) -> list[tuple[str, str, Mark | None]]:
        """(language, text, where) of all that a prompt reference may say; plain text has no language and no place."""
        ids = [ref + variant for variant in VARIANTS] if PROMPT_ID.match(ref) else []
        found = [
            (language, texts[id], self.flows.marks.get((language, id)))
            for language, texts in self.flows.texts.items()
            for id in ids
            if id in texts
        ]
        return found or [("", ref, None)]


def within(mark: Mark, text: str, offset: int) -> Mark:
    """The place of a character of a text that begins at `mark`; of the text itself where that takes several lines."""
    return mark if "\n" in text else Mark(mark.file, mark.line, mark.column + offset)


def error(mark: Mark, what: str, fix: str, code: str) -> Problem:
    return Problem(mark, what, fix, code)


def warning(mark: Mark, what: str, fix: str, code: str) -> Problem:
    return Problem(mark, what, fix, code, True)
