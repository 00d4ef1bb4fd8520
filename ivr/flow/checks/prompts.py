"""Prompts: each id exists in each language, each text can be parsed, none is left unused."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow import template
from ivr.flow.announcing import READY
from ivr.flow.campaigns import said_by_campaigns
from ivr.flow.expr import ExprError
from ivr.flow.lint import View, error, lint, warning, within
from ivr.flow.model import PROMPT_ID
from ivr.flow.problems import Mark, Problem, nearest
from ivr.flow.reminders import reminded

ENGINE = ("system.fault", "system.sorry", "system.words.person", "system.words.back", "system.words.repeat")
"""What the engine may need in any flow."""


@lint
def missing(view: View) -> Iterator[Problem]:
    texts = view.flows.texts
    every = {id for known in texts.values() for id in known}
    own = {id for _, id in view.flows.marks}
    wanted: dict[str, Mark] = {}
    for flow, name, step in view.places:
        for path, ref in step.says():
            if not PROMPT_ID.match(ref):
                continue
            mark = view.mark(flow, name, path)
            if ref in every:
                wanted.setdefault(ref, mark)
            elif "." in ref or nearest(ref, own).startswith("did you"):
                fix = f"{nearest(ref, own)} or add it to the prompts; plain text has spaces or capital letters"
                yield error(mark, f"there is no prompt '{ref}'", fix, "unknown_prompt")
            elif meant := sorted(id for id in own if id.rpartition(".")[2] == ref):
                fix = f"if the prompt '{meant[0]}' is meant, write all of its id; if not, begin with a capital letter"
                yield warning(mark, f"the word '{ref}' itself is said here", fix, "word_or_prompt")
            elif "_" in ref:
                fix = "if a prompt is meant, add it to the prompts; if not, write words with spaces between them"
                yield warning(mark, f"'{ref}' itself is said here, and looks like a prompt's id", fix, "word_or_prompt")
        for ref in view.system_prompts(step):
            wanted.setdefault(ref, view.mark(flow, name))
    intents = view.flows.nodes.get("intents")
    for name, ref in _labels(view):
        if intents is not None and PROMPT_ID.match(ref):
            wanted.setdefault(ref, intents.at(("intents", name, "label")))
    for ref in ENGINE if view.flows.flows else ():
        wanted.setdefault(ref, view.company_mark("languages"))
    reminders = view.flows.nodes.get("reminders")
    for path, ref in reminded(view.flows):
        if reminders is not None and PROMPT_ID.match(ref):
            wanted.setdefault(ref, reminders.at(path))
    campaigns = view.flows.nodes.get("campaigns")
    for path, ref in said_by_campaigns(view.flows):
        if campaigns is not None:
            wanted.setdefault(ref, campaigns.at(path))
    resume = view.company.resume
    if resume is not None and PROMPT_ID.match(resume.offer):
        wanted.setdefault(resume.offer, view.company_mark("resume"))
    if view.company.payment is not None:
        wanted.setdefault("system.payment_stopped", view.company_mark("payment"))
    for ref, mark in wanted.items():
        if ref not in every and texts:
            fix = "add it to the prompts of every language"
            yield error(mark, f"the prompt '{ref}', which the engine says here, is missing", fix, "unknown_prompt")
            continue
        for language in view.company.languages:
            if language in texts and ref not in texts[language]:
                place = next((found for (_, id), found in view.flows.marks.items() if id == ref), mark)
                fix = f"add `{ref}` to a file in prompts/{language}; it is used at {mark}"
                yield error(place, f"the prompt '{ref}' is missing in '{language}'", fix, "missing_translation")


@lint
def syntax(view: View) -> Iterator[Problem]:
    for language, texts in view.flows.texts.items():
        for id, text in texts.items():
            mark = view.flows.marks.get((language, id), Mark(f"prompts/{language}"))
            yield from _parse(text, mark, f"the prompt '{id}'")
    for flow, name, step in view.places:
        for path, ref in step.says():
            if not PROMPT_ID.match(ref):
                yield from _parse(ref, view.mark_value(flow, name, path), "this text")


def _parse(text: str, mark: Mark, called: str) -> Iterator[Problem]:
    try:
        template.parse(text)
    except ExprError as found:
        what, code = str(found), "bad_template"
        fix = "write {slot} or {slot|kind}, as in {bill.balance|money}"
        if isinstance(found, template.MarkupError):
            what, _, fix = what.partition("; ")
            fix, code = fix or "docs/prompts.md shows the tags that there are", "bad_markup"
        yield error(within(mark, text, found.offset), f"{called} can't be read: {what}", fix, code)


@lint
def unused(view: View) -> Iterator[Problem]:
    used = {ref for _, _, step in view.places for _, ref in step.says()}
    used |= {ref for _, _, step in view.places for ref in view.system_prompts(step)}
    used |= {ref for _, ref in _labels(view)}
    used |= {ref for _, ref in reminded(view.flows)}
    used |= {ref for _, ref in said_by_campaigns(view.flows)}
    used |= {ref for spec in view.flows.actions.values() for ref in spec.says}
    for (language, id), mark in view.flows.marks.items():
        kept = id.startswith(("system.", READY)) or used & {id, _spoken(id)}
        if language == view.flows.default_language and not kept:
            yield warning(mark, f"no step says the prompt '{id}'", "use it or remove it", "unused_prompt")
    default = view.flows.texts.get(view.flows.default_language, {})
    for (language, id), mark in view.flows.marks.items():
        if id not in default and view.flows.default_language in view.flows.texts and _spoken(id) not in default:
            fix = f"add it to prompts/{view.flows.default_language}, or remove it; {nearest(id, default)}"
            what = f"the prompt '{id}' is in '{language}' but not in '{view.flows.default_language}'"
            yield warning(mark, what, fix, "stray_prompt")


def _labels(view: View) -> list[tuple[str, str]]:
    """(intent, its label) of all that have one: they are said to be confirmed."""
    found = view.flows.intents.file.intents
    return [(name, intent.label) for name, intent in found.items() if intent.label is not None]


def _spoken(id: str) -> str:
    """The id of the prompt that a variant stands in for."""
    return id.removesuffix("_text").removesuffix("_speech")
