"""callwright copy-database"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.cli import main


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    """Commands quieten the migrations' logger."""
    logger = logging.getLogger("alembic")
    before = logger.level
    yield
    logger.setLevel(before)


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """A database with a key for the API in it, and DATABASE_URL of a new one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///old.db")
    assert main(["api-key", "billing"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("DATABASE_URL", "sqlite:///new.db")
    return "sqlite:///old.db"


def test_what_is_copied_is_counted(old: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["copy-database", old]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "1  api_keys" in [line.strip() for line in lines]
    assert lines[-1].strip() == f"{len(lines) - 1}  rows in all"  # one of each table


def test_a_second_time_is_refused(old: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["copy-database", old]) == 0
    assert main(["copy-database", old]) == 2
    assert "already; copy into a new, empty database" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("sqlite:///none.db", "there is no file none.db; write sqlite:///FILE"),
        ("sqlite:///./new.db", "there is no file ./new.db"),
        ("mysql://localhost/x", "'mysql' isn't supported"),
        ("old.db", "Could not parse"),
    ],
)
def test_mistakes_are_named(old: str, source: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["copy-database", source]) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert not told.out
    assert not Path("new.db").exists()


def test_onto_itself(old: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", old)
    assert main(["copy-database", f"sqlite:///{Path('old.db').absolute()}"]) == 2
    assert "is the database of DATABASE_URL; set that to the new one" in capsys.readouterr().err
