"""Finding a customer by a part of a name or number as they grow: `python bench/search.py 10000 100000 1000000`.

Fills an empty database (`--url`, by default an SQLite file that is removed again) with customers who have a name of one
of 200 given and 5000 family names, a telephone number and every second a mail address. Each figure is the median and
the 95th percentile of 100 searches for other people each time, in a transaction of its own, people and their
identifiers read; on SQLite, where the process itself reads the file, of the CPU's time, which other programs don't
lengthen. Ends with status 1 if a median is over 100 ms.

The tables must hold nothing yet: for PostgreSQL name a new database, as in `--url postgresql://postgres@127.0.0.1/bench`.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter import searching
from callcenter.db import migrate, open_database, reading
from callcenter.desk import finding
from callcenter.tables import customers, identifiers, search_words

CALLS = 100
TARGET = 100.0
BATCH = 5000
NOW = datetime(2026, 11, 22, tzinfo=UTC)
BEGIN, MIDDLE, END = ("Al", "Bren", "Cor", "Dan", "Es", "Fi", "Gar", "Hol", "Ing", "Jan"), (
    "a", "el", "ing", "or", "ber", "mar", "st", "ö", "ná", "u",
), ("son", "mann", "ez", "ski", "ova", "i", "ton", "ley", "berg", "dóttir")  # fmt: skip


def given_name(number: int) -> str:
    return BEGIN[number % 10] + END[number // 10 % 10] + ("a" if number >= 100 else "")


def family_name(number: int) -> str:
    digits = [number // 10**place % 10 for place in range(4)]
    return BEGIN[digits[0]] + MIDDLE[digits[1]] + MIDDLE[digits[2]] + END[digits[3]]


def name(number: int) -> str:
    return f"{given_name(number % 200)} {family_name(number * 7919 % 5000)}"


def phone(number: int) -> str:
    return f"+1202{number * 7 % 10_000_000:07d}"


def mail(number: int) -> str:
    return f"{family_name(number * 7919 % 5000).lower()}{number}@example{number % 50}.com"


def fill(engine: Engine, low: int, high: int) -> None:
    """Customers number `low` to `high`, in the order in which they came."""
    kind = engine.dialect.name
    for start in range(low, high, BATCH):
        people, known, words = [], [], []
        for number in range(start, min(start + BATCH, high)):
            id = f"{number:032x}"
            people.append({"id": id, "root_id": id, "name": name(number), "attributes": {}, "provisional": False,
                           "created_at": NOW, "updated_at": NOW})  # fmt: skip
            words.append(searching.name_row(id, [name(number)], kind))
            for what, value in (("phone", phone(number)), *([("email", mail(number))] if number % 2 else [])):
                one = uuid.uuid4().hex
                known.append({"id": one, "customer_id": id, "kind": what, "value": value, "proof": "none",
                              "created_at": NOW})  # fmt: skip
                words.append(searching.identifier_row(one, id, what, value, kind))
        with engine.begin() as conn:
            conn.execute(sa.insert(customers), people)
            conn.execute(sa.insert(identifiers), known)
            conn.execute(sa.insert(search_words), [row for row in words if row])


def timed(engine: Engine, question: Callable[[int], str], numbers: list[int]) -> tuple[float, float]:
    """Milliseconds, of the CPU on SQLite: the median and the 95th percentile."""
    took = []
    clock = time.process_time if engine.dialect.name == "sqlite" else time.perf_counter
    for number in numbers:
        began = clock()
        with reading(engine) as conn:
            finding.search(conn, question(number), region="US")
        took.append((clock() - began) * 1000)
    return statistics.median(took), statistics.quantiles(took, n=20)[18]


QUESTIONS: dict[str, Callable[[int], str]] = {
    "whole name": name,
    "family name": lambda number: family_name(number * 7919 % 5000),
    "given name": lambda number: given_name(number % 200),
    "inside a word": lambda number: family_name(number * 7919 % 5000)[2:7],
    "two letters": lambda number: f"{name(number)[:2]} {family_name(number * 7919 % 5000)[:2]}",
    "end of number": lambda number: phone(number)[-6:],
    "part of mail": lambda number: f"{number | 1}@exam",
    "nobody": lambda number: f"qqx{number}",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("customers", nargs="+", type=int)
    parser.add_argument("--url", help="an empty database")
    given = parser.parse_args()
    worst, done, chosen = 0.0, 0, random.Random(5)
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(given.url or f"sqlite:///{Path(folder) / 'bench.db'}")
        migrate(engine)
        with reading(engine) as conn:
            if conn.execute(sa.select(customers.c.id).limit(1)).first():
                parser.error("the database isn't empty")
        kind = "CPU milliseconds" if engine.dialect.name == "sqlite" else "milliseconds"
        print(f"{engine.dialect.name}; {kind}, median / 95th percentile of {CALLS} searches")
        print(f"{'customers':>10} " + " ".join(f"{column:>15}" for column in QUESTIONS))
        for size in sorted(given.customers):
            fill(engine, done, size)
            done = size
            with engine.connect() as conn, conn.begin():
                if engine.dialect.name == "postgresql":
                    conn.exec_driver_sql("SET LOCAL statement_timeout = 0")
                    conn.exec_driver_sql("ANALYZE")
            some = [chosen.randrange(size) for _ in range(CALLS)]
            figures = [timed(engine, question, some) for question in QUESTIONS.values()]
            worst = max(worst, *(median for median, _ in figures))
            print(f"{size:>10} " + " ".join(f"{median:>7.2f} /{high:>6.1f}" for median, high in figures), flush=True)
        busy, cores = os.getloadavg()[0], os.cpu_count()
        print(
            f"\nload average {busy:.1f} on {cores} cores at the end: over {cores}, figures hold waiting for them, too"
        )
        engine.dispose()
    return int(worst > TARGET)


if __name__ == "__main__":
    sys.exit(main())
