"""How far campaigns are, for the command, the desk and the API; results by person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.campaigns import people
from callcenter.desk.spreadsheet import line
from callcenter.tables import campaign_pauses, campaign_people

COLUMNS: Final = (
    "phone", "name", "reference", "state", "result", "code", "attempts", "agent", "next_at", "updated_at", "contact_id",
)  # fmt: skip
"""Of an export, before the list's own attributes."""


@dataclass(slots=True)
class Progress:
    """Of one campaign. `results` counts those who are done by result; `next_at` is when the next person may be looked
    at, `None` where nobody waits."""

    name: str
    paused: bool = False
    people: int = 0
    waiting: int = 0
    queued: int = 0
    done: int = 0
    calls: int = 0
    results: dict[str, int] = field(default_factory=dict)
    next_at: datetime | None = None

    @property
    def percent(self) -> int:
        return self.done * 100 // self.people if self.people else 0


def progress(conn: Connection, names: Iterable[str] = ()) -> dict[str, Progress]:
    """By campaign: those that are named, and all that have a list."""
    found = {name: Progress(name) for name in names}
    table = campaign_people.c
    counted = sa.select(
        table.campaign, table.state, table.result, sa.func.count().label("persons"),
        sa.func.sum(table.attempts).label("calls"), sa.func.min(table.next_at).label("next_at"),
    ).group_by(table.campaign, table.state, table.result)  # fmt: skip
    for row in conn.execute(counted.order_by(table.campaign)):
        one = found.setdefault(row.campaign, Progress(row.campaign))
        one.people += row.persons
        one.calls += int(row.calls or 0)
        if row.state == people.DONE:
            one.done += row.persons
            one.results[row.result] = one.results.get(row.result, 0) + row.persons
        elif row.state == people.QUEUED:
            one.queued += row.persons
        else:
            one.waiting += row.persons
            one.next_at = row.next_at if one.next_at is None else min(one.next_at, row.next_at)
    for name in conn.execute(sa.select(campaign_pauses.c.campaign)).scalars():
        found.setdefault(name, Progress(name)).paused = True
    return found


def export(conn: Connection, campaign: str) -> Iterator[str]:
    """Everybody on the list as lines of CSV, the header first, in the order of the import. Times are ISO 8601."""
    table = campaign_people
    query = sa.select(table).where(table.c.campaign == campaign).order_by(table.c.imported_at, table.c.id)
    rows = conn.execute(query).all()
    own = list(dict.fromkeys(name for row in rows for name in row.attributes))
    yield line([*COLUMNS, *own])
    for row in rows:
        # A number is no formula, and can be imported again as it stands.
        number = row.number if row.number[1:].isdecimal() else line([row.number]).rstrip()
        yield f"{number}," + line([
            row.name, row.reference, row.state, row.result, row.code, row.attempts, row.agent,
            row.next_at.isoformat() if row.state == people.WAITING else "", row.updated_at.isoformat(),
            row.contact_id or "", *(row.attributes.get(name, "") for name in own),
        ])  # fmt: skip
