"""Names of flows, actions, answer types and languages that exist; arguments that actions take."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.lint import View, error, lint
from ivr.flow.problems import Problem, nearest
from ivr.flow.registry import answers
from ivr.flow.verbs.action import Action
from ivr.flow.verbs.ask import Ask
from ivr.flow.verbs.call import Call
from ivr.flow.verbs.language import Language


@lint
def names(view: View) -> Iterator[Problem]:
    flows, company = view.flows, view.company
    for flow, name, step in view.places:
        match step:
            case Call(call=called) if called not in flows.flows:
                yield error(
                    view.mark(flow, name, ("call",)), f"there is no flow '{called}'", nearest(called, flows.flows),
                    "unknown_flow",
                )  # fmt: skip
            case Ask(as_=kind) if kind not in answers():
                yield error(
                    view.mark(flow, name, ("as",)), f"there is no answer type '{kind}'", nearest(kind, answers()),
                    "unknown_answer",
                )  # fmt: skip
            case Language(language=language) if language not in company.languages:
                yield error(
                    view.mark(flow, name, ("language",)), f"'{language}' is not one of the company's languages",
                    f"{nearest(language, company.languages)} or add it to `languages` in company.yaml",
                    "unknown_language",
                )  # fmt: skip
            case Action():
                yield from _action(view, flow, name, step)


def _action(view: View, flow: str, name: str, step: Action) -> Iterator[Problem]:
    spec = view.flows.actions.get(step.action)
    if spec is None:
        fix = f"{nearest(step.action, view.flows.actions)} `callwright actions` lists them"
        yield error(view.mark(flow, name, ("action",)), f"there is no action '{step.action}'", fix, "unknown_action")
        return
    for argument in step.with_:
        if argument not in spec.arguments:
            what = f"the action {spec.name} takes no '{argument}'"
            yield error(
                view.mark(flow, name, ("with", argument)), what, nearest(argument, spec.arguments), "unknown_argument"
            )
    for argument, known in spec.arguments.items():
        if known.required and argument not in step.with_:
            what = f"the action {spec.name} needs '{argument}'"
            fix = f"add `with: {{{argument}: ...}}`"
            yield error(view.mark(flow, name, ("with",)), what, fix, "missing_argument")


@lint
def company(view: View) -> Iterator[Problem]:
    company, flows = view.company, view.flows.flows
    starts = {("start",): company.start} | {("channels", key): flow for key, flow in company.channels.items()}
    if company.person is not None:
        starts["person",] = company.person
    if company.payment is not None:
        starts["payment",] = company.payment
    if company.voicemail is not None:
        starts["voicemail",] = company.voicemail
    for path, flow in starts.items():
        if flow not in flows:
            what = f"company.yaml's {'.'.join(path)} names the flow '{flow}', which doesn't exist"
            yield error(view.company_mark(*path), what, nearest(flow, flows), "unknown_flow")
    if company.person is None:
        fix = "add `person: FLOW` to company.yaml, the flow that key 0, faults and unanswered questions lead to"
        yield error(view.company_mark(), "there is no route to a person", fix, "no_person")
    for index, language in enumerate(company.languages):
        if language not in view.flows.texts:
            what = f"there are no prompts in the language '{language}'"
            fix = f"add a folder prompts/{language}, or {nearest(language, view.flows.texts)}"
            yield error(view.company_mark("languages", index), what, fix, "unknown_language")
    yield from _settings(view)


def _settings(view: View) -> Iterator[Problem]:
    from zoneinfo import ZoneInfo, available_timezones

    try:
        ZoneInfo(view.company.timezone)
    except (KeyError, ValueError, OSError):
        fix = nearest(view.company.timezone, {zone for zone in available_timezones() if "/" in zone})
        fix = fix if fix.startswith("did you") else "write the continent and a large city: America/Chicago"
        what = f"'{view.company.timezone}' is not a time zone"
        yield error(view.company_mark("timezone"), what, fix, "unknown_timezone")
    keys = view.company.keys
    used = [keys.person, keys.repeat, keys.back]
    if len(set(used)) < len(used):
        fix = "give person, repeat and back a key each"
        yield error(view.company_mark("keys"), "two of the company's keys are equal", fix, "equal_keys")
