"""Values changed where they stand: the rest of the file is the same to the byte."""

from __future__ import annotations

import pytest

from ivr.flow.yaml_edit import CannotEdit, append, put, remove, rendered
from ivr.flow.yaml_source import parse

FILE = """\
# When we are open: read this.
weekly:
  monday: ["08:00-18:00"]   # early
  wednesday:
    # two parts
    - "08:00-12:00"
    - "13:00-18:00"  # after lunch
  friday:

holidays:  # see: the calendar
  # every year
  - {date: "01-01", name: New Year's Day}
  - date: 2026-11-26
    name: "Thanksgiving"   # a Thursday

# Closed for other reasons.
closures: []
openings: [{from: 2026-12-06T10:00, to: 2026-12-06T14:00}]
"""


def test_a_value_is_replaced_in_its_place() -> None:
    changed = put(FILE, ("weekly", "monday"), ["09:00-17:00"])
    assert changed == FILE.replace('["08:00-18:00"]', '["09:00-17:00"]')
    assert put(FILE, ("holidays", 1, "name"), "no") == FILE.replace('"Thanksgiving"', '"no"')


def test_a_block_moves_up_to_its_key() -> None:
    changed = put(FILE, ("weekly", "wednesday"), "closed")
    assert "  wednesday: closed  # after lunch\n  friday:\n" in changed
    assert parse(changed).plain()["weekly"]["monday"] == ["08:00-18:00"]


def test_a_key_with_nothing_gets_a_value() -> None:
    assert put(FILE, ("weekly", "friday"), ["10:00-12:00"]) == FILE.replace("friday:", 'friday: ["10:00-12:00"]')


def test_a_new_key_has_its_place_in_the_order() -> None:
    order = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday")
    changed = put(FILE, ("weekly", "tuesday"), ["09:00-17:00"], order)
    assert changed == FILE.replace("# early\n", '# early\n  tuesday: ["09:00-17:00"]\n')
    assert put(FILE, ("weekly", "sunday"), "closed", order) == FILE.replace("monday:", "sunday: closed\n  monday:")
    assert '    hours: "08:00-12:00"\n\n# Closed' in put(FILE, ("holidays", 1, "hours"), "08:00-12:00")
    assert "Year's Day, hours: closed}" in put(FILE, ("holidays", 0, "hours"), "closed")
    assert "{b: 2, a: 1}" in put("x: {a: 1}\n", ("x", "b"), 2, ("b", "a"))


def test_entries_are_added_and_removed() -> None:
    entry = {"date": "12-25", "name": "Christmas: closed"}
    line = '  - {date: "12-25", name: "Christmas: closed"}\n'
    assert append(FILE, ("holidays",), entry) == FILE.replace("# a Thursday\n", f"# a Thursday\n{line}")
    assert append(FILE, ("closures",), {"a": 1}) == FILE.replace("closures: []", "closures: [{a: 1}]")
    assert "14:00}, {a: 1}]" in append(FILE, ("openings",), {"a": 1})
    assert append(FILE, ("more",), 7).endswith("14:00}]\nmore:\n  - 7\n")
    assert append("a:  # why\nb: 1\n", ("a",), "x") == "a:  # why\n  - x\nb: 1\n"
    assert append("a: ~  # why\nb: 1", ("a",), "x") == "a:  # why\n  - x\nb: 1"
    assert remove(FILE, ("holidays", 1)) == FILE.replace(
        '  - date: 2026-11-26\n    name: "Thanksgiving"   # a Thursday\n', ""
    )
    assert remove(FILE, ("openings", 0)).endswith("openings: []\n")
    assert remove("a: [1, 2, 3]", ("a", 1)) == "a: [1, 3]"
    assert remove("a: [1, 2, 3]", ("a", 2)) == "a: [1, 2]"
    assert remove("a: [1,]", ("a", 0)) == "a: []"


def test_a_list_whose_last_entry_goes_stays_a_list() -> None:
    left = remove(remove(FILE, ("holidays", 1)), ("holidays", 0))
    assert "holidays: []  # see: the calendar\n  # every year\n\n# Closed" in left
    assert parse(left).plain()["holidays"] == []


def test_line_ends_and_lists_without_indent_stay_as_they_are() -> None:
    windows = "a:\r\n- 1\r\n- 2 # two\r\nb: x\r\n"
    assert append(windows, ("a",), 3) == "a:\r\n- 1\r\n- 2 # two\r\n- 3\r\nb: x\r\n"
    assert remove(windows, ("a", 0)) == "a:\r\n- 2 # two\r\nb: x\r\n"
    assert put(windows, ("c",), 1).endswith("b: x\r\nc: 1\r\n")


@pytest.mark.parametrize(
    "value",
    ["yes", "2026-11-26", "08:00-12:00", "a # b", "a: b", " x", "", "it's", 'say "no"', "{x}", "-", "é", "12-25", "1e3",
     "null", "- a", "!x", "*x", "%", "@", "a\\b", "2026-12-06T10:00"],
)  # fmt: skip
def test_what_is_written_reads_back(value: str) -> None:
    text = append("a: []\n", ("a",), {"k": value, "l": [value]})
    assert parse(text).plain() == {"a": [{"k": value, "l": [value]}]}


def test_what_isnt_there_cant_be_edited() -> None:
    with pytest.raises(CannotEdit):
        remove(FILE, ("holidays", 2))
    with pytest.raises(CannotEdit):
        remove(FILE, ("nothing", 0))
    for path in (("weekly",), ("weekly", "x")):
        with pytest.raises(CannotEdit):
            append(FILE, path, 1)
    for text in (FILE, "", "a: [", "- 1", "a: {}"):
        with pytest.raises(CannotEdit):
            put(text, ("nothing", "x"), 1)


def test_rendered() -> None:
    assert rendered({"date": "2026-11-26", "hours": ["08:00-12:00"]}) == '{date: 2026-11-26, hours: ["08:00-12:00"]}'
