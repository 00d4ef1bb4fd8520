"""Emergency announcements: each can be said to anybody, in every language of the company."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow import template
from ivr.flow.announcing import READY
from ivr.flow.expr import ExprError
from ivr.flow.lint import View, error, lint
from ivr.flow.problems import Problem


@lint
def announcements(view: View) -> Iterator[Problem]:
    texts = view.flows.texts
    for (language, id), mark in view.flows.marks.items():
        if not id.startswith(READY):
            continue
        if _has_values(texts[language][id]):
            what = f"the announcement '{id}' has places for values, and nothing is known of whoever hears it"
            yield error(mark, what, "write it without {braces}", "announcement_values")
        for other in view.company.languages:
            if language == view.flows.default_language and other in texts and id not in texts[other]:
                fix = f"add `{id}` to a file in prompts/{other}: all callers are told"
                yield error(mark, f"the prompt '{id}' is missing in '{other}'", fix, "missing_translation")


def _has_values(text: str) -> bool:
    try:
        return any(True for _ in template.parse(text).holes)
    except ExprError:  # said by the check of prompts
        return False
