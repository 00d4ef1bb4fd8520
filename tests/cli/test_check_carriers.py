"""What the check says of the carriers that are set up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from callcenter.db import open_database
from ivr.actions import specs
from ivr.cli import main
from ivr.published import Published
from ivr.settings import Settings
from ivr.web.desk import PublishedFlows

ROOT = Path(__file__).parents[2]
FILE = ROOT / "flows" / "campaigns.yaml"
TOKEN, REGISTER = "0123456789abcdef0123456789abcdef", "office:secret@trunk.example.com"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Away from anybody's .env."""
    monkeypatch.chdir(tmp_path)


def told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """The demo has one campaign that runs a flow, and one whose calls agents make."""
    assert main(["check", str(ROOT / "flows"), "--json"]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_a_campaign_with_a_flow_where_twilio_is_the_only_carrier(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    [one] = told(capsys)
    line = next(number for number, text in enumerate(FILE.read_text().splitlines(), 1) if "flow: reminder_call" in text)
    assert (one["file"], one["line"], one["column"]) == (str(FILE), line, 5)
    assert (one["code"], one["severity"]) == ("no_trunk", "warning")
    assert "'bill_due' calls nobody" in str(one["what"])
    assert "SIP_REGISTER" in str(one["fix"])


@pytest.mark.parametrize(
    "settings",
    [{}, {"TWILIO_AUTH_TOKEN": TOKEN, "SIP_REGISTER": REGISTER}, {"TWILIO_AUTH_TOKEN": TOKEN, "SIP_PORT": "none"}],
    ids=["no carrier", "both", "settings that can't be read"],
)
def test_nothing_is_told_otherwise(
    settings: dict[str, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert told(capsys) == []


def test_the_desk_says_the_same(tmp_path: Path) -> None:
    given: dict[str, Any] = {"flows_dir": ROOT / "flows", "prompts_dir": ROOT / "prompts", "data_dir": tmp_path}
    engine = open_database(f"sqlite:///{tmp_path / 'one.db'}")
    try:
        published = Published(engine, specs(), tmp_path / "versions")
        found = [
            PublishedFlows(Settings(_env_file=None, twilio_auth_token=token, **given), published).problems()
            for token in ("", TOKEN)
        ]
    finally:
        engine.dispose()
    assert found[0] == []
    assert [(one.where.split(":")[0], one.warning) for one in found[1]] == [("campaigns.yaml", True)]
