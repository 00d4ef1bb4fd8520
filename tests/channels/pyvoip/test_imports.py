"""pyVoIP is GPL-3.0: the core neither imports it nor needs it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_imports import ROOT, imported, modules

DRIVER = ROOT / "ivr/channels/pyvoip"
COMMAND = ROOT / "ivr/cli/pyvoip.py"


def of_driver(name: str) -> bool:
    return name.split(".")[0] == "pyVoIP" or name == "ivr.channels.pyvoip" or name.startswith("ivr.channels.pyvoip.")


def test_only_the_driver_imports_pyvoip() -> None:
    """And only its command imports the driver, when it is run."""
    found = {
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules("ivr", "callcenter", "bench")
        if DRIVER not in path.parents and path != COMMAND
        for name, line in imported(path)
        if of_driver(name)
    }
    assert found == set()


def test_the_rule_sees_the_driver_itself() -> None:
    names = {name for path in modules("ivr/channels/pyvoip") for name, _ in imported(path)}
    assert any(name.startswith("pyVoIP") for name in names)


def test_the_command_imports_the_driver_only_when_run() -> None:
    tree = ast.parse(COMMAND.read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not [node for node in top if isinstance(node, ast.ImportFrom) and of_driver(node.module or "")]
    assert any(of_driver(name) for name, _ in imported(COMMAND))


BLOCKED = "import sys; sys.modules['pyVoIP'] = None; "


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + code], cwd=folder, capture_output=True, text=True, timeout=100
    )


@pytest.mark.parametrize(
    "code",
    [
        "import ivr.channels.sip.service, ivr.channels.twilio.routes",
        "from ivr.cli import main\ntry:\n main(['--help'])\nexcept SystemExit as done:\n sys.exit(done.code)",
    ],
)
def test_the_core_runs_where_pyvoip_is_not(code: str, tmp_path: Path) -> None:
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    done = run("from ivr.cli import main; sys.exit(main(['pyvoip']))", tmp_path)
    assert done.returncode == 2
    assert "pip install 'callwright[pyvoip]'" in done.stderr
    assert "Traceback" not in done.stderr
