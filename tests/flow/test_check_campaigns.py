"""Mistakes in campaigns.yaml, each at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow import sample

QUEUES = "queues: {billing: {wrap_up: {codes: [paid, no_more_calls]}}}\n"


REMIND = """\
steps:
  tell:
    menu: "A bill of {amount}, {name}."
    choices: [{key: 1, label: go on, go: bye}, {key: 9, label: stop, go: stop}]
  bye: {hang_up: "{reference}"}
  stop: {hang_up: Goodbye., outcome: no_more}
"""
SILENT = "steps: {tell: {hang_up: Hello.}}\n"


def problems(tmp_path: Path, campaigns: str) -> list[str]:
    files = {"flows/campaigns.yaml": campaigns, "flows/queues.yaml": QUEUES, "flows/silent.yaml": SILENT}
    files["flows/remind.yaml"] = REMIND
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
        ("{queue: billing, flow: helpdek}", "2:26 there is no flow 'helpdek'; did you mean 'helpdesk'?"),
        ("{queue: billing, flow: silent}", "2:26 the flow 'silent' asks for no key"),
        ("{queue: billing, flow: remind, codes: {no_mor: busy}}", "no flow ends with it; did you mean 'no_more'?"),
        ("{queue: billing, flow: remind, columns: [today]}", "the slot 'today' has a meaning of its own"),
        ("{queue: billing, flow: remind, columns: [phone]}", "it is the slot `caller`"),
        ("{queue: billing, flow: remind, greeting: hi}", "`greeting` is for calls by agents"),
        ("{queue: billing, calls_per_minute: 5}", "`calls_per_minute` is for calls that run a flow"),
    ],
)
def test_a_mistake(tmp_path: Path, campaign: str, said: str) -> None:
    found = problems(tmp_path, f"campaigns:\n  plan: {campaign}\n")
    assert any(said in one for one in found), found


def slots(tmp_path: Path, campaign: str) -> list[str]:
    files = {"flows/campaigns.yaml": f"campaigns:\n  plan: {campaign}\n", "flows/queues.yaml": QUEUES}
    found = sample.flow_set(tmp_path, files | {"flows/remind.yaml": REMIND})[1]
    return [f"{one.code} {one.what}" for one in found if one.mark.file.endswith("remind.yaml")]


def test_a_flow_may_use_what_every_list_of_the_campaign_has(tmp_path: Path) -> None:
    assert slots(tmp_path, "{queue: billing, flow: remind, columns: [amount, name, reference]}") == []
    told = slots(tmp_path, "{queue: billing, flow: remind, columns: [amount]}")
    assert [one.partition(" ")[0] for one in told] == ["maybe_unfilled", "maybe_unfilled"]
    assert any(
        "unknown_slot nothing fills the slot 'amount'" in one
        for one in slots(tmp_path, "{queue: billing, flow: remind}")
    )


def test_columns_of_all_campaigns_that_run_the_flow_count(tmp_path: Path) -> None:
    every = "columns: [amount, name, reference]}"
    two = f"{{queue: billing, flow: remind, {every}\n  other: {{queue: billing, flow: remind, columns: [amount]}}"
    assert {one.partition(" ")[0] for one in slots(tmp_path, two)} == {"maybe_unfilled"}
