"""Mistakes in campaigns.yaml, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow import sample

QUEUES = "queues: {billing: {wrap_up: {codes: [paid, no_more_calls]}}}\n"


def problems(tmp_path: Path, campaigns: str) -> list[str]:
    files = {"flows/campaigns.yaml": campaigns, "flows/queues.yaml": QUEUES}
    found = sample.flow_set(tmp_path, files)[1]
    return [
        f"{Path(one.mark.file).name}:{one.mark.line}:{one.mark.column} {one.what}; {one.fix}"
        for one in found
        if one.mark.file.endswith("campaigns.yaml") and "campaign_" not in one.what  # the sample has no such prompts
    ]


def test_a_good_one(tmp_path: Path) -> None:
    good = "{queue: billing, hours: 09:00-20:00, from: 2026-12-01, until: 2026-12-31, codes: {paid: machine}}"
    assert problems(tmp_path, f"campaigns:\n  plan: {good}\n") == []


@pytest.mark.parametrize(
    ("campaign", "said"),
    [
        ("{queue: biling}", "campaigns.yaml:2:10 there is no queue 'biling'; did you mean"),
        ("{queue: billing, codes: {no_more: do_not_contact}}", "2:34 the queue has no wrap-up code 'no_more'; did you"),
        ("{queue: billing, codes: {paid: never}}", "2:34 'paid': Input should be 'do_not_contact'"),
        ("{queue: billing, hours: 20:00-09:00}", "ends before it begins; write the earlier time first"),
        ("{queue: billing, hours: 9-20}", "'hours'"),
        ("{queue: billing, hours: 07:00-20:00}", "`hours` go beyond 08:00 to 21:00"),
        ("{queue: billing, from: 2026-12-02, until: 2026-12-01}", "`until` is before `from`"),
        ("{queue: billing, attempt: 2}", "campaigns.yaml:2:26 'attempt' is not known here"),
        ("{queue: billing, caller_id: 555}", "'caller_id'"),
        ("{queue: billing, greeting: main.none}", "the prompt 'main.none'"),
        ("{attempts: 2}", "'queue'"),
    ],
)
def test_a_mistake(tmp_path: Path, campaign: str, said: str) -> None:
    found = problems(tmp_path, f"campaigns:\n  plan: {campaign}\n")
    assert any(said in one for one in found), found
