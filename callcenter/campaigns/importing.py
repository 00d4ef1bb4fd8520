"""Lists from CSV files: all lines or, with any mistake, none. docs/campaigns.md describes the columns."""

from __future__ import annotations

import csv
import io
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import customers, identifiers, locks
from callcenter.campaigns import people
from callcenter.campaigns.config import Campaign
from callcenter.campaigns.deciding import refusal
from callcenter.counting import counted
from callcenter.db import reading
from callcenter.identifiers import InvalidIdentifier
from callcenter.tables import campaign_people

KNOWN: Final = ("phone", "name", "reference")
MAX_BYTES: Final = 32_000_000
MAX_LINES: Final = 100_000
MAX_COLUMNS: Final = 30
LONGEST: Final = 500
SHOWN: Final = 100
"""Mistakes that are named at once."""
BATCH: Final = 100
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")


class ListError(Exception):
    """The file has mistakes: one `file:line: what is wrong, what to do` a line."""


@dataclass(frozen=True, slots=True)
class Line:
    """A person in the file; `number` is in E.164."""

    line: int
    number: str
    name: str
    reference: str
    attributes: Mapping[str, str]


@dataclass(slots=True)
class Imported:
    """`added` are to be called. `refused` were taken onto the list as not to be called, with the reason; `known` were
    on it already, or twice in the file: both as (line, why)."""

    added: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)
    known: list[tuple[int, str]] = field(default_factory=list)


def read(path: Path, region: str = "", needed: Sequence[str] = ()) -> list[Line]:
    """The people of a file. `region` is the country (ISO 3166) of numbers that aren't international; `needed` are the
    columns in which everybody must have something (`Campaign.columns`). Raises `ListError` with every mistake, and
    OSError."""
    if path.stat().st_size > MAX_BYTES:
        raise ListError(f"{path}:1: the file has more than {MAX_BYTES:,} bytes; import it in parts")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ListError(f"{path}:1: not UTF-8 (at byte {error.start}); save it as UTF-8") from None
    return parse(text, str(path), region, needed)


def parse(text: str, file: str, region: str = "", needed: Sequence[str] = ()) -> list[Line]:
    """The same of text at hand; `file` is what mistakes name."""
    mistakes: list[str] = []
    found: list[Line] = []
    for number, cells in _rows(text, file, mistakes, needed):
        if len(found) >= MAX_LINES:
            raise ListError(f"{file}:{number}: the file has more than {MAX_LINES:,} lines; import it in parts")
        long = [name for name, cell in cells.items() if len(cell) > LONGEST]
        if long:
            mistakes.append(f"{file}:{number}: {long[0]} has more than {LONGEST} characters; shorten it")
            continue
        lacking = [name for name in needed if not cells[name]]
        if lacking:
            mistakes.append(f"{file}:{number}: {lacking[0]} is empty, and the campaign's flow needs it; fill it in")
            continue
        try:
            phone = identifiers.normalise("phone", cells["phone"], region)
        except InvalidIdentifier as error:
            mistakes.append(f"{file}:{number}: {error}; write the number with its country code: +12025550143")
            continue
        more = {name: cell for name, cell in cells.items() if name not in KNOWN and cell}
        found.append(Line(number, phone, cells.get("name", ""), cells.get("reference", ""), more))
    if mistakes:
        more_of_them = [f"{file}: and {len(mistakes) - SHOWN} more"] if len(mistakes) > SHOWN else []
        raise ListError("\n".join(mistakes[:SHOWN] + more_of_them))
    return found


def _rows(text: str, file: str, mistakes: list[str], needed: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check(header, file, needed)
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) == len(header):
                    yield line, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
                else:
                    fix = "give every line as many, and put cells with commas in quotes"
                    mistakes.append(
                        f"{file}:{line}: {counted(len(cells), 'cell')}, but the header names {len(header)}; {fix}"
                    )
            line = reader.line_num + 1
    except csv.Error as error:
        raise ListError(f"{file}:{reader.line_num}: {error}; save it as CSV with commas") from None


def _check(header: Sequence[str], file: str, needed: Sequence[str]) -> None:
    if "phone" not in header:
        raise ListError(f"{file}:1: no column `phone`; the first line names the columns: phone,name,reference")
    for name in needed:
        if name not in header:
            raise ListError(f"{file}:1: no column `{name}`, which the campaign's flow needs; add it to every line")
    if len(header) > MAX_COLUMNS:
        raise ListError(f"{file}:1: {len(header)} columns; at most {MAX_COLUMNS} are kept")
    for name in header:
        if not _NAME.match(name):
            raise ListError(f"{file}:1: {name!r} is no column's name; write letters, digits and _, as in due_on")
        if header.count(name) > 1:
            raise ListError(f"{file}:1: the column {name!r} is there twice; remove one")


def put(
    engine: Engine, name: str, campaign: Campaign, lines: Sequence[Line], now: datetime, *, dry: bool = False
) -> Imported:
    """Put these people on the list of a campaign, each once by any of their identifiers: all of them, or none where
    this raises. Numbers that nobody has yet become provisional customers, as with callers. `dry` changes nothing."""
    done = Imported()
    owners: dict[str, str] = {}
    for start in range(0, len(lines), BATCH):
        with reading(engine) if dry else engine.begin() as conn:
            for line in lines[start : start + BATCH]:
                if line.number not in owners:
                    owners[line.number] = _owner(conn, line, now, make=not dry)
    with reading(engine) if dry else engine.begin() as conn:
        locks.hold(conn, f"campaign-list:{name}")
        there = conn.execute(
            sa.select(campaign_people.c.number, campaign_people.c.customer_id).where(campaign_people.c.campaign == name)
        ).all()
        by_number: dict[str, str] = {row.number: "on the list already" for row in there}
        by_person: dict[str, str] = {
            customers.root(conn, row.customer_id): "on the list already" for row in there if row.customer_id
        }
        rows = []
        for line in lines:
            person = owners[line.number]
            known = by_number.get(line.number) or (by_person.get(person) if person else None)
            if known is not None:
                done.known.append((line.line, known))
                continue
            by_number[line.number] = f"the same person as in line {line.line}"
            if person:
                by_person[person] = by_number[line.number]
            refused = refusal(conn, campaign, line.number, person)
            if refused:
                done.refused.append((line.line, refused))
            rows.append({
                "id": uuid.uuid4().hex, "campaign": name, "number": line.number, "customer_id": person,
                "name": line.name, "reference": line.reference, "attributes": dict(line.attributes),
                "state": people.DONE if refused else people.WAITING, "result": refused, "next_at": now,
                "imported_at": now, "updated_at": now,
            })  # fmt: skip
        done.added = sum(row["state"] == people.WAITING for row in rows)
        if rows and not dry:
            conn.execute(sa.insert(campaign_people), rows)
    return done


def _owner(conn: Connection, line: Line, now: datetime, *, make: bool) -> str:
    """Whose number it is; "" where several share it, or nobody has it and none is to be made."""
    found = identifiers.identify(conn, "phone", line.number)
    if not found and make:
        locks.hold(conn, f"identifier:phone:{line.number}")
        found = identifiers.identify(conn, "phone", line.number)
        if not found:
            customer_id = customers.create(conn, at=now, name=line.name, provisional=True)
            identifiers.add(conn, customer_id, "phone", line.number, at=now)
            return customer_id
    return found[0].customer_id if len(found) == 1 else ""
