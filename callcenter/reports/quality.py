"""Figures of evaluations: mean scores by groups, of conversations whose contacts began in a period.

Those that count are submitted and no calibration's. What was settled counts as it was settled. A mean of fewer than
`ENOUGH` evaluations says more of who was drawn than of how somebody works, and of a single one it says who: it isn't
shown at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.quality_sampling import week_of
from callcenter.quality_tables import COUNTED, evaluations, quality_forms

Group = Literal["agent", "queue", "form", "section", "week"]
GROUPS: Final[tuple[Group, ...]] = get_args(Group)
ENOUGH: Final = 3
BATCH: Final = 1000


@dataclass(slots=True)
class Scores:
    """Adds up: `count` evaluations with a score, their `total`, and how many of them were `disputed` or failed by a
    critical question (`zero`)."""

    count: int = 0
    total: float = 0.0
    zero: int = 0
    disputed: int = 0

    def add(self, score: float, *, disputed: bool) -> None:
        self.count += 1
        self.total += score
        self.zero += score == 0
        self.disputed += disputed

    @property
    def mean(self) -> float | None:
        """From 0 to 1; None of too few."""
        return self.total / self.count if self.count >= ENOUGH else None


@dataclass(frozen=True, slots=True)
class Report:
    """`rows` by group: of sections the name is "form / section". `weeks` has all evaluations by ISO week."""

    rows: dict[str, Scores]
    weeks: dict[str, Scores]
    total: Scores


def read(conn: Connection, begin: datetime, end: datetime, zone: tzinfo, group: Group, agent: str = "") -> Report:
    """Of contacts that began in [begin, end), of one agent where given."""
    rows: dict[str, Scores] = {}
    weeks: dict[str, Scores] = {}
    total = Scores()
    conditions = [evaluations.c.contact_at >= begin, evaluations.c.contact_at < end, evaluations.c.status != "draft"]
    if agent:
        conditions.append(evaluations.c.agent == agent)
    query = (
        sa.select(evaluations, quality_forms.c.name.label("form"))
        .join(quality_forms, quality_forms.c.hash == evaluations.c.form_hash)
        .where(COUNTED, *conditions)
    )
    for row in conn.execute(query, execution_options={"yield_per": BATCH}):
        disputed = row.replied_at is not None and row.status != "submitted"
        week = week_of(row.contact_at, zone).name
        for name, score in _parts(row, group, week):
            rows.setdefault(name, Scores()).add(score, disputed=disputed)
        if row.score is not None:
            weeks.setdefault(week, Scores()).add(row.score, disputed=disputed)
            total.add(row.score, disputed=disputed)
    return Report(dict(sorted(rows.items())), dict(sorted(weeks.items())), total)


def _parts(row: sa.Row[tuple[object, ...]], group: Group, week: str) -> Iterator[tuple[str, float]]:
    if group == "section":
        yield from ((f"{row.form} / {name}", score) for name, score in row.sections.items() if score is not None)
    elif row.score is not None:
        name = {"agent": row.agent, "queue": row.queue, "form": row.form, "week": week}[group]
        yield name, row.score
