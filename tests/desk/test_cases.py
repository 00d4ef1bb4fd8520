"""The pages of cases: none is out of reach, however many there are."""

from __future__ import annotations

import re
from datetime import timedelta

from callcenter import cases, customers, merging, notes
from callcenter.desk.pages.cases import PAGE
from tests.desk.support import NOW, Desk


def subjects(page: str) -> list[str]:
    return re.findall(r">(Case \d+)<", page)


def test_an_open_case_is_seen_behind_many_that_are_resolved(any_desk: Desk) -> None:
    with any_desk.engine.begin() as conn:
        dana = customers.create(conn, at=NOW, name="Dana")
        cases.open_case(conn, dana, "Case 0", by="x", at=NOW)
        for number in range(1, 2 * PAGE + 2):
            made = cases.open_case(conn, dana, f"Case {number}", by="x", at=NOW + timedelta(minutes=number))
            cases.change(conn, made.id, "resolved", by="x", at=NOW)
    agent = any_desk.browser("agent")
    assert subjects(agent.get("/desk/cases").text) == ["Case 0"]
    first = agent.get("/desk/cases?status=resolved").text
    seen, page = subjects(first), first
    while found := re.search(r'href="(/desk/cases\?[^"]*before=[^"]*)"', page):
        page = agent.get(found[1].replace("&amp;", "&")).text
        seen += subjects(page)
    assert seen == [f"Case {number}" for number in range(2 * PAGE + 1, 0, -1)]
    assert subjects(agent.get("/desk/cases?status=resolved&before=nonsense").text) == subjects(first)


def test_a_case_shows_its_notes_whatever_was_written_since(any_desk: Desk) -> None:
    with any_desk.engine.begin() as conn:
        dana, other = customers.create(conn, at=NOW, name="Dana"), customers.create(conn, at=NOW)
        merging.merge(conn, other, dana, by="x", at=NOW)
        case = cases.open_case(conn, dana, "Moving", by="x", at=NOW)
        notes.add(conn, dana, "the meter is in the cellar", author="x", at=NOW, case_id=case.id)
        for number in range(205):
            notes.add(conn, dana, "of nothing", author="x", at=NOW + timedelta(minutes=number))
    page = any_desk.browser("agent").get(f"/desk/cases/{case.id}").text
    assert "the meter is in the cellar" in page
    assert "of nothing" not in page
