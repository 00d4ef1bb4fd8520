"""Opening hours by forms: the file is written, checked and published; nobody's change is lost."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Engine
from werkzeug.test import TestResponse

from callcenter.db import reading
from callcenter.desk import audit
from ivr.editing import FlowFiles
from ivr.web.desk_hours import HoursFiles
from tests.desk.files import small_files
from tests.desk.support import Browser, Desk, make_desk

PAGE = "/desk/hours/business_hours"
DAY = {"date": "2026-12-11", "from": "08:00", "to": "12:00", "reason": "Staff party"}


@pytest.fixture
def files(sqlite_engine: Engine, tmp_path: Path) -> FlowFiles:
    return small_files(sqlite_engine, tmp_path)


@pytest.fixture
def desk(sqlite_engine: Engine, tmp_path: Path, files: FlowFiles) -> Desk:
    return make_desk(sqlite_engine, tmp_path, hours=HoursFiles(files))


@pytest.fixture
def admin(desk: Desk) -> Browser:
    return desk.browser("admin")


def text(files: FlowFiles) -> str:
    return (files.settings.flows_dir / "business_hours.yaml").read_text()


def week(page: TestResponse) -> dict[str, str]:
    """The form as the page shows it."""
    form = re.search(r'<form[^>]*/week".*?</form>', page.text, re.DOTALL)
    assert form is not None
    fields = re.findall(r'<input type="(?:hidden|time)" name="([^"]+)" value="([^"]*)"', form[0])
    return {name: unescape(value) for name, value in fields}


def told(browser: Browser, answer: TestResponse) -> str:
    """What the next page says."""
    assert answer.status_code == 303, answer.status_code
    page = browser.get(answer.location)
    notice = re.search(r'<p class="notice (?:said|fault)"[^>]*>(.*?)</p>', page.text, re.DOTALL)
    assert notice is not None, page.text[:2000]
    return unescape(notice[1])


def test_everybody_sees_what_callers_are_told(desk: Desk) -> None:
    page = desk.browser("agent").get("/desk/hours").text
    assert 'class="chip bad">closed' in page  # a Sunday
    assert "Opens again: Mon, Nov 23, 2026, 8:00\u202fAM" in page  # in New York, on a desk in Madrid
    assert "Thu, Nov 26, 2026: closed (Thanksgiving)" in page
    assert "Save and publish" not in page
    assert "America/New_York" in page


def test_a_day_is_added_published_and_undone(desk: Desk, files: FlowFiles, admin: Browser) -> None:
    before, version = text(files), files.published.current().hash
    admin.get("/desk/hours")
    answer = admin.post(f"{PAGE}/holiday", DAY)
    assert "answers new calls" in told(admin, answer)
    assert text(files) == before + '  - {date: 2026-12-11, name: Staff party, hours: "08:00-12:00"}\n'
    now = files.published.current()
    assert now.hash != version
    assert now.files["business_hours"]["holidays"][-1]["name"] == "Staff party"
    assert files.unpublished() == ()
    page = admin.get("/desk/hours").text
    assert "added: Fri, Dec 11, 2026: 8:00\u202fAM – 12:00\u202fPM (Staff party)" in page
    with reading(desk.engine) as conn:
        entry = audit.listed(conn, limit=1)[0]
    assert (entry.action, entry.target, entry.login) == ("hours.changed", "hours:business_hours", "admin")
    assert entry.data["before"] == version
    undone = admin.post(f"{PAGE}/undo", {"version": now.hash, "before": version})
    assert "answers new calls" in told(admin, undone)
    assert (text(files), files.published.current().hash, files.unpublished()) == (before, version, ())
    again = admin.post(f"{PAGE}/undo", {"version": now.hash, "before": version})
    assert "published meanwhile" in told(admin, again)


def test_the_week(files: FlowFiles, admin: Browser) -> None:
    before = text(files)
    form = week(admin.get("/desk/hours"))
    assert told(admin, admin.post(f"{PAGE}/week", form)) == "Nothing was changed."
    form |= {"monday_to": "00:00", "sunday_from": "00:00", "sunday_to": "00:00", "saturday_from": "",
             "saturday_to": "", "tuesday_from2": "20:00", "tuesday_to2": "02:00"}  # fmt: skip
    told(admin, admin.post(f"{PAGE}/week", form))
    assert text(files) == before.replace('monday: ["08:00-18:00"]', 'monday: ["08:00-24:00"]').replace(
        'tuesday: ["08:00-18:00"]', 'tuesday: ["08:00-18:00", "20:00-02:00"]'
    ).replace('saturday: ["09:00-13:00"]\n', 'saturday: closed\n  sunday: ["00:00-24:00"]\n')
    form = week(admin.get("/desk/hours"))
    assert (form["monday_to"], form["sunday_from"], form["sunday_to"]) == ("00:00", "00:00", "00:00")
    assert told(admin, admin.post(f"{PAGE}/week", form)) == "Nothing was changed."


def test_the_second_of_two_is_told_what_changed(desk: Desk, files: FlowFiles, admin: Browser) -> None:
    form = week(admin.get("/desk/hours"))
    other = desk.browser("admin")
    theirs = week(other.get("/desk/hours"))
    told(other, other.post(f"{PAGE}/week", {**theirs, "monday_from": "07:00"}))
    after = text(files)
    said = told(admin, admin.post(f"{PAGE}/week", {**form, "monday_from": "09:00", "friday_from": "09:00"}))
    assert said == ("Nothing was saved: somebody else changed it meanwhile. "
                    "Now: Monday: 7:00\u202fAM – 6:00\u202fPM")  # fmt: skip
    assert text(files) == after
    told(admin, admin.post(f"{PAGE}/week", {**form, "friday_from": "09:00"}))  # another day is nobody's business
    assert 'friday: ["09:00-18:00"]' in text(files)
    assert 'monday: ["07:00-18:00"]' in text(files)
    told(other, other.post(f"{PAGE}/holiday", DAY))
    assert "there is an entry already. Fri, Dec 11" in told(admin, admin.post(f"{PAGE}/holiday", DAY))


def test_entries_are_changed_and_removed(files: FlowFiles, admin: Browser) -> None:
    before = text(files)
    eve = {"date": "12-24", "name": "Christmas Eve", "hours": ["08:00-12:00"]}
    same = {"date": "2026-12-24", "yearly": "yes", "from": "08:00", "to": "12:00", "reason": "Christmas Eve"}
    admin.get("/desk/hours")
    assert told(admin, admin.post(f"{PAGE}/holiday", {**same, "was": json.dumps(eve)})) == "Nothing was changed."
    told(admin, admin.post(f"{PAGE}/holiday", {**same, "was": json.dumps(eve), "to": "13:00"}))
    assert text(files) == before.replace('hours: "08:00-12:00"', 'hours: "08:00-13:00"')
    now = json.dumps({**eve, "hours": ["08:00-13:00"]})
    told(admin, admin.post(f"{PAGE}/remove", {"kind": "holiday", "was": now}))
    assert "Christmas Eve" not in text(files)
    gone = admin.post(f"{PAGE}/remove", {"kind": "holiday", "was": now})
    assert "it was removed" in told(admin, gone)


def test_closed_from_one_time_to_another(files: FlowFiles, admin: Browser) -> None:
    admin.get("/desk/hours")
    drill = {"kind": "closure", "begin": "2026-11-23T12:00", "end": "2026-11-23T14:00", "reason": "Drill"}
    told(admin, admin.post(f"{PAGE}/span", drill))
    assert "  - {from: 2026-11-23T12:00, to: 2026-11-23T14:00, reason: Drill}\n" in text(files)
    assert "8:00\u202fAM – 12:00\u202fPM, 2:00\u202fPM – 6:00\u202fPM" in admin.get("/desk/hours").text
    assert "ends before it begins" in told(admin, admin.post(f"{PAGE}/span", {**drill, "end": "2026-11-23T11:00"}))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"date": "tomorrow"}, "Choose a day."), ({"to": ""}, "from when until when"), ({"to": "08:00"}, "ends when"),
     ({"from": "25:00"}, "from when until when")],
)  # fmt: skip
def test_wrong_forms_are_told(files: FlowFiles, admin: Browser, wrong: dict[str, str], said: str) -> None:
    before = text(files)
    admin.get("/desk/hours")
    assert said in told(admin, admin.post(f"{PAGE}/holiday", {**DAY, **wrong}))
    assert text(files) == before


@pytest.mark.parametrize(
    "hostile", [{"was": "[1]"}, {"was": "{"}, {"was": '{"hours": 3}'}, {"date": "x" * 99}]
)  # fmt: skip
def test_what_no_form_sends_is_refused(files: FlowFiles, admin: Browser, hostile: dict[str, Any]) -> None:
    admin.get("/desk/hours")
    assert admin.post(f"{PAGE}/holiday", {**DAY, **hostile}).status_code == 400
    for name in ("company", "main", "..%2fqueues", "nothing"):
        assert admin.post(f"/desk/hours/{name}/holiday", DAY).status_code == 404


def test_other_unpublished_files_need_a_word(files: FlowFiles, admin: Browser) -> None:
    before, path = text(files), files.settings.flows_dir / "main.yaml"
    path.write_text(path.read_text() + "# a remark\n")
    page = admin.get("/desk/hours").text
    assert "Publish the other files, too: flows/main.yaml" in page
    assert "would be with this: flows/main.yaml" in told(admin, admin.post(f"{PAGE}/holiday", DAY))
    assert text(files) == before
    told(admin, admin.post(f"{PAGE}/holiday", {**DAY, "also": "flows/main.yaml"}))
    assert files.unpublished() == ()


def test_a_mistake_elsewhere_is_told_by_its_place(files: FlowFiles, admin: Browser) -> None:
    before, path = text(files), files.settings.flows_dir / "main.yaml"
    path.write_text("start: nowhere\nsteps: {}\n")
    admin.get("/desk/hours")
    said = told(admin, admin.post(f"{PAGE}/holiday", {**DAY, "also": "flows/main.yaml"}))
    assert said.startswith("Nothing was saved: main.yaml:2:8 ")
    assert text(files) == before


def test_a_file_that_isnt_published_is_not_written_over(files: FlowFiles, admin: Browser) -> None:
    path = files.settings.flows_dir / "business_hours.yaml"
    published = path.read_bytes()
    path.write_bytes(published + b"# by hand\n")
    page = admin.get("/desk/hours").text
    assert "Take what is published" in page
    assert "Save and publish" not in page
    assert "publish it, or take the published one" in told(admin, admin.post(f"{PAGE}/holiday", DAY))
    told(admin, admin.post(f"{PAGE}/published"))
    assert path.read_bytes() == published


def test_files_that_cant_be_written_are_said_to_be(
    files: FlowFiles, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FlowFiles, "writable", lambda self, folder: False)  # root may write anything
    page = admin.get("/desk/hours").text
    assert "This server can't write the flow files" in page.replace("&#39;", "'")
    assert "Add and publish" not in page


def test_a_database_that_fails_leaves_the_file_as_it_was(
    files: FlowFiles, admin: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = text(files)
    admin.get("/desk/hours")

    def fail(*_: object) -> None:
        raise OSError("no database")

    monkeypatch.setattr(files.published, "publish", fail)
    assert admin.post(f"{PAGE}/holiday", DAY).status_code == 500
    assert text(files) == before


def test_without_files_of_hours(files: FlowFiles, admin: Browser) -> None:
    (files.settings.flows_dir / "business_hours.yaml").unlink()
    flows = files.settings.flows_dir
    files.published.publish(flows, files.settings.prompts_dir)
    assert "No opening hours are published" in admin.get("/desk/hours").text
    assert admin.get(PAGE).status_code == 404
