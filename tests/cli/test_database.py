"""Commands whose database can't be used say so in one line."""

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


@pytest.mark.parametrize(
    "arguments",
    [
        ["api-key", "billing"],
        ["audit"],
        ["campaign", "status"],
        ["import-bills", "bills.csv"],
        ["publish", "--list"],
        ["staffing"],
        ["user", "list"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_database_that_is_not_there(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@/none?host={tmp_path}")
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("callwright: the database ")
    assert told.err.rstrip().endswith("check DATABASE_URL")


def test_a_database_of_before_is_brought_up_to_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'one.db'}")
    assert main(["api-key", "billing"]) == 0
    assert capsys.readouterr().out.startswith("cw_")
