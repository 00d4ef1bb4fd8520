"""The command line, as an admin meets it: exit status, words, and no stack traces."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.cli import main
from ivr.cli.command import COMMANDS

ROOT = Path(__file__).parents[2]
FLOW = """\
steps:
  welcome: {say: main.welcome, next: choose}
  choose:
    menu: main.menu
    choices:
      - {key: 1, label: main.bill, go: account}
      - {key: 2, label: main.bye, go: bye}
  account: {ask: main.account, as: digits, length: 8, next: find}
  find: {action: find_bill, with: {account: account}, into: bill, exits: {found: owes, not_found: account}}
  owes: {say: main.owes, next: bye}
  bye: {hang_up: main.bye}
"""
PROMPTS = """\
main:
  welcome: Welcome.
  menu: What is it?
  bill: hear your bill
  bye: Goodbye.
  account: Your number?
  owes: "You owe {bill.balance|money}."
helpdesk: {thanks: Please call again.}
"""
CALL = """\
sandbox: true
channels: [voice, text]
script: [{hears: main.menu}, {presses: 1}, {hears: main.account}, {presses: "10203040"}, {hears: "$84.50"}]
expect: {outcome: completed, actions: [find_bill]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small company on the real actions."""
    files = {
        "flows/company.yaml": "name: Sample\nperson: helpdesk\n",
        "flows/main.yaml": FLOW,
        "flows/helpdesk.yaml": "steps: {thanks: {hang_up: helpdesk.thanks}}",
        "flows/calls/bill.yaml": CALL,
        "prompts/en/main.yaml": PROMPTS,
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_help_lists_commands_and_is_quick() -> None:
    """Quick means: none of the heavy packages is imported for it."""
    watch = "import sys; from ivr.cli import main\ntry: main(['--help'])\nfinally: print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, cwd=ROOT)
    listed, modules = done.stdout.rsplit("[", 1)
    for name in COMMANDS.keys() & {"check", "call", "test", "draw", "schema", "actions"}:
        assert f"    {name} " in listed
    assert not {"'sqlalchemy'", "'rich'", "'pydantic'", "'yaml'", "'flask'"} & set(modules.rstrip("]\n").split(", "))


def test_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(folder / "flows")]) == 0
    assert "all well: 2 flows, 7 steps, 1 language\n" in capsys.readouterr().out
    flow = folder / "flows" / "main.yaml"
    flow.write_text(FLOW.replace("next: choose", "next: chose"))
    assert main(["check", str(folder / "flows")]) == 1
    out = capsys.readouterr().out
    assert f"{flow}:2:32: error: this flow has no step 'chose'; did you mean 'choose'?" in out
    assert "\x1b" not in out
    assert main(["check", str(flow), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found[0]["code"] == "bad_target"
    assert (found[0]["line"], found[0]["column"], found[0]["severity"]) == (2, 32, "error")


def test_the_demo_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(ROOT / "flows")]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("command", ["check", "test", "draw", "call"])
def test_a_folder_that_is_not_there(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, str(tmp_path / "nowhere")]) == 2
    assert "there is no" in capsys.readouterr().err
    assert main([command, str(tmp_path)]) in (1, 2)
    shown = capsys.readouterr()
    assert "no flow files are here" in shown.out
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("command", ["check", "draw", "call"])
def test_a_file_that_is_no_flow(command: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It isn't well only because nobody looked at it."""
    other = folder / "flows" / "people.csv"
    other.write_text("phone\n")
    assert main([command, str(other)]) == 2
    assert "people.csv is no flow's file; name a folder of flows" in capsys.readouterr().err


def test_scripted_calls(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(folder / "flows"), "--coverage", "-v"]) == 0
    out = capsys.readouterr().out
    assert "passed bill (voice)" in out
    assert "passed bill (text)" in out
    assert "2 passed, 0 failed" in out
    assert "You owe $84.50." in out
    assert "find:not_found" in out.replace("\n", "")
    (folder / "flows" / "calls" / "bill.yaml").write_text(CALL.replace("$84.50", "$84.51"))
    assert main(["test", str(folder / "flows")]) == 1
    out = capsys.readouterr().out
    assert "FAILED bill (voice)" in out
    assert "bill.yaml:3:" in out
    assert "expected to hear '$84.51'" in out
    assert main(["test", str(folder / "flows"), "-k", "other"]) == 2
    assert "no scripted call's name contains 'other'" in capsys.readouterr().err


def test_call_by_lines(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n\n1\n10203040\n"))
    assert main(["call", str(folder / "flows" / "main.yaml"), "--at", "2026-11-23T10:00"]) == 0
    out = capsys.readouterr().out
    assert "I didn't hear anything." in out
    assert "You owe $84.50." in out
    assert "the call is over: completed" in out


def test_call_with_answers_by_hand(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["hear your bill", "10203040", "found", *[""] * 3, "1234"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
    assert main(["call", str(folder / "flows"), "--text", "--actions", "ask"]) == 0
    out = capsys.readouterr().out
    assert "action find_bill(account=10203040)" in out
    assert "the call is over: hung_up" in out  # the answers ran out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["call", "flows/main.yaml", "--language", "fr"], "'fr' is not the company's"),
        (["call", "flows", "--at", "soon"], "'soon' is not a time"),
        (["call", "flows/company.yaml"], "is not a flow"),
        (["draw", "flows/company.yaml"], "is not a flow"),
        (["test", "flows/main.yaml"], "is a file"),
        (["schema", "-o", "nowhere/x.json"], "nowhere/x.json: No such file"),
    ],
)
def test_mistakes_in_a_line(
    folder: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert words in shown.err
    assert shown.err.count("\n") == 1


def test_draw_and_schema(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert main(["draw", "flows/main.yaml", "--all"]) == 0
    assert (folder / "main.svg").read_text().count("<svg") == 1
    assert main(["draw", "--dot", "-o", "-"]) == 0
    assert "digraph" in capsys.readouterr().out
    for kind in ("flow", "company", "campaigns", "call"):
        assert main(["schema", kind]) == 0
        assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")
    assert main(["schema", "-o", "flow.json"]) == 0
    assert "find_bill" in (folder / "flow.json").read_text()


def test_actions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["actions"]) == 0
    out = capsys.readouterr().out
    assert "card (secret)" in out
    assert "not_found, failed" in out


def test_a_fault_of_ours_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(arguments: object) -> int:
        raise RuntimeError("oh no")

    monkeypatch.setattr(COMMANDS["actions"], "run", broken)
    monkeypatch.delenv("CALLWRIGHT_DEBUG", raising=False)
    assert main(["actions"]) == 70
    assert "RuntimeError: oh no" in capsys.readouterr().err
    monkeypatch.setenv("CALLWRIGHT_DEBUG", "1")
    with pytest.raises(RuntimeError):
        main(["actions"])
