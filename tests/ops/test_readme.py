"""The README's commands work as pasted: every `sh` block is run, one after the other, as a newcomer would."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh copy of the admin's files with the virtual environment where `make run` puts it."""
    place = tmp_path_factory.mktemp("readme")
    for name in ("flows", "prompts", "docs"):
        shutil.copytree(ROOT / name, place / name)
    (place / ".venv").symlink_to(sys.prefix)
    return place


def test_there_are_commands_to_try() -> None:
    assert len(BLOCKS) > 5


@pytest.mark.slow
@pytest.mark.timeout(600)  # many commands, each a Python of its own: 40 s on an idle machine
def test_every_command_works_as_pasted(place: Path) -> None:
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    script = "set -eu\n" + "\n".join(BLOCKS)
    done = subprocess.run(
        ["sh", "-c", script], cwd=place, env=clean, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (place / "main.svg").read_text().count("<svg") == 1
    assert (place / "balance.wav").stat().st_size > 8000 * 2  # more than a second
    assert "accounts: 1, bills: 1" in done.stdout
    assert "Is there anything else" in done.stdout
    assert "0 that don't add up" in done.stdout
    assert re.search(r"^cw_\w+$", done.stdout, re.MULTILINE)


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """To files that are there, and to headings that they have."""
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", page.read_text()):
        name, _, heading = target.partition("#")
        found = page.parent / name if name else page
        assert found.exists(), target
        assert not heading or heading in _headings(found), target


def _headings(page: Path) -> set[str]:
    """As GitHub makes anchors of them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}
