"""What is stored is nobody else's on the machine to read."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from callcenter.db import open_database, reading
from ivr.doctor import examine
from ivr.running import only_one
from ivr.settings import Settings


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_run_closes_its_data_to_others(tmp_path: Path) -> None:
    """A folder that was there before, too; a group that the admin let in stays in."""
    for name, before, after in (("new", None, 0o700), ("open", 0o755, 0o750), ("shared", 0o770, 0o770)):
        folder = tmp_path / name
        if before is not None:
            folder.mkdir()
            folder.chmod(before)
        with only_one(folder):
            assert mode(folder) == after, name


def test_a_database_makes_a_folder_for_itself_alone(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'data' / 'callwright.db'}")
    with reading(engine):
        pass
    engine.dispose()
    assert mode(tmp_path / "data") == 0o700


def test_the_doctor_names_what_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / ".env").write_text("")
    settings = Settings(_env_file=None, data_dir=tmp_path / "var")

    def found() -> dict[str, tuple[bool | None, str]]:
        return {one.what: (one.well, one.fix) for one in examine(settings) if one.what.endswith(" access")}

    for path in (tmp_path / "var", tmp_path / ".env"):
        path.chmod(0o755)
    assert found() == {
        "DATA_DIR access": (None, f"chmod o-rwx {tmp_path / 'var'}"),
        ".env access": (None, "chmod o-rwx .env"),
    }
    for path in (tmp_path / "var", tmp_path / ".env"):
        path.chmod(0o640)
    assert found() == {"DATA_DIR access": (True, ""), ".env access": (True, "")}


def test_the_doctor_tells_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    gone = "127.0.0.1:9"
    settings = Settings(
        _env_file=None, data_dir=tmp_path / "var", redis_url=f"redis://:hidden1@{gone}/0",
        database_url=f"postgresql://user:hidden2@{gone}/name", smtp_url=f"smtp://user:hidden3@{gone}",
        imap_url=f"imaps://user:hidden4@{gone}/INBOX", sip_users="user:hidden5", sip_register=f"user:hidden6@{gone}",
        billing_url=f"http://user:hidden7@{gone}/bills", billing_token="hidden8",
        ice_servers=f"turn:user:hidden9@{gone}", mail_from="us@example.com",
    )  # fmt: skip
    told = [f"{one.what} {one.found} {one.fix}" for one in examine(settings)]
    assert any("http://127.0.0.1:9/bills" in line for line in told)
    assert not [line for line in told if "hidden" in line]
