"""Timeline and identifier look-up as the number of contacts grows: `python bench/timeline.py 10000 100000 1000000`.

Fills an empty database (`--url`, by default an SQLite file that is removed again) with customers who have five
contacts each, four events for each contact, a message and a note for each fifth, a payment, a recording and a file for
each tenth, a case for each twentieth; one customer has 2000 contacts and one is merged of three. Each figure is the
median and the 95th percentile of 300 calls, with other customers each time, in a transaction of its own. Ends with
status 1 if a median is over 20 ms.

The tables must hold nothing yet: for PostgreSQL name a new database, as in
`--url postgresql://postgres@127.0.0.1/bench`.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from callcenter import identifiers, merging, timeline
from callcenter.db import migrate, open_database, reading

CALLS = 300
TARGET = 20.0
BUSY = 2000
NOW = datetime(2026, 11, 22, tzinfo=UTC)

# Rows are made by the database itself from numbers; {t} is a moment from a number of seconds.
NUMBERS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT {low} UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {high})",
    "postgresql": "WITH n(i) AS (SELECT generate_series({low}, {high} - 1))",
}
MOMENT = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 1700000000 + ({s}), 'unixepoch')",
    "postgresql": "to_timestamp(1700000000 + ({s}))",
}
HEX = {"sqlite": "printf('%032x', {n})", "postgresql": "lpad(to_hex(({n})::bigint), 32, '0')"}
PHONE = {"sqlite": "'+1202' || printf('%07d', {n})", "postgresql": "'+1202' || lpad(({n})::text, 7, '0')"}


def fill(engine: Engine, low: int, high: int) -> None:
    """Contacts number `low` to `high`, with all that belongs to them. Contact i is customer i modulo high / 5's, so
    that a customer's contacts lie far apart; every tenth is customer 0's until there are BUSY of those."""
    kind = engine.dialect.name
    people = high // 5
    customer = HEX[kind].format(n=f"CASE WHEN i % 10 = 0 AND i < {BUSY * 10} THEN 0 ELSE i % {people} END")
    contact = HEX[kind].format(n="i")
    at = MOMENT[kind].format(s="i * 7")
    new_people = (low // 5, people)
    false = "0" if kind == "sqlite" else "false"
    person = HEX[kind].format(n="i")
    statements = [
        (new_people, f"INSERT INTO customers (id, root_id, name, attributes, provisional, created_at, updated_at) "
                     f"{{n}} SELECT {person}, {person}, 'Somebody', '{{}}', {false}, {at}, {at} FROM n"),
        (new_people, f"INSERT INTO identifiers (id, customer_id, kind, value, proof, created_at) {{n}} "
                     f"SELECT {person}, {person}, 'phone', {PHONE[kind].format(n='i')}, 'caller_id', {at} FROM n"),
        ((low, high), f"INSERT INTO contacts (id, channel, caller, called, direction, started_at, ended_at, outcome, "
                      f"customer_id) {{n}} SELECT {contact}, 'sip', '', '100', 'in', {at}, {at}, 'completed', "
                      f"{customer} FROM n"),
        *(((low, high), f"INSERT INTO events (at, contact_id, kind, data) {{n}} SELECT {at}, {contact}, '{event}', "
                        f"'{{\"step\":\"x\",\"value\":\"12345678\"}}' FROM n")
          for event in ("step", "chose", "slot_filled", "ended")),
        ((low, high), f"INSERT INTO messages (id, contact_id, channel, \"to\", body, status, next_at, created_at) "
                      f"{{n}} SELECT {contact}, {contact}, 'sms', '', 'Thank you', 'sent', {at}, {at} "
                      f"FROM n WHERE i % 5 = 0"),
        ((low, high), f"INSERT INTO notes (id, customer_id, contact_id, author, text, created_at) {{n}} "
                      f"SELECT {contact}, {customer}, {contact}, 'agent', 'A note', {at} FROM n WHERE i % 5 = 1"),
        ((low, high), f"INSERT INTO payments (id, account, bill, amount, currency, status, confirmation, gateway, "
                      f"posted_at, created_at, updated_at, contact_id) {{n}} SELECT {contact}, {contact}, 'b', 1, "
                      f"'USD', 'approved', {contact}, 'sandbox', {at}, {at}, {at}, {contact} FROM n WHERE i % 10 = 0"),
        ((low, high), f"INSERT INTO recordings (id, contact_id, kind, path, seconds, sha256, created_at) {{n}} "
                      f"SELECT {contact}, {contact}, 'voicemail', '', 5, '', {at} FROM n WHERE i % 10 = 1"),
        ((low, high), f"INSERT INTO files (id, contact_id, name, media_type, size, sha256, path, created_at) {{n}} "
                      f"SELECT {contact}, {contact}, 'a.pdf', 'application/pdf', 5, '', '', {at} FROM n "
                      f"WHERE i % 10 = 2"),
        ((low, high), f"INSERT INTO cases (id, customer_id, subject, status, opened_by, opened_at, updated_at) {{n}} "
                      f"SELECT {contact}, {customer}, 'A case', CASE WHEN i % 40 = 3 THEN 'open' ELSE 'resolved' END, "
                      f"'agent', {at}, {at} FROM n WHERE i % 20 = 3"),
        ((low, high), f"INSERT INTO case_contacts (case_id, contact_id, at) {{n}} "
                      f"SELECT {contact}, {contact}, {at} FROM n WHERE i % 20 = 3"),
    ]  # fmt: skip
    step = 50_000
    for (first, last), statement in statements:
        for start in range(first, last, step):
            numbers = NUMBERS[kind].format(low=start, high=min(start + step, last))
            with engine.begin() as conn:
                if kind == "postgresql":
                    conn.exec_driver_sql("SET LOCAL statement_timeout = 0")
                sql = statement.replace("{n}", numbers)
                conn.exec_driver_sql(sql.replace("%", "%%") if kind == "postgresql" else sql)


def analyse(engine: Engine) -> None:
    """As autovacuum does by itself, and SQLite on PRAGMA optimize."""
    with engine.connect() as conn, conn.begin():
        if engine.dialect.name == "postgresql":
            conn.exec_driver_sql("SET LOCAL statement_timeout = 0")
        conn.exec_driver_sql("ANALYZE")


def timed(engine: Engine, call: Callable[[Connection, int], object], numbers: list[int]) -> tuple[float, float]:
    """Milliseconds: the median and the 95th percentile."""
    with reading(engine) as conn:
        call(conn, numbers[0])  # the statement is put together once in a process
    took = []
    for number in numbers:
        began = time.perf_counter()
        with reading(engine) as conn:
            call(conn, number)
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), statistics.quantiles(took, n=20)[18]


def plan(engine: Engine) -> list[str]:
    """How the database reads contacts for a page."""
    asked = timeline.statement(False).params(customer=f"{7:032x}", fetch=21)
    sql = str(asked.compile(engine, compile_kwargs={"literal_binds": True})).replace("%", "%%")
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    with reading(engine) as conn:
        lines = [str(row[-1]).strip() for row in conn.exec_driver_sql(explain + sql)]
    return [line for line in lines if ("contacts" in line and "Key" not in line) or "Seq Scan" in line]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("contacts", nargs="+", type=int)
    parser.add_argument("--url", help="an empty database")
    given = parser.parse_args()
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        engine = open_database(given.url or f"sqlite:///{Path(folder) / 'bench.db'}")
        migrate(engine)
        with reading(engine) as conn:
            if conn.execute(sa.text("SELECT 1 FROM contacts LIMIT 1")).first():
                parser.error("the database isn't empty")
        chosen = random.Random(5)
        done, merge = 0, ""
        print(f"{engine.dialect.name}; milliseconds, median / 95th percentile of {CALLS} calls")
        columns = ("timeline", "later page", f"{BUSY} contacts", "merged of 3", "identify")
        print(f"{'contacts':>10} " + " ".join(f"{column:>15}" for column in columns))
        for size in sorted(given.contacts):
            fill(engine, done, size)
            done = size
            if not merge:
                with engine.begin() as conn:
                    for other in (2, 3):
                        merge = merging.merge(conn, f"{1:032x}", f"{other:032x}", by="bench", at=NOW)
            analyse(engine)
            some = [chosen.randrange(4, size // 5) for _ in range(CALLS)]
            half = (datetime.fromtimestamp(1_700_000_000 + size * 7 // 2, UTC), "")
            figures = [
                timed(engine, lambda conn, n: timeline.page(conn, f"{n:032x}"), some),
                timed(engine, lambda conn, n, half=half: timeline.page(conn, f"{n:032x}", before=half), some),
                timed(engine, lambda conn, n: timeline.page(conn, f"{0:032x}"), some),
                timed(engine, lambda conn, n: timeline.page(conn, f"{1:032x}"), some),
                timed(engine, lambda conn, n: identifiers.identify(conn, "phone", f"+1202{n:07d}"), some),
            ]  # fmt: skip
            worst = max(worst, *(median for median, _ in figures))
            print(f"{size:>10} " + " ".join(f"{median:>7.2f} /{high:>6.2f}" for median, high in figures), flush=True)
        busy, cores = os.getloadavg()[0], os.cpu_count()
        print(
            f"\nload average {busy:.1f} on {cores} cores at the end: over {cores}, figures hold waiting for a core, too"
        )
        print("\n".join(["", "how the contacts of a page are read:", *plan(engine)]))
        engine.dispose()
    return int(worst > TARGET)


if __name__ == "__main__":
    sys.exit(main())
