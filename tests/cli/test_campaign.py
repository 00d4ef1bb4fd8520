"""callwright campaign, as an admin meets it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from callcenter.db import migrate, open_database
from ivr.actions import specs
from ivr.cli import main
from ivr.published import Published

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path}/test.db"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    engine = open_database(url)
    migrate(engine)
    Published(engine, specs(), tmp_path / "versions").publish(ROOT / "flows", ROOT / "prompts")
    engine.dispose()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "people.csv"
    made.write_text("phone,name,reference,due_on\n+12125550142,Ana Diaz,A-7,2026-12-01\n+12125550143,Lee,A-8,\n")
    return made


def callwright(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    status = main([str(one) for one in ("campaign", *arguments)])
    told = capsys.readouterr()
    return status, told.out + told.err


def test_a_list_is_imported_once_and_its_results_exported(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    assert callwright(capsys, "import", "payment_plan", file, "--check") == (
        0, "2 to be called, 0 not to be called, 0 not added; nothing was changed\n"
    )  # fmt: skip
    status, said = callwright(capsys, "import", "payment_plan", file)
    assert (status, said) == (0, "2 to be called, 0 not to be called, 0 not added\n")
    status, said = callwright(capsys, "import", "payment_plan", file)
    assert "0 to be called, 0 not to be called, 2 not added" in said
    assert f"{file}:2: on the list already" in said
    status, said = callwright(capsys, "status")
    assert said.startswith("payment_plan: 0 of 2 done (0 %); 0 in the queue, 2 waiting, next ")
    status, said = callwright(capsys, "export", "payment_plan")
    ana, lee = csv.DictReader(io.StringIO(said))
    assert {(ana["phone"], ana["due_on"]), (lee["phone"], lee["due_on"])} == {
        ("+12125550142", "2026-12-01"), ("+12125550143", ""),
    }  # fmt: skip


def test_a_bad_line_imports_nothing(capsys: pytest.CaptureFixture[str], file: Path) -> None:
    file.write_text(file.read_text() + "12,Jo,A-9,\n")
    status, said = callwright(capsys, "import", "payment_plan", file)
    assert status == 1
    assert said.startswith(f"{file}:4: ")
    assert "0 of 0 done" in callwright(capsys, "status", "payment_plan")[1]


def test_pause_and_resume(capsys: pytest.CaptureFixture[str]) -> None:
    assert callwright(capsys, "pause", "payment_plan") == (0, "payment_plan is paused\n")
    assert callwright(capsys, "pause", "payment_plan") == (0, "payment_plan is paused already\n")
    assert callwright(capsys, "status")[1].startswith("payment_plan (paused): ")
    assert callwright(capsys, "resume", "payment_plan") == (0, "payment_plan is running\n")


@pytest.mark.parametrize("arguments", [("pause", "plan"), ("export", "plan"), ("import", "plan", "x.csv")])
def test_an_unknown_campaign_is_named(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    status, said = callwright(capsys, *arguments)
    assert status != 0
    assert "there is no campaign 'plan' in the published flows; there are payment_plan, bill_due" in said


def test_a_file_that_isnt_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    status, said = callwright(capsys, "import", "payment_plan", tmp_path / "none.csv")
    assert status != 0
    assert "none.csv can't be read: No such file" in said


def test_a_list_has_what_the_flow_of_its_campaign_needs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    made = tmp_path / "bills.csv"
    for text, said in (
        ("phone,name\n+12125550142,Ana\n", f"{made}:1: no column `account`, which the campaign's flow needs"),
        (
            "phone,account\n+12125550142,1\n+12125550143,\n",
            f"{made}:3: account is empty, and the campaign's flow needs",
        ),
    ):
        made.write_text(text)
        status, told = callwright(capsys, "import", "bill_due", made)
        assert (status, told.startswith(said)) == (1, True), told
    made.write_text("phone,account\n+12125550142,10203040\n")
    assert "0 to be called, 1 not to be called" in callwright(capsys, "import", "bill_due", made)[1]  # no consent
    assert "0 called now" in callwright(capsys, "status", "bill_due")[1]
