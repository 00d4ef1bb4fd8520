"""Mistakes in quality.yaml, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow import sample

HEAD = "forms:\n  f:\n    title: Calls\n"


def problems(tmp_path: Path, quality: str) -> list[str]:
    files = {"flows/quality.yaml": quality, "flows/queues.yaml": "queues: {billing: {}, sales: {}}\n"}
    found = sample.flow_set(tmp_path, files)[1]
    return [
        f"{Path(one.mark.file).name}:{one.mark.line}:{one.mark.column} {one.what}; {one.fix}"
        for one in found
        if one.mark.file.endswith("quality.yaml")
    ]


def section(question: str) -> str:
    return f"{HEAD}    sections:\n      s: {{title: {{en: Start, es: Inicio}}, questions: {{q: {question}}}}}\n"


def test_a_good_one(tmp_path: Path) -> None:
    assert problems(tmp_path, section("{ask: {en: Greeted, es: ¿Saludó}, weight: 3, critical: true}")) == []
    assert problems(tmp_path, section("{ask: How well, kind: scale, lowest: 0, highest: 10}")) == []


@pytest.mark.parametrize(
    ("quality", "said"),
    [
        (section("{ask: [1]}"), "quality.yaml:5:59 'ask': names and values are expected here"),
        (section("{asks: Greeted}"), "quality.yaml:5:59 'asks' is not known here"),
        (section("{ask: How, kind: stars}"), "'kind': Input should be 'yes_no', 'scale' or 'text'"),
        (section("{ask: How, kind: scale, lowest: 5}"), "a scale goes up: its lowest value, 5, is not below 5"),
        (section("{ask: How, highest: 7}"), "only a question of `kind: scale` has `lowest` and `highest`"),
        (section("{ask: How, kind: text, critical: true}"), "a question of `kind: text` has no score"),
        (section("{ask: How, weight: 0}"), "'weight': Input should be greater than or equal to 1"),
        (section("{ask: How, kind: text}"), "no question has a score"),
        (HEAD, "quality.yaml:2:3 'sections' is missing"),
        (
            HEAD + "    queues: [biling]\n" + section("{ask: x}").removeprefix(HEAD),
            "quality.yaml:4:14 there is no queue",
        ),
        (HEAD + "    queues: [billing]\n" + section("{ask: x}").removeprefix(HEAD), "no form is for the queue 'sales'"),
        (HEAD + "    channels: [fax]\n" + section("{ask: x}").removeprefix(HEAD), "quality.yaml:4:16 "),
        ("sample: {per_agent: many}\n" + section("{ask: x}"), "quality.yaml:1:10 'per_agent': "),
        (
            section("{ask: x}") + "      t: {title: End, questions: {q: {ask: again}}}\n",
            "two questions are called 'q': names of questions are unique in a form",
        ),
    ],
)
def test_a_mistake(tmp_path: Path, quality: str, said: str) -> None:
    found = problems(tmp_path, quality)
    assert any(said in one for one in found), found
