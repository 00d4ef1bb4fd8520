"""What is asked of the record, how long it takes, and how the database reads for it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from bench.measuring import percentile
from bench.record.filling import BUSY, MERGED, SHARE, family_name, given_name, id_of, name, phone
from callcenter import identifiers, timeline
from callcenter.db import reading
from callcenter.desk import finding

CALLS = {"timeline": 300, "finding": 100}


@dataclass(frozen=True, slots=True)
class Figure:
    """Milliseconds."""

    values: list[float]

    @property
    def median(self) -> float:
        return percentile(self.values, 0.5)

    def __str__(self) -> str:
        return f"{self.median:8.2f} / {percentile(self.values, 0.95):8.2f}, most {max(self.values):8.2f}"


WORDS: dict[str, Callable[[int], str]] = {
    "whole number": phone,
    "whole name": name,
    "family name": family_name,
    "given name": given_name,
    "inside a word": lambda n: family_name(n)[2:7],
    "two letters each": lambda n: f"{given_name(n)[:2]} {family_name(n)[:2]}",
    "two letters": lambda n: given_name(n)[:2],
    "end of a number": lambda n: phone(n)[-6:],
    "three digits": lambda n: phone(n)[-3:],
    "everybody's area code": lambda n: "202",
    "part of an address": lambda n: f"{n | 1}@exam",
    "everybody's domain": lambda n: "@example",
    "nobody": lambda n: f"qqx{n}",
}
"""What an agent types to find customer number n, and others with them."""

Question = Callable[[Connection, int], object]


def questions(about: str, size: int) -> dict[str, Question]:
    """Each takes a connection and the number of a customer, who has contacts where it is about the timeline."""
    if about == "timeline":
        half = (datetime.fromtimestamp(1_700_000_000 + size * 7 // 2, UTC), "")
        return {
            "first page": lambda conn, n: timeline.page(conn, id_of(n)),
            "later page": lambda conn, n: timeline.page(conn, id_of(n), before=half),
            f"{BUSY} contacts": lambda conn, n: timeline.page(conn, id_of(0)),
            f"merged of {len(MERGED)}": lambda conn, n: timeline.page(conn, id_of(MERGED[0])),
            "identify": lambda conn, n: identifiers.identify(conn, "phone", phone(n)),
        }
    return {what: partial(_found, words) for what, words in WORDS.items()}


def _found(words: Callable[[int], str], conn: Connection, number: int) -> object:
    return finding.search(conn, words(number), region="US")


def timed(engine: Engine, size: int, about: str) -> dict[str, Figure]:
    chosen = random.Random(5)
    numbers = [chosen.randrange(max(MERGED) + 1, size // (SHARE if about == "timeline" else 1))
               for _ in range(CALLS[about])]  # fmt: skip
    figures = {}
    for what, question in questions(about, size).items():
        with reading(engine) as conn:
            question(conn, numbers[-1])  # statements are put together once in a process
        figures[what] = Figure([_took(engine, question, number) for number in numbers])
    return figures


def _took(engine: Engine, question: Question, number: int) -> float:
    began = time.perf_counter()
    with reading(engine) as conn:
        question(conn, number)
    return (time.perf_counter() - began) * 1000


def plans(engine: Engine, size: int) -> list[str]:
    """The database's own words on each statement of each question; on PostgreSQL with what it really read."""
    lines: list[str] = []
    explain = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN (ANALYZE, BUFFERS) "

    def before(conn: Connection, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if not statement.startswith("EXPLAIN"):
            lines.extend(f"    {row[-1]}" for row in conn.exec_driver_sql(explain + statement, parameters))

    for about in CALLS:
        for what, question in questions(about, size).items():
            lines.append(f"  {about}, {what}")
            with reading(engine) as conn:
                sa.event.listen(conn, "before_cursor_execute", before)
                question(conn, size // SHARE // 2 + 1)
    return lines
