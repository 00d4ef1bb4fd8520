"""How many agents a week needs, from what is expected to come: queue by queue, half-hour by half-hour.

- **Calls and chats** want an answer at once: `callcenter.acd.erlang` gives the fewest that keep the queue's service
  level, by Erlang A where the callers' patience is known, else by Erlang C. A chat takes a part of an agent: as many
  go on at once as `capacity` allows.
- **Callbacks and messages** (sms, whatsapp, messenger, email) can wait for a quiet minute. They need the agents' time,
  but no answer within seconds: they fill what calls leave, up to the `occupancy` that is allowed.
- Agents for calls and for chats are added, although one may do both: at most one too many for each half-hour.
- Each queue is planned by itself. Agents who serve several queues share their idle time, so that the sum over queues is
  more than what is needed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from functools import cache

from callcenter.acd import erlang
from callcenter.acd.config import CAPACITY, Config, Queue
from callcenter.acd.estimate import PRIOR, handling
from callcenter.reports.forecast import (
    WEEK,
    WEEKS,
    Arrivals,
    Backtest,
    Expected,
    Interval,
    Key,
    Openings,
    TooLittle,
    backtest,
    forecast,
    half_hours,
    open_in,
)
from callcenter.reports.forecast_reading import CALLBACK, VOICE, patience

AT_ONCE = (VOICE, "chat")
PER_HOUR = 2
"""Half-hours."""
LIMITS: Mapping[str, tuple[float, float]] = {
    "percent": (1, 99.9), "seconds": (0, 86_400), "shrinkage": (0, 90), "occupancy": (10, 100),
    "handling": (1, 7200), "volume": (-100, 300),
}  # fmt: skip
"""What may be assumed, in the units of `WhatIf`."""
YEAR = timedelta(days=371)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What is assumed instead of what the files and the event log say; `None` as they say. `percent` within `seconds`
    is the service level; `shrinkage`, `occupancy` are in percent, `handling` in seconds of a call, `volume` the
    percentage by which more (or fewer) contacts come."""

    percent: float | None = None
    seconds: float | None = None
    shrinkage: float | None = None
    occupancy: float | None = None
    handling: float | None = None
    volume: float = 0.0

    def check(self) -> None:
        """Raises ValueError, whose first argument names the field."""
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise ValueError(name, least, most)


@dataclass(frozen=True, slots=True)
class Length:
    """Seconds that a contact of one kind takes, from `measured` conversations and PRIOR of the usual length."""

    seconds: float
    measured: int


@dataclass(frozen=True, slots=True)
class Need:
    """A half-hour that begins at `at`. `volume` is of all kinds, as is `handling`, their mean length in seconds; `load`
    is in agents' full time. `agents` are to be there, `scheduled` with shrinkage; `most` are the agents for the upper
    ends of the intervals. `service` is what those who want an answer at once then meet, `None` where nobody does."""

    at: datetime
    volume: Expected
    kinds: Mapping[str, Expected]
    handling: float
    load: float
    agents: int
    most: int
    scheduled: int
    service: erlang.Service | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A queue's week. `missing` half-hours are open but were observed too seldom; where `needs` is empty, `history`
    says how little there is. `assumed` has the values that were planned with, in the units of `WhatIf`."""

    queue: str
    label: str
    assumed: WhatIf
    needs: Sequence[Need]
    missing: int
    history: TooLittle | None
    lengths: Mapping[str, Length]
    patience: float | None
    test: Backtest | TooLittle
    unknown: Mapping[str, TooLittle] = field(default_factory=dict)
    """Kinds of contacts that came, but too seldom for a forecast."""


def monday(name: str, today: date) -> date:
    """The first day of a week of ISO 8601, such as 2026-W48. Raises ValueError for what names none within a year."""
    found = re.fullmatch(r"(20\d\d)-W(\d\d)", name)
    if not found:
        raise ValueError("write a week as 2026-W48")
    first = date.fromisocalendar(int(found[1]), int(found[2]), 1)
    if abs(first - today) > YEAR:
        raise ValueError("name one within a year from now")
    return first


def week_name(monday: date) -> str:
    year, number, _ = monday.isocalendar()
    return f"{year}-W{number:02}"


def openings_of(
    configured: Config, opened: Callable[[str, date, int], Sequence[Interval] | None], week: date, today: date
) -> Openings:
    """When the queues are open, and when they call back, from the first day of history to the end of the week.
    `opened` tells it of a file of opening hours."""
    first = known_on(week, today) - WEEK * (WEEKS + 1) - timedelta(days=1)
    days = (week + WEEK - first).days + 1

    @cache
    def of_file(name: str) -> Sequence[Interval] | None:
        return opened(name, first, days)

    def openings(queue: str, kind: str) -> Sequence[Interval] | None:
        found = configured.queues.get(queue)
        name = None if found is None else found.callback_hours if kind == CALLBACK else found.hours
        return None if name is None else of_file(name)

    return openings


def plan(
    arrivals: Arrivals, queue: str, configured: Config, week: date, today: date, zone: tzinfo, openings: Openings,
    what_if: WhatIf,
) -> Plan:  # fmt: skip
    """The week that begins on Monday `week`, as could be told from the days before `today`: see `known_on`. Raises
    ValueError for what can't be assumed (`WhatIf.check`), KeyError for a queue."""
    what_if.check()
    found = configured.queues[queue]
    assumed = _assumed(what_if, found)
    wanted = half_hours(week, 7, zone)
    keys = sorted(key for key in arrivals.came if key[0] == queue)
    told: dict[str, dict[datetime, Expected]] = {}
    unknown: dict[str, TooLittle] = {}
    for key in keys:
        one = forecast(arrivals, key, wanted, today, zone, openings)
        if isinstance(one, TooLittle):
            unknown[key[1]] = one
        else:
            told[key[1]] = one
    lengths = {kind: _length(arrivals, (queue, kind), found, what_if) for kind in told}
    lasting = patience(arrivals, queue)
    capacity = {**CAPACITY, **configured.people.capacity}
    needs = []
    for at in wanted:
        kinds = {kind: _more(by_time[at], what_if.volume) for kind, by_time in told.items() if at in by_time}
        if kinds:
            needs.append(_need(at, kinds, lengths, assumed, lasting, capacity))
    # A kind may be served at other times than the queue is open (callbacks), so these are not just the rest.
    missing = len({*open_in(wanted, openings(queue, VOICE))} - {one.at for one in needs})
    days = max((one.days for one in unknown.values()), default=0)
    return Plan(
        queue=queue,
        label=found.label or queue,
        assumed=assumed,
        needs=needs,
        missing=missing,
        history=None if needs else TooLittle(days),
        lengths=lengths,
        patience=lasting,
        test=backtest(arrivals, keys, today, zone, openings),
        unknown=unknown if needs else {},
    )


