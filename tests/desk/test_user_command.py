"""callwright user"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callcenter.db import open_database, reading
from callcenter.desk import audit, invitations, users
from ivr.cli import main
from ivr.settings import Settings
from tests.desk.support import NOW


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("PUBLIC_BASE_URL", "https://desk.example.com")


def test_the_life_of_a_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["user", "add", "Maria", "Maria Ortiz", "--role", "admin", "--agent", "maria"]) == 0
    link = capsys.readouterr().out.strip()
    found = re.fullmatch(r"https://desk\.example\.com/desk/welcome/([\w-]{22})", link)
    assert found
    engine = open_database(Settings().database)
    with reading(engine) as conn:
        invited = invitations.look(conn, found[1], NOW)
        assert invited is not None
        assert invited.user_id == users.find(conn, "maria").id  # type: ignore[union-attr]
    assert main(["user", "add", "maria", "Another"]) != 0
    assert "belongs to another user" in capsys.readouterr().err
    assert main(["user", "change", "maria", "--off"]) != 0
    assert "one admin must be left" in capsys.readouterr().err
    assert main(["user", "add", "tom", "Tom"]) == 0
    assert main(["user", "change", "tom", "--role", "supervisor", "--off"]) == 0
    capsys.readouterr()
    assert main(["user", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed == ["maria  admin  Maria Ortiz  agent maria", "tom  supervisor  Tom  switched off"]
    assert main(["user", "reset", "tom"]) == 0
    assert main(["user", "remove", "tom"]) == 0
    assert main(["user", "link", "tom"]) != 0
    assert "there is no user tom" in capsys.readouterr().err
    with reading(engine) as conn:
        actions = [entry.action for entry in audit.listed(conn, limit=10)]
    assert actions == ["user.removed", "user.totp_off", "user.changed", "user.added", "user.added"]
    engine.dispose()
