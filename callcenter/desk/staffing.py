"""The staffing that the address of a page asks for: a queue, a week, a day of it, and what if."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from babel.dates import format_date
from sqlalchemy.engine import Engine

from callcenter.acd.config import Config
from callcenter.db import reading
from callcenter.desk.charts import Chart, Series
from callcenter.desk.ports import Flows
from callcenter.desk.words import Words
from callcenter.reports import forecast_staff as staff
from callcenter.reports.forecast_reading import Gathered
from callcenter.reports.forecast_staff import LIMITS, Need, Plan, WhatIf

_gathered: weakref.WeakKeyDictionary[Engine, Gathered] = weakref.WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address says. `day` is `None` for the whole week; `wrong` has the fields that can't be meant, with what
    they may be."""

    queue: str
    week: date
    day: date | None
    what_if: WhatIf
    wrong: Sequence[tuple[str, float, float]]

    def args(self) -> dict[str, str]:
        """What an address says of it."""
        given = {"queue": self.queue, "week": staff.week_name(self.week)}
        if self.day is not None:
            given["day"] = self.day.isoformat()
        for name in LIMITS:
            value = getattr(self.what_if, name)
            if value not in (None, 0.0) or (name in ("seconds", "shrinkage") and value == 0.0):
                given[name] = f"{value:g}"
        return given


def asked(arg: Callable[[str, int], str], configured: Config, now: datetime, words: Words) -> Asked:
    """From an address: the first queue and the next week where it names none, or none that there is."""
    today = now.astimezone(words.zone).date()
    try:
        week = staff.monday(arg("week", 10), today)
    except ValueError:
        week = staff.next_week(today)
    try:
        day = date.fromisoformat(arg("day", 10))
    except ValueError:
        day = None
    if day is not None and not week <= day < week + timedelta(days=7):
        day = None
    given: dict[str, float] = {}
    wrong = []
    for name, (least, most) in LIMITS.items():
        text = arg(name, 12).strip().replace(",", ".")
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if least <= value <= most:
            given[name] = value
        else:
            wrong.append((name, least, most))
    queue = arg("queue", 40)
    found = queue if queue in configured.queues else next(iter(configured.queues), "")
    return Asked(found, week, day, WhatIf(**given), wrong)


def plan(engine: Engine, flows: Flows, configured: Config, wanted: Asked, now: datetime, words: Words) -> Plan:
    """Raises ValueError where it would take more agents than can be counted."""
    today = now.astimezone(words.zone).date()
    known_on = staff.known_on(wanted.week, today)
    openings = staff.openings_of(configured, flows.openings, wanted.week, today)
    with reading(engine) as conn:
        arrivals = _gathered.setdefault(engine, Gathered()).read(conn, known_on, words.zone)
    return staff.plan(
        arrivals, wanted.queue, configured, wanted.week, known_on, words.zone, openings, wanted.what_if
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Day:
    """A day's sums: contacts, hours of agents who are to be there and to be scheduled, and the most at once."""

    day: date
    label: str
    contacts: float
    hours: float
    scheduled: float
    most: int


def days(found: Plan, words: Words) -> list[Day]:
    """Those of the week that have a forecast."""
    by_day: dict[date, list[Need]] = {}
    for need in found.needs:
        by_day.setdefault(need.at.date(), []).append(need)
    return [
        Day(
            day=day,
            label=weekday(day, words),
            contacts=sum(need.volume.mean for need in needs),
            hours=sum(need.agents for need in needs) / 2,
            scheduled=sum(need.scheduled for need in needs) / 2,
            most=max(need.scheduled for need in needs),
        )
        for day, needs in by_day.items()
    ]


def week_days(monday: date) -> list[date]:
    return [monday + timedelta(days=number) for number in range(7)]


def weekday(day: date, words: Words) -> str:
    return f"{format_date(day, 'EEE', locale=words.locale)} {words.date(day)}"


def charts(needs: Sequence[Need], words: Words, *, whole_week: bool) -> list[Chart]:
    """Agents and contacts by half-hour. Under the axis of a week stands where its days begin."""
    labels: list[str] = []
    marks: list[str] = []
    day: date | None = None
    for need in needs:
        begin = f"{need.at:%H:%M}"
        weekday = format_date(need.at, "EEE", locale=words.locale)
        labels.append(f"{weekday} {begin}" if whole_week else begin)
        marks.append(weekday if need.at.date() != day else "")
        day = need.at.date()
    contacts = words("Expected contacts")
    if not whole_week:
        marks = []
    return [
        Chart(
            words("Agents"),
            labels,
            [
                Series(words("Serving"), "accent", [float(need.agents) for need in needs]),
                Series(words("For shrinkage"), "good", [float(need.scheduled - need.agents) for need in needs]),
            ],
            words.number,
            marks=marks,
        ),
        Chart(
            contacts,
            labels,
            [Series(contacts, "accent", [need.volume.mean for need in needs])],
            lambda value: words.number(value, 1),
            marks=marks,
        ),
    ]
