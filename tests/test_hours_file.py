"""Changes of an opening hours file: each says what it replaces."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from callcenter.desk.hours_port import HoursChange, HoursConflict
from ivr.flow.yaml_edit import CannotEdit
from ivr.flow.yaml_source import parse
from ivr.hours import BusinessHours, days
from ivr.hours_file import WrongHours, changed, state

FILE = Path("flows/business_hours.yaml").read_text()
THANKSGIVING = {"date": "2026-11-26", "name": "Thanksgiving", "hours": []}
PARTY = {"date": "2026-12-11", "name": "Party: we're out", "hours": ["08:00-12:00"]}


def model(text: str) -> BusinessHours:
    return BusinessHours.model_validate(parse(text).plain())


def test_the_week() -> None:
    text = changed(FILE, [
        HoursChange("weekday", "monday", ["08:00-18:00"], ["09:00-12:00", "13:00-17:00"]),
        HoursChange("weekday", "sunday", [], ["10:00-12:00"]),
        HoursChange("weekday", "saturday", ["09:00-13:00"], []),
    ])  # fmt: skip
    assert text == FILE.replace('monday: ["08:00-18:00"]', 'monday: ["09:00-12:00", "13:00-17:00"]').replace(
        'saturday: ["09:00-13:00"]\n', 'saturday: closed\n  sunday: ["10:00-12:00"]\n'
    )


def test_a_holiday_is_added_changed_and_removed() -> None:
    text = changed(FILE, [HoursChange("holiday", "", None, PARTY)])
    assert text == FILE + '  - {date: 2026-12-11, name: "Party: we\'re out", hours: "08:00-12:00"}\n'
    later = changed(text, [HoursChange("holiday", "", PARTY, {**PARTY, "name": "Party", "hours": []})])
    assert later == FILE + "  - {date: 2026-12-11, name: Party, hours: closed}\n"
    assert changed(text, [HoursChange("holiday", "", PARTY, None)]) == FILE


def test_closures_and_openings() -> None:
    closure = {"from": "2026-12-07T12:00", "to": "2026-12-07T14:00", "reason": "Fire drill"}
    text = changed(FILE, [HoursChange("closure", "", None, closure), HoursChange("opening", "", None, closure)])
    line = "  - {from: 2026-12-07T12:00, to: 2026-12-07T14:00, reason: Fire drill}\n"
    assert text == f"{FILE}closures:\n{line}openings:\n{line}"
    assert state(model(changed(text, [HoursChange("closure", "", closure, None)])))["closure"] == []


@pytest.mark.parametrize(
    ("change", "there"),
    [
        (HoursChange("weekday", "monday", ["09:00-17:00"], []), ["08:00-18:00"]),
        (HoursChange("holiday", "", None, {**PARTY, "date": "2026-11-26"}), THANKSGIVING),
        (HoursChange("holiday", "", PARTY, None), {}),
        (HoursChange("holiday", "", {**THANKSGIVING, "name": "Turkey"}, None), THANKSGIVING),
        (HoursChange("holiday", "", THANKSGIVING, {**PARTY, "date": "12-25"}),
         {"date": "12-25", "name": "Christmas Day", "hours": []}),
    ],
)  # fmt: skip
def test_what_was_changed_meanwhile_is_told(change: HoursChange, there: Any) -> None:
    with pytest.raises(HoursConflict) as caught:
        changed(FILE, [change])
    assert caught.value.there == there


def test_wrong_hours_are_refused() -> None:
    for now in (["8-12"], ["12:00-12:00"], ["08:00-25:00"]):
        with pytest.raises(WrongHours):
            changed(FILE, [HoursChange("weekday", "monday", ["08:00-18:00"], now)])
    with pytest.raises(WrongHours, match="2026-12-25"):
        changed(FILE, [HoursChange("holiday", "", None, {**PARTY, "date": "2026-02-30"})])


def test_a_file_with_mistakes_is_left_alone() -> None:
    with pytest.raises(CannotEdit, match="1 mistakes"):
        changed("weekly: {monday: late}\n", [HoursChange("weekday", "sunday", [], ["10:00-12:00"])])


def test_days_with_all_that_counts() -> None:
    hours = model(FILE + "closures:\n  - {from: 2026-11-24T12:00, to: 2026-11-24T13:00, reason: Drill}\n")
    found = days(hours, date(2026, 11, 24), 3, "America/New_York")
    assert [[(part.opens_at, part.closes_at) for part in one.parts] for one in found] == [
        [("08:00", "12:00"), ("13:00", "18:00")], [("08:00", "18:00")], []
    ]  # fmt: skip
    assert [(one.special, one.why) for one in found] == [(True, "Drill"), (False, ""), (True, "Thanksgiving")]
