"""The history that the address of a page asks for: a period, groups, the figures, charts of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from babel.dates import format_skeleton
from sqlalchemy.engine import Connection

from callcenter.acd.config import Config, ConfigError
from callcenter.desk.charts import Chart, Series
from callcenter.desk.ports import Flows
from callcenter.desk.words import Words
from callcenter.reports import figures, kept
from callcenter.reports.exits import noting
from callcenter.reports.figures import BUCKETS, RECONTACT, USUAL_LEVEL, Figures
from callcenter.surveys import SCALES

PERIODS = ("today", "yesterday", "7days", "30days", "range")
GROUPS = ("queue", "agent", "channel", "hour", "day")
LONGEST = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of the company's time zone, both included."""

    name: str
    first: date
    last: date
    zone: tzinfo

    @property
    def begin(self) -> datetime:
        return datetime.combine(self.first, time(), self.zone).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """The first moment that is no longer in it."""
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone).astimezone(UTC)

    @property
    def until(self) -> datetime:
        """The last moment that is in it."""
        return self.end - timedelta(microseconds=1)

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=at) for at in range((self.last - self.first).days + 1)]

    def args(self) -> dict[str, str]:
        """What an address says of it."""
        given = {"period": self.name}
        if self.name == "range":
            given |= {"from": self.first.isoformat(), "to": self.last.isoformat()}
        return given


def period(name: str, first: str, last: str, now: datetime, zone: tzinfo) -> Period:
    """From an address: what can't be meant is today. A period has `LONGEST` at most, and ends today at the latest."""
    today = now.astimezone(zone).date()
    match name:
        case "yesterday":
            return Period(name, today - timedelta(days=1), today - timedelta(days=1), zone)
        case "7days":
            return Period(name, today - timedelta(days=6), today, zone)
        case "30days":
            return Period(name, today - timedelta(days=29), today, zone)
        case "range":
            days = sorted(day for day in (_day(first, today), _day(last, today)) if day)
            if days:
                return Period(name, max(days[0], days[-1] - LONGEST), days[-1], zone)
    return Period("today", today, today, zone)


def _day(text: str, today: date) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return min(found, today) if found.year >= 2000 else None


def config(flows: Flows) -> Config:
    """Queues and agents as published, for names and service levels. Not to be called in a transaction."""
    files = {name: flows.data(name) for name in ("queues", "agents")}
    try:
        return Config.from_files({name: data for name, data in files.items() if data is not None})
    except ConfigError:
        return Config()


@dataclass(frozen=True, slots=True)
class History:
    """`rows` are the groups' figures, `total` those of all; `over_time` by hour of the day or by day; `left` the (flow,
    step) at which callers left."""

    rows: dict[str, Figures]
    total: Figures
    over_time: dict[str, Figures]
    left: list[tuple[tuple[str, str], int]]


def read(conn: Connection, asked: Period, group: str, configured: Config, now: datetime) -> History:
    """Counts contacts that began in the period."""
    later = kept.comings(conn, asked.end, min(asked.end + RECONTACT, max(now, asked.end)))

    def level(queue: str) -> float:
        queues = configured.queues
        return queues[queue].service_level.seconds if queue in queues else USUAL_LEVEL

    ways: dict[str, figures.Group] = {
        "queue": figures.by_queue,
        "agent": figures.by_agent,
        "channel": figures.by_channel,
        "hour": figures.by_time(asked.zone, "%H"),
        "day": figures.by_time(asked.zone, "%Y-%m-%d"),
    }
    clock = "hour" if len(asked.days) <= 2 or group == "hour" else "day"
    left = Counter[tuple[str, str]]()
    lives = noting(kept.read(conn, asked.begin, asked.end), left)
    rows, over_time = figures.count_by(lives, (ways[group], ways[clock]), level, asked.end, later)
    total = Figures()
    for one in over_time.values():
        total.add(one)
    return History(
        rows=dict(sorted(rows.items())),
        total=total,
        over_time={name: over_time.get(name, Figures()) for name in _times(asked, clock)},
        left=left.most_common(12),
    )


def _times(asked: Period, clock: str) -> list[str]:
    return [f"{hour:02}" for hour in range(24)] if clock == "hour" else [day.isoformat() for day in asked.days]


def label(group: str, name: str, configured: Config, words: Words) -> str:
    """What people read for a group."""
    match group:
        case "queue":
            return (configured.queues[name].label if name in configured.queues else "") or name
        case "agent":
            return (configured.agents[name].name if name in configured.agents else "") or name
        case "channel":
            return words(name)
        case "hour":
            return f"{name}:00"
    return words.day(datetime.combine(date.fromisoformat(name), time(12), words.zone))


def charts(found: History, words: Words) -> list[Chart]:
    """Volume, service level, abandonment, satisfaction."""
    t = words
    labels = [_short(name, words) for name in found.over_time]
    parts = list(found.over_time.values())
    made = [
        Chart(
            t("Contacts in queues"),
            labels,
            [
                Series(t("Answered"), "good", [float(one.answered) for one in parts]),
                Series(t("Abandoned"), "bad", [float(one.abandoned) for one in parts]),
            ],
            t.number,
        ),
        Chart(
            t("Service level"),
            labels,
            [Series(t("Service level"), "accent", [one.shown()["service_level"] for one in parts])],
            t.percent,
            1.0,
        ),
        Chart(
            t("Waited before they gave up"),
            _buckets(),
            [Series(t("Abandoned"), "bad", [float(count) for count in found.total.given_up_after])],
            t.number,
        ),
    ]
    for kind, (least, most) in SCALES.items():
        scores = range(least, most + 1)
        given = Counter(found.total.surveys.get(kind, []))
        made.append(
            Chart(
                {"csat": t("Satisfaction (CSAT)"), "nps": t("Recommendation (NPS)"), "ces": t("Effort (CES)")}[kind],
                [str(score) for score in scores],
                [Series(t("Answers"), "accent", [float(given[float(score)]) for score in scores])],
                t.number,
            )
        )
    return [one for one in made if not one.empty]


def _short(name: str, words: Words) -> str:
    if len(name) == 2:
        return f"{name}h"
    return format_skeleton("MMMd", date.fromisoformat(name), locale=words.locale)


def _buckets() -> list[str]:
    bounds = [0.0, *BUCKETS]
    named = [f"{low:.0f}–{high:.0f} s" for low, high in zip(bounds, BUCKETS, strict=False)]
    return [*named, f"> {BUCKETS[-1]:.0f} s"]


def written(shown: Mapping[str, Any]) -> dict[str, object]:
    """Figures as a CSV file has them: rates from 0 to 1, seconds; empty where there is nothing to divide by."""
    cells: dict[str, object] = {}
    for name, value in shown.items():
        if name == "given_up_after":
            ends = [f"{bound:.0f}s" for bound in BUCKETS]
            names = [*(f"given_up_within_{end}" for end in ends), f"given_up_after_{ends[-1]}"]
            cells |= dict(zip(names, value, strict=True))
        else:
            cells[name] = "" if value is None else round(value, 4)
    return cells
