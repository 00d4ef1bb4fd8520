"""Intents: the file's shape, examples that can be told apart, slots that exist, and steps that name what there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ivr.flow.intents import FILE, SLOT, IntentsFile, SlotSpec
from ivr.flow.lint import View, error, lint, warning
from ivr.flow.load import validated
from ivr.flow.open_question import OpenQuestion
from ivr.flow.options import options
from ivr.flow.problems import FlowError, Mark, Problem, nearest
from ivr.flow.registry import answers
from ivr.flow.understand.classifier import classifiers
from ivr.flow.understand.tokens import tokens
from ivr.flow.verbs.ask import Ask

FEWEST = 5
"""Examples of one intent in one language, below which nothing can be learnt."""
RESERVED = ("no_input", "no_match", "failed", "unsupported", "done", "knowledge")
FOUND_IN_SPEECH = ("money", "date", "number", "digits", "phone", "one_of")


@lint
def steps(view: View) -> Iterator[Problem]:
    """Steps lead intents that exist; every intent is led somewhere."""
    known, used = view.flows.intents.names, set()
    for flow, name, step in view.places:
        if isinstance(step, OpenQuestion):
            for intent in step.intents:
                used.add(intent)
                if intent not in known:
                    fix = nearest(intent, known) if known else "tell it by examples in flows/intents.yaml"
                    mark = view.mark(flow, name, ("intents", intent))
                    yield error(mark, f"there is no intent '{intent}'", fix, "unknown_intent")
    for intent in known:
        if intent not in used:
            mark = _mark(view, "intents", intent)
            fix = "name it under `intents:` of a menu or a listen step, or remove it"
            yield warning(mark, f"no step leads the intent '{intent}' anywhere", fix, "unused_intent")


@lint
def shape(view: View) -> Iterator[Problem]:
    node = view.flows.nodes.get(FILE)
    if node is None or FILE not in view.flows.files:
        return
    try:
        file = validated(IntentsFile, node)
    except FlowError as found:
        yield from found.problems
        return
    if file.classifier not in classifiers():
        fix = nearest(file.classifier, classifiers())
        yield error(_mark(view, "classifier"), f"there is no classifier '{file.classifier}'", fix, "unknown_classifier")
    for name, intent in file.intents.items():
        if name in RESERVED:
            what = f"an intent can't be named '{name}': every question has that exit"
            yield error(_mark(view, "intents", name), what, "give it another name", "bad_name")
        for slot, spec in intent.slots.items():
            yield from _slot(view, ("intents", name, "slots", slot), spec)
        for language in view.company.languages:
            count = len(intent.examples.get(language, ()))
            if count < FEWEST:
                what = f"the intent '{name}' has {count or 'no'} example{'' if count == 1 else 's'} in '{language}'"
                fix = f"write {FEWEST} or more, better a dozen, in the words that callers use"
                yield warning(_mark(view, "intents", name, "examples"), what, fix, "few_examples")
        for language, texts in intent.examples.items():
            for place, text in enumerate(texts):
                mark = _mark(view, "intents", name, "examples", language, place)
                for slot in SLOT.findall(text):
                    if slot not in intent.slots:
                        what = f"the intent '{name}' has no slot '{slot}'"
                        fix = f"{nearest(slot, intent.slots)}, or add it under `slots:`"
                        yield error(mark, what, fix, "unknown_slot")


def _slot(view: View, path: tuple[Any, ...], spec: SlotSpec) -> Iterator[Problem]:
    if spec.as_ not in FOUND_IN_SPEECH:
        known = answers().get(spec.as_)
        why = "is secret and never taken from free speech" if known and known.secret else "can't be found in a sentence"
        what = f"the type '{spec.as_}' {why}" if known else f"there is no answer type '{spec.as_}'"
        fix = "ask for it by itself" if known else nearest(spec.as_, FOUND_IN_SPEECH)
        yield error(_mark(view, *path), what, fix, "bad_slot")
    yield from _options(view, _mark(view, *path), spec.as_, spec.options)


@lint
def told_apart(view: View) -> Iterator[Problem]:
    """The same example for two intents; examples that would be taken for another intent if they weren't given."""
    intents = view.flows.intents.file.intents
    for language in view.flows.intents.languages:
        seen: dict[tuple[str, ...], str] = {}
        for name, intent in intents.items():
            for place, text in enumerate(intent.examples.get(language, ())):
                other = seen.setdefault(tokens(text), name)
                if other != name:
                    mark = _mark(view, "intents", name, "examples", language, place)
                    what = f"'{text}' is an example of '{other}' too"
                    yield error(mark, what, "keep it at one of them", "equal_examples")
        found = view.flows.intents.classifier(language)
        for name, place, other in found.doubtful() if found else ():
            mark = _mark(view, "intents", name, "examples", language, place)
            what = f"this example of '{name}' is more like those of '{other}'"
            fix = "add examples like it, or move it there"
            yield warning(mark, what, fix, "doubtful_example")


@lint
def lists(view: View) -> Iterator[Problem]:
    """`options` of questions: there for one_of, with something to choose from."""
    for flow, name, step in view.places:
        if isinstance(step, Ask):
            yield from _options(view, view.mark(flow, name, ("options",)), step.as_, step.options)


def _options(view: View, mark: Mark, kind: str, given: Any) -> Iterator[Problem]:
    if kind != "one_of":
        if given is not None:
            yield error(mark, f"'{kind}' has no options", "write `as: one_of`, or remove `options`", "bad_options")
        return
    if given is None:
        fix = "add `options: [...]`, or the name of a data file in flows/"
        yield error(mark, "there is nothing to choose from", fix, "bad_options")
    elif isinstance(given, str) and given not in view.flows.files:
        fix = nearest(given, view.flows.files)
        yield error(mark, f"there is no data file '{given}.yaml'", fix, "bad_options")
    elif not options(given, view.flows):
        fix = "write a list of names, or names with a list of other words each"
        yield error(mark, "these options hold nothing to choose from", fix, "bad_options")


def _mark(view: View, *path: Any) -> Mark:
    node = view.flows.nodes.get(FILE)
    return node.at(path) if node else Mark(f"{FILE}.yaml")
