"""Scripted calls: read with places, run on a phone, told where they went another way."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.flow.problems import FlowError
from ivr.rehearsal.coverage import coverage
from ivr.rehearsal.reading import read_script, read_scripts
from ivr.rehearsal.run import Outcome, rehearse
from ivr.rehearsal.script import Script, data_matches
from tests.flow import sample

PAID = """\
at: 2026-11-23 10:00
caller: "+15551234567"
actions:
  find_bill: [{exit: found, data: {balance: 8450, due_on: 2026-12-01}}]
  charge: [{exit: declined}, {exit: approved, takes: 3s}]
script:
  - hears: main.welcome
  - presses: 1
  - hears: bill.account
  - presses: "1234"
  - hears: [you owe, $84.50, bill.card]
  - presses: "4242424242424242#"
  - hears: bill.card
  - presses: "4242424242424242#"
  - hears: [system.one_moment, main.bye]
expect:
  outcome: completed
  slots: {account: "1234", bill: {balance: 8450}}
  actions: [find_bill, charge, charge]
  not_heard: [system.fault, "wrong"]
"""


def script(folder: Path, text: str) -> Script:
    flows = sample.usable(folder)
    path = folder / "flows" / "calls" / "one.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return read_script(path, flows)


def run(folder: Path, text: str) -> Outcome:
    return rehearse(script(folder, text), "voice")


def test_as_written(tmp_path: Path) -> None:
    outcome = run(tmp_path, PAID)
    assert outcome.passed, outcome.problems
    assert [said.who for said in outcome.transcript][:2] == ["flow", "flow"]
    one = next(covered for covered in coverage(outcome.script.flows, [outcome.facts]) if covered.flow == "bill")
    assert one.missed_steps == ()
    assert ("find", "not_found") in one.missed_exits
    assert ("find", "found") not in one.missed_exits
    assert 0 < one.percent < 100


VOUCHED = """\
steps:
  look:
    branch:
      - {if: "attestation in ['A', 'passed']", go: trusted}
      - {else: asked}
  trusted:
    hang_up: main.bye
  asked:
    say: bill.account
    next: trusted
"""


@pytest.mark.parametrize(("line", "heard"), [("attestation: A", False), ("attestation: failed", True), ("", True)])
def test_a_flow_sees_how_far_the_network_vouches(tmp_path: Path, line: str, heard: bool) -> None:
    sample.usable(tmp_path)
    (tmp_path / "flows" / "vouched.yaml").write_text(VOUCHED)
    outcome = run(
        tmp_path, f"call: vouched\n{line}\nscript: [hears: main.bye]\nexpect: {{not_heard: [bill.account]}}\n"
    )
    assert outcome.passed is not heard, outcome.problems


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("hears: bill.account", "hears: bill.owes", 9, "but heard: [bill.account] Your account number?"),
        ("  - hears: main.welcome\n", "  - hears: goodbye moon\n", 7, "expected to hear 'goodbye moon'"),
        ("outcome: completed", "outcome: hung_up", 17, "the outcome is 'completed'"),
        ('account: "1234"', 'account: "1235"', 18, "'1234'"),
        ("balance: 8450}}", "balance: 8451}}", 18, "8450"),
        ("[find_bill, charge, charge]", "[find_bill]", 19, "find_bill, charge, charge"),
        ("[system.fault", "[bill.owes", 20, "this was heard"),
        ("expect:", "  - presses: 1\nexpect:", 16, "the call is over already"),
        ("  not_heard", "  messages: [{channel: sms}]\n  not_heard", 20, "there was: none"),
    ],
)
def test_mismatch(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    outcome = run(tmp_path, PAID.replace(old, new, 1))
    assert [problem.mark.line for problem in outcome.problems] == [line]
    assert words in outcome.problems[0].what
    assert outcome.transcript


def test_an_action_without_a_result(tmp_path: Path) -> None:
    outcome = run(tmp_path, 'script: [{presses: "11234"}, {hears: system.fault}]')
    assert outcome.problems[0].code == "no_result"


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("hears: bill.account", "hears: bill.acount", "9:5", "did you mean 'bill.account'?"),
        ("hears: bill.account", "heers: bill.account", "9:5", "did you mean 'hears'?"),
        ("find_bill: [", "find_bil: [", "4:3", "did you mean 'find_bill'?"),
        ("exit: declined", "exit: refused", "5:13", "no exit 'refused'"),
        ("balance: 8450, ", "balence: 8450, ", "4:36", "did you mean 'balance'?"),
        ("script:", "call: flows/mian.yaml\nscript:", "6:1", "did you mean 'main'?"),
        ("script:", "language: fr\nscript:", "6:1", "use one of: en, es"),
        ("script:", "channels: [fax]\nscript:", "6:12", "voice"),
        ("presses: 1\n", "presses: one\n", "8:5", "presses"),
        ("- presses: 1\n", "- hang_up\n", "8:5", "not a line of a script"),
        ("  - presses: 1\n", "  - presses: 1\n    waits: 2\n", "8:5", "does one thing"),
        ("at: 2026-11-23 10:00", "at: soon", "1:1", "at"),
        ("outcome:", "outcom:", "17:3", "outcom"),
    ],
)
def test_mistakes_in_scripts(tmp_path: Path, old: str, new: str, place: str, words: str) -> None:
    with pytest.raises(FlowError) as caught:
        script(tmp_path, PAID.replace(old, new, 1))
    shown = str(caught.value)
    assert f"one.yaml:{place}:" in shown
    assert words in shown


def test_other_starts_channels_and_hanging_up(tmp_path: Path) -> None:
    text = """\
    call: flows/helpdesk.yaml
    channels: [voice, text]
    language: es
    script: [{hears: helpdesk.message}, {waits: 1s}, hangs_up]
    expect: {outcome: hung_up, language: es}
    """
    assert run(tmp_path, text).passed
    assert not rehearse(script(tmp_path, text), "text").passed  # there is no recording in a text thread


def test_all_of_a_folder(tmp_path: Path) -> None:
    flows = sample.usable(tmp_path)
    calls = tmp_path / "flows" / "calls"
    calls.mkdir()
    (calls / "a.yaml").write_text(PAID)
    (calls / "b.yaml").write_text("script: 5")
    scripts, problems = read_scripts(calls, flows)
    assert [one.name for one in scripts] == ["a"]
    assert [problem.mark.file for problem in problems] == [str(calls / "b.yaml")]


def test_data_matches() -> None:
    assert data_matches({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3})
    assert not data_matches({"a": None}, {})
    assert not data_matches(1, True)