def _assumed(what_if: WhatIf, queue: Queue) -> WhatIf:
    def given(value: float | None, usual: float) -> float:
        return usual if value is None else value

    return WhatIf(
        percent=min(given(what_if.percent, queue.service_level.percent), 99.9),
        seconds=given(what_if.seconds, queue.service_level.seconds),
        shrinkage=given(what_if.shrinkage, queue.staffing.shrinkage),
        occupancy=given(what_if.occupancy, queue.staffing.occupancy),
        handling=what_if.handling,
        volume=what_if.volume,
    )


def _length(arrivals: Arrivals, key: Key, queue: Queue, what_if: WhatIf) -> Length:
    measured = arrivals.lengths.get(key, ())
    if what_if.handling is not None and key[1] in (VOICE, CALLBACK):
        return Length(what_if.handling, 0)
    mean, _, count = handling(measured, max(queue.handling, 1.0))
    return Length(mean, count - PRIOR)


def _more(one: Expected, percent: float) -> Expected:
    times = 1 + percent / 100
    return Expected(one.mean * times, math.floor(one.low * times), math.ceil(one.high * times), one.observed)


def _need(
    at: datetime, kinds: Mapping[str, Expected], lengths: Mapping[str, Length], assumed: WhatIf,
    lasting: float | None, capacity: Mapping[str, int],
) -> Need:  # fmt: skip
    means = {kind: one.mean for kind, one in kinds.items()}
    agents, load, service = _agents(means, lengths, assumed, lasting, capacity)
    most, _, _ = _agents({kind: one.high for kind, one in kinds.items()}, lengths, assumed, lasting, capacity)
    volume = sum(means.values())
    # Sums of intervals are wider than the interval of a sum: kinds come independently, so the distances add as squares.
    below, above = (math.hypot(*(end(one) for one in kinds.values())) for end in (_below, _above))
    return Need(
        at=at,
        volume=Expected(
            volume, math.floor(max(0.0, volume - below)), math.ceil(volume + above),
            min(one.observed for one in kinds.values()),
        ),
        kinds=kinds,
        handling=sum(means[kind] * lengths[kind].seconds for kind in kinds) / volume if volume else 0.0,
        load=load,
        agents=agents,
        most=most,
        scheduled=erlang.scheduled(agents, (assumed.shrinkage or 0.0) / 100),
        service=service,
    )  # fmt: skip


def _below(one: Expected) -> float:
    return one.mean - one.low


def _above(one: Expected) -> float:
    return one.high - one.mean


def _agents(
    volumes: Mapping[str, float], lengths: Mapping[str, Length], assumed: WhatIf, lasting: float | None,
    capacity: Mapping[str, int],
) -> tuple[int, float, erlang.Service | None]:  # fmt: skip
    """(agents, their load in full time, what those who want an answer at once meet: the worst of the kinds)."""
    share, within, busy = (assumed.percent or 0.0) / 100, assumed.seconds or 0.0, (assumed.occupancy or 0.0) / 100
    load, at_once, worst = 0.0, 0.0, None
    for kind, volume in volumes.items():
        room = max(1, capacity.get(VOICE if kind == CALLBACK else kind, 1))
        seconds, per_hour = lengths[kind].seconds, volume * PER_HOUR
        load += erlang.erlangs(per_hour, seconds) / room
        if kind not in AT_ONCE or not volume:
            continue
        patient = lasting if kind == VOICE else None
        places = erlang.required(
            per_hour, seconds, share=share, within=within, occupancy=busy, patience=patient
        )  # fmt: skip
        at_once += places / room
        met = erlang.service(places, per_hour, seconds, within, patient)
        if worst is None or met.level < worst.level:
            worst = met
    return max(math.ceil(at_once - 1e-9), math.ceil(load / busy - 1e-9)), load, worst


def known_on(week: date, today: date) -> date:
    """The day before which history counts: none of a week that is past is used to forecast it."""
    return min(today, week)


def next_week(today: date) -> date:
    """The Monday that follows."""
    return today + timedelta(days=7 - today.weekday())
