"""A flow sends its caller elsewhere: numbers become addresses at the caller's side, and what is no address fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.voice.line import Line

pytestmark = pytest.mark.sip

MAIN = """\
start: go
steps:
  go: {transfer: "%s", exits: {done: bye, busy: bye, no_answer: bye, failed: sorry, unsupported: bye}}
  sorry: {hang_up: message.thanks}
  bye: {hang_up: message.goodbye}
"""


def test_a_transfer_to_what_is_no_address_takes_the_exit_for_failures(tmp_path: Path, audio: Path) -> None:
    flows = tmp_path / "flows"
    flows.mkdir()
    (flows / "main.yaml").write_text(MAIN % "'nobody at all'")
    (flows / "company.yaml").write_text("name: Sample\nperson: helpdesk\n")
    (flows / "helpdesk.yaml").write_text("steps: {thanks: {hang_up: message.thanks}}\n")
    with Line(tmp_path / "line", audio, flows=flows) as line:
        phone = line.call()
        assert phone.hears("message.thanks")
        facts = phone.facts()
    assert ("main", "go", "failed") in facts.exits
