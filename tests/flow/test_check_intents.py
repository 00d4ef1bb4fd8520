"""Mistakes in intents.yaml, and in what asks for its intents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow import sample
from tests.flow.intents import FILES, INTENTS, LISTEN


def problems(folder: Path, intents: str, main: str = LISTEN) -> list[str]:
    _, found = sample.flow_set(folder, {**FILES, "flows/intents.yaml": intents, "flows/main.yaml": main})
    return [f"{problem.mark} {problem.code}" for problem in found]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("amount: money", "amount: card", "bad_slot"),
        ("amount: money", "amount: monye", "bad_slot"),
        ("I moved to {town}", "I moved to {twon}", "unknown_slot"),
        ("label: pay a bill", "label: main.pya", "unknown_prompt"),
        ("options: [Springfield, Shelbyville]", "options: towns", "bad_options"),
        ("as: one_of, options: [Springfield, Shelbyville]", "as: one_of", "bad_options"),
        ("slots: {amount: money,", "slotz: {amount: money,", "unknown_key"),
        ("what are your hours\n", "pay my bill\n", "equal_examples"),
        ("  hours:", "  no_match:", "bad_name"),
        ("  hours:", "  ours:", "unknown_intent"),
        ("  hours:", "  other: {examples: {en: [some other thing]}}\n  hours:", "unused_intent"),
        ("  hours:", "  other: {examples: {en: [some other thing]}}\n  hours:", "few_examples"),
        ("intents:\n", "classifier: oracle\nintents:\n", "unknown_classifier"),
    ],
)
def test_mistakes_are_told(tmp_path: Path, old: str, new: str, code: str) -> None:
    assert old in INTENTS
    assert any(problem.endswith(f" {code}") for problem in problems(tmp_path, INTENTS.replace(old, new, 1)))


def test_options_are_for_lists_only(tmp_path: Path) -> None:
    main = LISTEN.replace("as: text,", "as: text, options: [a],")
    assert any("bad_options" in problem for problem in problems(tmp_path, INTENTS, main))


def test_a_slot_that_may_not_have_been_said_must_be_asked_for_first(tmp_path: Path) -> None:
    assert any("unfilled" in problem for problem in problems(tmp_path, INTENTS))
