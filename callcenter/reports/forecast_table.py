"""A week's plan as rows for a spreadsheet: the same from the desk and from the command line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from callcenter.reports.forecast_staff import Need, Plan

COLUMNS = (
    "queue", "from", "expected", "low", "high", "handling_seconds", "erlangs", "agents", "agents_if_high", "scheduled",
    "service_level", "mean_wait_seconds", "occupancy", "giving_up",
)  # fmt: skip


def rows(plans: Iterable[Plan]) -> Iterator[list[object]]:
    """The names of the columns, then a row for each half-hour that has a forecast: `from` as ISO 8601 with the offset
    of the company's time zone, rates from 0 to 1; empty where there is nothing to tell."""
    yield list(COLUMNS)
    for plan in plans:
        for need in plan.needs:
            yield _row(plan, need)


def _row(plan: Plan, need: Need) -> list[object]:
    met = need.service
    return [
        plan.queue,
        need.at.isoformat(timespec="minutes"),
        round(need.volume.mean, 2),
        int(need.volume.low),
        int(need.volume.high),
        round(need.handling),
        round(need.load, 2),
        need.agents,
        need.most,
        need.scheduled,
        *(("", "", "", "") if met is None else (
            round(met.level, 4), round(met.mean_wait, 1), round(met.occupancy, 4), round(met.gives_up, 4),
        )),
    ]  # fmt: skip
