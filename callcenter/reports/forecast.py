"""How many contacts are to be expected, half-hour by half-hour: from what came, by a method that can be told in words.

For one queue and one way of coming (see `callcenter.reports.forecast_reading`), from the last WEEKS weeks:

1. **Shape.** The mean of the same weekday and half-hour of the company's time zone, a week counting FADING times as
   much as the one after it. Half-hours that the opening hours exclude are no observations, so a holiday isn't a quiet
   day.
2. **Level.** The shape is multiplied by what came in the last RECENT weeks over what it says of them, with DOUBT
   contacts of no change added to both. It goes on from the level reached; a trend isn't drawn out further.
3. **Interval.** The middle SHARE. The variance is that of a Poisson number, times how much more than that the
   observations scattered (Pearson's dispersion), plus the doubt about the mean itself; gamma distributed.

A half-hour that was observed fewer than LEAST times has no forecast. `backtest` forecasts the last seven days from what
came before them, which says how far to trust the rest.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from callcenter.acd.estimate import gamma_quantile
from callcenter.reports.figures import QUARTER

WEEKS = 8
LEAST = 3
FADING = 0.85
RECENT = 2
DOUBT = 50.0
SHARE = 0.8
HALF_HOUR = timedelta(minutes=30)
WEEK = timedelta(days=7)

Key = tuple[str, str]
"""A queue, and the way that contacts come to it."""
Clock = tuple[int, int, int]
"""A weekday from 0 on, the hour and the minute at which a half-hour begins."""
Interval = tuple[datetime, datetime]
Openings = Callable[[str, str], Sequence[Interval] | None]
"""When a queue is open, by queue and way of coming: stretches in order; `None` where it always is."""


@dataclass(slots=True)
class Arrivals:
    """What came in [since, until). `came` counts by quarter of an hour since 1970; `lengths` are the seconds that
    agents spent on each contact, wrap-up included; `waits` sums the seconds for which anybody waited on the line, up to
    being served or leaving, and `gave_up` counts those whose patience ended it, by queue."""

    since: datetime
    until: datetime
    came: defaultdict[Key, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    lengths: defaultdict[Key, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    waits: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    gave_up: Counter[str] = field(default_factory=Counter)

    def count(self, key: Key, at: datetime) -> int:
        """Those that came in the half-hour that begins at `at`."""
        quarter, of_key = int(at.timestamp()) // QUARTER, self.came.get(key)
        return of_key[quarter] + of_key[quarter + 1] if of_key else 0

    def first(self, key: Key) -> datetime | None:
        """The quarter of an hour in which the first one came."""
        of_key = self.came.get(key)
        return datetime.fromtimestamp(min(of_key) * QUARTER, UTC) if of_key else None


@dataclass(frozen=True, slots=True)
class Expected:
    """Contacts in a half-hour: the mean, and the interval that holds what comes in SHARE of all cases. `observed` is
    the number of half-hours that say so."""

    mean: float
    low: float
    high: float
    observed: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """The forecast of the last seven days from those before, against what came: in `compared` half-hours together
    `came`, where `expected` were. `error` is the sum of the half-hours' absolute differences over `came` (WAPE), and
    `error_by_day` the same of whole days; `held` the share of half-hours in whose interval it lay."""

    came: int
    expected: float
    compared: int
    error: float
    error_by_day: float
    held: float


@dataclass(frozen=True, slots=True)
class TooLittle:
    """No figure: there are `days` of history, from the first contact on."""

    days: int


def half_hours(first: date, days: int, zone: tzinfo) -> list[datetime]:
    """The beginnings of all half-hours of so many days, in that time zone. A day on which the clock changes has two
    more or fewer."""
    begin, end = (datetime.combine(on, time(), zone).astimezone(UTC) for on in (first, first + timedelta(days=days)))
    return [(begin + HALF_HOUR * at).astimezone(zone) for at in range((end - begin) // HALF_HOUR)]


def clock(at: datetime) -> Clock:
    return at.weekday(), at.hour, at.minute


def open_in(half: Iterable[datetime], stretches: Sequence[Interval] | None) -> list[datetime]:
    """Those half-hours in which it is open, if only for a part. Both in order."""
    if stretches is None:
        return list(half)
    found, rest = [], iter(stretches)
    stretch = next(rest, None)
    for at in half:
        while stretch is not None and stretch[1] <= at:
            stretch = next(rest, None)
        if stretch is not None and stretch[0] < at + HALF_HOUR:
            found.append(at)
    return found


def forecast(
    arrivals: Arrivals, key: Key, wanted: Sequence[datetime], today: date, zone: tzinfo, openings: Openings
) -> dict[datetime, Expected] | TooLittle:
    """What is to be expected in the half-hours `wanted`, from the whole days before `today`. Those that are closed or
    were observed too seldom aren't in it."""
    history = _history(arrivals, key, today, zone, openings(*key))
    seen: defaultdict[Clock, list[tuple[int, int]]] = defaultdict(list)  # (weeks ago, how many came)
    for at in history:
        weeks = (today - at.date() - timedelta(days=1)) // WEEK
        seen[clock(at)].append((weeks, arrivals.count(key, at)))
    shape, doubt = _shape({when: came for when, came in seen.items() if len(came) >= LEAST})
    if not shape:
        return TooLittle((today - history[0].date()).days if history else 0)
    level, dispersion = _level(shape, seen), _dispersion(shape, seen)
    found = {}
    for at in open_in(wanted, openings(*key)):
        when = clock(at)
        if when in shape:
            mean = level * shape[when]
            # Where nothing came as yet, something may: half a contact more (Jeffreys' prior).
            likely = mean + 0.5 * doubt[when]
            variance = dispersion * likely * (1 + doubt[when])
            low, high = (gamma_quantile(likely, variance, tail) for tail in ((1 - SHARE) / 2, (1 + SHARE) / 2))
            found[at] = Expected(mean, float(int(low)), float(-int(-high // 1)), len(seen[when]))
    return found


def backtest(
    arrivals: Arrivals, keys: Iterable[Key], today: date, zone: tzinfo, openings: Openings
) -> Backtest | TooLittle:
    """How good it would have been, for the ways of coming `keys` together. Those that had too little history for a
    forecast aren't counted."""
    before = today - WEEK
    wanted = half_hours(before, 7, zone)
    came: Counter[datetime] = Counter()
    expected: defaultdict[datetime, float] = defaultdict(float)
    held, compared, days = 0, 0, 0
    for key in keys:
        told = forecast(arrivals, key, wanted, before, zone, openings)
        if isinstance(told, TooLittle):
            days = max(days, told.days)
            continue
        for at, one in told.items():
            actual = arrivals.count(key, at)
            came[at] += actual
            expected[at] += one.mean
            held += one.low <= actual <= one.high
            compared += 1
    whole = came.total()
    if not whole:
        return TooLittle(days)
    by_day: defaultdict[date, float] = defaultdict(float)
    for at, mean in expected.items():
        by_day[at.date()] += came[at] - mean
    return Backtest(
        came=whole,
        expected=sum(expected.values()),
        compared=compared,
        error=sum(abs(came[at] - mean) for at, mean in expected.items()) / whole,
        error_by_day=sum(map(abs, by_day.values())) / whole,
        held=held / compared,
    )


def _history(
    arrivals: Arrivals, key: Key, today: date, zone: tzinfo, stretches: Sequence[Interval] | None
) -> list[datetime]:
    """The half-hours to learn from. They begin with the first whole day of which there can be something: what was not
    in use yet isn't a time without contacts."""
    first = arrivals.first(key)
    if first is None:
        return []
    begin = today - WEEK * WEEKS
    if first - arrivals.since > timedelta(days=1):
        begin = max(begin, first.astimezone(zone).date() + timedelta(days=1))
    begin = max(begin, arrivals.since.astimezone(zone).date())
    return open_in(half_hours(begin, max(0, (today - begin).days), zone), stretches)


def _shape(seen: Mapping[Clock, Sequence[tuple[int, int]]]) -> tuple[dict[Clock, float], dict[Clock, float]]:
    """The weighted mean of each half-hour of the week, and its variance in units of a single observation's."""
    shape, doubt = {}, {}
    for when, observed in seen.items():
        weights = [FADING**weeks for weeks, _ in observed]
        whole = sum(weights)
        shape[when] = sum(weight * came for weight, (_, came) in zip(weights, observed, strict=True)) / whole
        doubt[when] = sum(weight * weight for weight in weights) / (whole * whole)
    return shape, doubt


def _level(shape: Mapping[Clock, float], seen: Mapping[Clock, Sequence[tuple[int, int]]]) -> float:
    came = expected = DOUBT
    for when, mean in shape.items():
        lately = [count for weeks, count in seen[when] if weeks < RECENT]
        came += sum(lately)
        expected += mean * len(lately)
    return came / expected


def _dispersion(shape: Mapping[Clock, float], seen: Mapping[Clock, Sequence[tuple[int, int]]]) -> float:
    """How much more the observations scatter than Poisson numbers; 1 where they don't."""
    squares, free = 0.0, 0
    for when, mean in shape.items():
        if mean > 0:
            squares += sum((count - mean) ** 2 for _, count in seen[when]) / mean
            free += len(seen[when]) - 1
    return max(1.0, squares / free) if free else 1.0
