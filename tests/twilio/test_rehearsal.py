"""`callwright call --twilio` against a server of its own process."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from ivr.cli import main
from tests.twilio.server import web_server
from tests.twilio.support import ACCOUNT, BASE_URL, CARD, CODE, EXPIRY, TOKEN, prepare, settings


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    prepare(settings(tmp_path)).dispose()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", TOKEN)
    monkeypatch.setenv("PUBLIC_BASE_URL", BASE_URL)
    return tmp_path


def test_a_bill_is_paid_on_a_running_server(
    company: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = ["1", ACCOUNT, "1", f"{CARD}#", EXPIRY, f"{CODE}#"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(typed) + "\n"))
    with web_server(company) as server:
        assert main(["call", "--twilio", server.url]) == 0
    shown = capsys.readouterr().out
    assert "Thank you for calling Riverbend Water and Power." in shown
    assert "1 key" in shown
    assert "was approved. Your confirmation number is" in shown
    assert "the call is over" in shown


def test_what_can_be_wrong_is_said(
    company: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with web_server(company) as server:
        monkeypatch.setenv("TWILIO_AUTH_TOKEN", "another")
        assert main(["call", "--twilio", server.url]) != 0
    assert "compare the server's TWILIO_AUTH_TOKEN and PUBLIC_BASE_URL" in capsys.readouterr().err
    assert main(["call", "--twilio", server.url]) != 0  # nobody listens there any more
    assert "11200" in capsys.readouterr().err
    assert main(["call", "--twilio", "127.0.0.1"]) != 0
    assert "not the address of a server" in capsys.readouterr().err
    assert main(["call", "--twilio", server.url, "--text"]) != 0
    assert "--text can't be used with --twilio" in capsys.readouterr().err
