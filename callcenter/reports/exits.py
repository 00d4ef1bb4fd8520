"""Where callers go in flows and where they leave them: counts for the drawing of a flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.db import compact
from callcenter.reports.lives import Life
from callcenter.tables import contacts, events

LEFT = ("hung_up", "lost", "abandoned", "failed")


@dataclass(slots=True)
class Traffic:
    """Of one flow: how often each step was entered, each (step, exit) taken, and at which steps contacts left."""

    entered: Counter[str] = field(default_factory=Counter)
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)


def traffic(conn: Connection, begin: datetime, end: datetime, flow: str) -> Traffic:
    """Of contacts that began in [begin, end)."""
    found = Traffic()
    query = (
        sa.select(events.c.kind, events.c.data)
        .join(contacts, contacts.c.id == events.c.contact_id)
        .where(
            contacts.c.started_at >= begin, contacts.c.started_at < end, events.c.kind.in_(("step", "exit")),
            # Reading what other flows' events say takes longer than all the rest.
            sa.type_coerce(events.c.data, sa.Text).contains(f'"flow":{compact(flow)}', autoescape=True),
        )
    )  # fmt: skip
    for row in conn.execute(query, execution_options={"yield_per": 5000}):
        if row.data.get("flow") != flow:
            continue
        if row.kind == "step":
            found.entered[row.data["step"]] += 1
        else:
            found.taken[(row.data["step"], row.data["exit"])] += 1
    return found


def leaving(lives: Iterable[Life]) -> Counter[tuple[str, str]]:
    """The (flow, step) at which contacts ended that nobody had said goodbye to."""
    left = Counter[tuple[str, str]]()
    for _ in noting(lives, left):
        pass
    return left


def noting(lives: Iterable[Life], left: Counter[tuple[str, str]]) -> Iterator[Life]:
    """The same lives, which are counted in `left` as `leaving` does: whoever counts other things needs no list."""
    for life in lives:
        if life.outcome in LEFT and life.last != ("", ""):
            left[life.last] += 1
        yield life
