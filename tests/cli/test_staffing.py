"""callwright staffing: a week from the event log and the published files."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy.engine import Engine

from callcenter.db import migrate, open_database
from ivr.actions import specs
from ivr.cli import main
from ivr.published import Published
from tests.reports import weeks

ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    url = f"sqlite:///{tmp_path}/test.db"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    engine = open_database(url)
    migrate(engine)
    return engine


@pytest.fixture
def published(engine: Engine, tmp_path: Path) -> Engine:
    """The demo company's files, and weeks of calls to its queue for bills."""
    flows = Published(engine, specs(), tmp_path / "versions").publish(ROOT / "flows", ROOT / "prompts")
    zone = ZoneInfo(flows.company.timezone)
    with engine.begin() as conn:
        weeks.write(conn, datetime.now(UTC).astimezone(zone).date(), zone)
    return engine


def test_a_table_of_a_queue(published: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["staffing", "--queue", "billing"]) == 0
    out = capsys.readouterr().out
    assert "80 % within 20 s" in out
    assert re.search(r" (\d+) expected, \1 came; off by 0% a half-hour", out)
    assert "voice: 240 s of handling" in out
    # Which holidays of the demo company the weeks have depends on when this runs: one day of the next is open for sure.
    [ten, *_] = [line.split() for line in out.splitlines() if "10:00" in line and "6.0" in line]
    assert (ten[4], ten[6:10], ten[11:]) == ("6.0", ["240", "s", "0.80", "2"], ["3", "84%"])


def test_a_file_of_what_if(published: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--level", "90/5", "--volume", "50", "--handling", "300", "--shrinkage", "50", "--occupancy", "70"]
    assert main(["staffing", "-q", "billing", "--csv", str(tmp_path / "week.csv"), *given]) == 0
    found = list(csv.DictReader(io.StringIO((tmp_path / "week.csv").read_text())))
    ten = next(row for row in found if row["from"][11:16] == "10:00" and float(row["expected"]))
    assert (float(ten["expected"]), ten["handling_seconds"]) == (9.0, "300")
    assert int(ten["scheduled"]) == 2 * int(ten["agents"])
    assert main(["staffing", "-q", "billing", "--csv", "-", *given]) == 0
    assert list(csv.DictReader(io.StringIO(capsys.readouterr().out))) == found


def test_too_little_history_is_said(published: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["staffing", "--queue", "general"]) == 1
    assert "too little history: 0 days" in capsys.readouterr().out
    assert main(["staffing"]) == 0  # one of the queues has enough


def test_nothing_is_published(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["staffing"]) == 2
    assert "publish" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--queue", "nobody"], "there is no queue 'nobody'; there are general, billing"),
        (["--week", "2026-48"], "'2026-48' is no week: write a week as 2026-W48"),
        (["--level", "80"], "'80' is no service level; write --level 80/20"),
        (["--level", "100/20"], "--level: 100 is out of range; use 1 to 99.9"),
        (["--shrinkage", "95"], "--shrinkage: 95 is out of range; use 0 to 90"),
        (["--volume", "nan"], "--volume: nan is out of range; use -100 to 300"),
        (["--csv", "/nowhere/week.csv"], "/nowhere/week.csv can't be written: No such file"),
    ],
)
def test_what_cannot_be_asked(
    published: Engine, capsys: pytest.CaptureFixture[str], given: list[str], says: str
) -> None:
    assert main(["staffing", *given]) == 2
    assert says in capsys.readouterr().err
