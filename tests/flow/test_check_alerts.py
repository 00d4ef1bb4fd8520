"""Mistakes in alerts.yaml, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow import sample

PEOPLE = "people:\n  us: {mail: [a@b.example]}\n"


def problems(tmp_path: Path, alerts: str) -> list[str]:
    files = {"flows/alerts.yaml": alerts, "flows/queues.yaml": "queues: {billing: {}}\n"}
    found = sample.flow_set(tmp_path, files)[1]
    return [
        f"{Path(one.mark.file).name}:{one.mark.line}:{one.mark.column} {one.what}; {one.fix}"
        for one in found
        if one.mark.file.endswith("alerts.yaml")
    ]


def test_a_good_one(tmp_path: Path) -> None:
    good = PEOPLE + "alerts:\n  late: {queues: [billing], longest_wait: 3x, for: 1m, to: [us]}\n"
    assert problems(tmp_path, good) == []


@pytest.mark.parametrize(
    ("alert", "said"),
    [
        ("{waiting: 3, queues: [biling], to: [us]}", "alerts.yaml:4:29 there is no queue 'biling'; did you mean"),
        ("{waiting: 3, to: [su]}", "alerts.yaml:4:25 nobody is called 'su' here; "),
        ("{waiting: many, to: [us]}", "alerts.yaml:4:8 'waiting': "),
        ("{longest_wait: soon, to: [us]}", "'longest_wait': is not a duration"),
        ("{wating: 3, to: [us]}", "alerts.yaml:4:8 'wating' is not known here"),
        ("{to: [us]}", "name a condition: longest_wait"),
        ("{waiting: 3}", "alerts.yaml:2:3 no alert tells 'us'"),
    ],
)
def test_a_mistake(tmp_path: Path, alert: str, said: str) -> None:
    found = problems(tmp_path, f"{PEOPLE}alerts:\n  it: {alert}\n")
    assert any(said in one for one in found), found
