"""Importing accounts and bills from CSV or JSON. docs/bills.md describes the columns.

An import replaces what it names and leaves the rest alone; it is all or nothing.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from babel.numbers import get_currency_precision, list_currencies
from sqlalchemy.engine import Engine

from callcenter.counting import counted
from callcenter.tables import accounts, bills

DEMO = Path(__file__).with_name("demo.csv")
"""Riverbend Water & Power, the demo company."""
REQUIRED = ("account", "name", "currency", "bill", "amount", "due_on")
OPTIONAL = ("phone", "email", "balance")
MAX_BYTES = 64_000_000


class BillFileError(Exception):
    """The file has mistakes: one `file:line:column: what` a line (JSON: the number of the record as line)."""


@dataclass(frozen=True, slots=True)
class Imported:
    accounts: int
    bills: int


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    line: int
    column: int


def import_bills(engine: Engine, path: Path, today: date) -> Imported:
    """Read `path` (.csv or .json) into the database. `today` is what "+12d" counts from.

    Raises BillFileError with every mistake, and OSError; then nothing is changed.
    """
    if path.stat().st_size > MAX_BYTES:
        raise BillFileError(f"{path}:1:1: the file has more than {MAX_BYTES:,} bytes; import it in parts")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BillFileError(f"{path}:1:1: not UTF-8 (at byte {error.start}); save it as UTF-8") from None
    rows = _from_json(path, text) if path.suffix.lower() == ".json" else _from_csv(path, text)
    who: dict[str, dict[str, Any]] = {}
    owed: dict[str, dict[str, Any]] = {}
    mistakes: list[str] = []
    for row in rows:
        record, wrong = _record(row, today)
        mistakes += [f"{path}:{cell.line}:{cell.column}: {what}" for cell, what in wrong]
        if record is None:
            continue
        account, bill = record
        if bill and bill["id"] in owed:
            cell = row["bill"]
            mistakes.append(f"{path}:{cell.line}:{cell.column}: the bill {bill['id']!r} stands in the file twice")
        known = who.setdefault(account["number"], account)
        if known["currency"] != account["currency"]:
            cell = row["currency"]
            mistakes.append(f"{path}:{cell.line}:{cell.column}: the account has bills in {known['currency']} already")
        if bill:
            owed[bill["id"]] = bill
    if mistakes:
        raise BillFileError("\n".join(mistakes[:100]))
    with engine.begin() as conn:
        for account in who.values():
            same = accounts.c.number == account["number"]
            if conn.execute(sa.update(accounts).where(same).values(account)).rowcount == 0:
                conn.execute(sa.insert(accounts).values(account))
        for bill in owed.values():
            taken = sa.select(bills.c.account_number).where(bills.c.id == bill["id"])
            owner = conn.execute(taken).scalar_one_or_none()
            if owner is None:
                conn.execute(sa.insert(bills).values(bill))
            elif owner == bill["account_number"]:
                conn.execute(sa.update(bills).where(bills.c.id == bill["id"]).values(bill))
            else:
                raise BillFileError(f"{path}:1:1: the bill {bill['id']!r} belongs to the account {owner} already")
    return Imported(len(who), len(owed))


def _from_csv(path: Path, text: str) -> Iterator[dict[str, _Cell]]:
    """Cells by column name. `column` counts cells from 1, as a spreadsheet does."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_names(path, header)
        line = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                if len(cells) != len(header):
                    raise BillFileError(
                        f"{path}:{line}:1: {counted(len(cells), 'cell')}, but the header names {len(header)}"
                    )
                yield {name: _Cell(cell.strip(), line, place)
                       for place, (name, cell) in enumerate(zip(header, cells, strict=True), 1)}  # fmt: skip
            line = reader.line_num + 1
    except csv.Error as error:
        raise BillFileError(f"{path}:{reader.line_num}:1: {error}") from None


def _from_json(path: Path, text: str) -> Iterator[dict[str, _Cell]]:
    try:
        records = json.loads(text, parse_float=str, parse_int=str)
    except json.JSONDecodeError as error:
        raise BillFileError(f"{path}:{error.lineno}:{error.colno}: {error.msg}") from None
    except RecursionError:
        raise BillFileError(f"{path}:1:1: nested too deep") from None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise BillFileError(f"{path}:1:1: a list of objects is needed: one for each bill")
    for number, record in enumerate(records, 1):
        _check_names(path, list(record), number)
        yield {name: _Cell("" if value is None else str(value), number, place)
               for place, (name, value) in enumerate(record.items(), 1)}  # fmt: skip


def _check_names(path: Path, names: list[str], line: int = 1) -> None:
    missing = [name for name in REQUIRED if name not in names]
    unknown = [name for name in names if name not in REQUIRED + OPTIONAL]
    if missing:
        raise BillFileError(f"{path}:{line}:1: missing: {', '.join(missing)}")
    if unknown or len(set(names)) != len(names):
        extra = unknown[0] if unknown else next(name for name in names if names.count(name) > 1)
        known = ", ".join(REQUIRED + OPTIONAL)
        raise BillFileError(f"{path}:{line}:{names.index(extra) + 1}: {extra!r} is unknown or twice; known are {known}")


def _record(
    row: dict[str, _Cell], today: date
) -> tuple[tuple[dict[str, Any], dict[str, Any] | None] | None, list[tuple[_Cell, str]]]:
    """The account and the bill of a row (no bill where that cell is empty), and the mistakes."""
    wrong: list[tuple[_Cell, str]] = []
    text = {name: row[name].text if name in row else "" for name in REQUIRED + OPTIONAL}
    if not re.fullmatch(r"[0-9A-Za-z-]{1,40}", text["account"]):
        wrong.append((row["account"], "an account is 1 to 40 digits or letters"))
    currency = text["currency"].upper()
    if currency not in list_currencies():
        wrong.append((row["currency"], f"{text['currency']!r} is not an ISO 4217 currency, such as USD"))
        return None, wrong
    account = {"number": text["account"], "name": text["name"], "phone": text["phone"], "email": text["email"],
               "currency": currency}  # fmt: skip
    if not text["bill"]:
        return (None if wrong else (account, None)), wrong
    amount = _minor(row["amount"], currency, wrong)
    balance = _minor(row["balance"], currency, wrong) if text["balance"] else amount
    due_on = _due(row["due_on"], today, wrong)
    if wrong:
        return None, wrong
    bill = {"id": text["bill"], "account_number": text["account"], "amount": amount, "balance": balance,
            "due_on": due_on, "status": "open" if balance else "paid", "updated_at": datetime.now(UTC)}  # fmt: skip
    return (account, bill), wrong


def _minor(cell: _Cell, currency: str, wrong: list[tuple[_Cell, str]]) -> int:
    places = get_currency_precision(currency)
    if re.fullmatch(rf"[0-9]{{1,10}}(\.[0-9]{{0,{places}}})?", cell.text):
        return int(Decimal(cell.text).scaleb(places))
    wrong.append((cell, f"{cell.text!r} is not an amount in {currency}, such as 84.50 (a point, no thousands sign)"))
    return 0


def _due(cell: _Cell, today: date, wrong: list[tuple[_Cell, str]]) -> date:
    relative = re.fullmatch(r"([+-]\d{1,4})d", cell.text)
    if relative:
        return today + timedelta(days=int(relative[1]))
    try:
        return date.fromisoformat(cell.text)
    except ValueError:
        wrong.append((cell, f"{cell.text!r} is not a date such as 2026-12-04 or +12d (days from the import)"))
        return today
