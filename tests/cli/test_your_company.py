"""docs/your-company.md: its files are a whole company that is well and whose call passes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr.cli import main

GUIDE = (Path(__file__).parents[2] / "docs" / "your-company.md").read_text()
FILES = dict(re.findall(r"^```yaml\n# (flows/\S+)\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL))


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "prompts" / "en").mkdir(parents=True)
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_all_files_of_the_guide_are_named() -> None:
    assert len(FILES) == GUIDE.count("```yaml") == 8


def test_the_company_is_well(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert "all well" in capsys.readouterr().out


def test_its_call_passes(company: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", "flows"]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out
