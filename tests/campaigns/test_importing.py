"""Lists from CSV files: all or nothing, each person once, nobody who doesn't want it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import sqlalchemy as sa

from callcenter import consent, customers, identifiers
from callcenter.campaigns import figures
from callcenter.campaigns.importing import ListError, parse, put, read
from callcenter.db import reading
from callcenter.tables import customers as customers_table
from tests.campaigns.conftest import ANA, JO, LEE, Desk


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "list.csv:1: no column `phone`"),
        ("number\n", "list.csv:1: no column `phone`"),
        ("phone,phone\n", "list.csv:1: the column 'phone' is there twice"),
        ("phone,Due on\n", "list.csv:1: 'due on' is no column's name; write letters"),
        ("phone\n" + ANA + "\n12\n", "list.csv:3: "),
        ("phone,name\n" + ANA + "\n", "list.csv:2: 1 cell, but the header names 2; give every line"),
        ('phone\n"' + ANA + "\n", "list.csv:2: unexpected end of data"),
        ("phone,name\n" + ANA + "," + "x" * 501 + "\n", "list.csv:2: name has more than 500 characters"),
    ],
)
def test_a_mistake_is_named_by_its_line(text: str, said: str) -> None:
    with pytest.raises(ListError) as found:
        parse(text, "list.csv", "US")
    assert any(line.startswith(said) for line in str(found.value).splitlines()), found.value


def test_every_mistake_is_named_and_a_few_hundred_are_counted() -> None:
    with pytest.raises(ListError) as found:
        parse("phone\n" + "12\n" * 130, "list.csv", "US")
    lines = str(found.value).splitlines()
    assert len(lines) == 101
    assert lines[-1] == "list.csv: and 30 more"


def test_lines_over_several_rows_and_other_encodings(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes('﻿Phone,name,note\r\n(212) 555-0142,"Ana\r\nDiaz",x\r\n\r\n+12125550143,Lee,\r\n'.encode())
    ana, lee = read(file, "US")
    assert (ana.line, ana.number, ana.name, ana.attributes) == (2, ANA, "Ana\r\nDiaz", {"note": "x"})
    assert (lee.line, lee.number, lee.attributes) == (5, LEE, {})
    file.write_bytes("phone\nJosé\n".encode("latin-1"))
    with pytest.raises(ListError, match="not UTF-8"):
        read(file, "US")


def test_each_person_is_there_once_by_any_of_their_numbers(desks: Desk) -> None:
    with desks.engine.begin() as conn:
        lee = customers.create(conn, at=desks.now, name="Lee")
        for number in (LEE, JO):
            identifiers.add(conn, lee, "phone", number, at=desks.now)
    done = desks.put(ANA, ANA, LEE, JO)
    assert (done.added, done.known) == (2, [(3, "the same person as in line 2"), (5, "the same person as in line 4")])
    again = desks.put(JO, ANA)
    assert (again.added, again.known) == (0, [(2, "on the list already"), (3, "on the list already")])
    assert len(desks.rows()) == 2


def test_whoever_wants_no_calls_is_on_the_list_as_that(desk: Desk) -> None:
    with desk.engine.begin() as conn:
        lee = customers.create(conn, at=desk.now)
        identifiers.add(conn, lee, "phone", LEE, at=desk.now)
        consent.put(conn, lee, "phone", source="user:1", at=desk.now, do_not_contact=True)
    done = desk.put(ANA, LEE)
    assert (done.added, done.refused) == (1, [(3, "do_not_contact")])
    assert desk.state(LEE) == ("done", "do_not_contact", 0)


def test_a_campaign_may_call_only_those_who_agreed(desk: Desk) -> None:
    desk.file["plan"]["consent"] = True
    with desk.engine.begin() as conn:
        lee = customers.create(conn, at=desk.now)
        identifiers.add(conn, lee, "phone", LEE, at=desk.now)
        consent.put(conn, lee, "phone", source="user:1", at=desk.now, consent="granted")
    assert desk.put(ANA, LEE).refused == [(2, "no_consent")]
    assert desk.state(LEE) == ("waiting", "", 0)


def test_a_dry_run_changes_nothing(desk: Desk) -> None:
    done = put(desk.engine, "plan", desk.campaign, parse(f"phone\n{ANA}\n", "list.csv"), desk.now, dry=True)
    assert done.added == 1
    assert desk.rows() == {}
    with reading(desk.engine) as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(customers_table)).scalar_one() == 0


def test_progress_and_results_by_person(desk: Desk) -> None:
    desk.put(f"{ANA},=1+1,7", f"{LEE},Lee,8", header="phone,name,due")
    desk.queues.sign_in("ana")
    desk.fed()
    offer = desk.offered()
    desk.talks(offer)
    with reading(desk.engine) as conn:
        one = figures.progress(conn, ["plan", "other"])["plan"]
        rows = list(csv.DictReader(figures.export(conn, "plan")))
    assert (one.people, one.waiting, one.done, one.calls, one.percent) == (2, 1, 1, 1, 50)
    assert one.results == {"reached": 1}
    by_state = {row["state"]: row for row in rows}
    assert by_state["done"]["agent"] == "ana"
    assert {row["due"] for row in rows} == {"7", "8"}
    assert "'=1+1" in {row["name"] for row in rows}
