"""Keys for the REST interface, made and revoked at the command line."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callcenter.api import keys
from callcenter.db import open_database
from ivr.cli import main


@pytest.fixture(autouse=True)
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty folder with a database of its own."""
    url = f"sqlite:///{tmp_path / 'one.db'}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", url)
    logger = logging.getLogger("alembic")
    before = logger.level
    yield url
    logger.setLevel(before)


def works(url: str, key: str, at: datetime) -> bool:
    engine = open_database(url)
    try:
        with engine.connect() as conn:
            return keys.find(conn, f"Bearer {key}", at) is not None
    finally:
        engine.dispose()


def test_a_key_works_for_so_many_days(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    begun = datetime.now(UTC)
    assert main(["api-key", "billing", "--days", "30"]) == 0
    key = capsys.readouterr().out.strip()
    assert works(url, key, begun + timedelta(days=30))
    assert not works(url, key, datetime.now(UTC) + timedelta(days=30))
    assert main(["api-key", "billing"]) == 0
    assert works(url, capsys.readouterr().out.strip(), begun + timedelta(days=100_000))


def test_a_key_is_revoked_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped id doesn't look as if the key were gone."""
    assert main(["api-key", "billing"]) == 0
    key = capsys.readouterr().out.strip()
    id = key.split("_")[1]
    assert main(["api-key", "--revoke", id]) == 0
    assert not works(url, key, datetime.now(UTC))
    for wrong in (id, "nosuch"):
        assert main(["api-key", "--revoke", wrong]) == 2
        assert f"there is no key '{wrong}' that could be revoked" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["billing", "--days", "0"], ["billing", "--days", "99999"], ["--revoke", "a"]])
def test_days_that_make_no_sense(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    days = [] if "--days" in arguments else ["--days", "5"]
    assert main(["api-key", *arguments, *days]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "callwright: --days is how long a new key works; write 1 to 3650\n")
