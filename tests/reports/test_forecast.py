"""The forecast: what it makes of weeks whose law is known, of clocks that change, of holidays and of too little."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.reports.figures import QUARTER
from callcenter.reports.forecast import (
    HALF_HOUR,
    LEAST,
    WEEK,
    WEEKS,
    Arrivals,
    Backtest,
    Expected,
    Interval,
    TooLittle,
    backtest,
    forecast,
    half_hours,
    open_in,
)

MADRID = ZoneInfo("Europe/Madrid")
TODAY = date(2026, 11, 23)  # a Monday
KEY = ("billing", "voice")
Rate = Callable[[datetime], float]


def always(queue: str, kind: str) -> None:
    return None


def steady(at: datetime) -> float:
    return 12.0 if 9 <= at.hour < 17 and at.weekday() < 5 else 2.0


def poisson(chance: random.Random, mean: float) -> int:
    at, count = chance.expovariate(1.0), 0
    while at < mean:
        at, count = at + chance.expovariate(1.0), count + 1
    return count


def weeks(rate: Rate, *, count: int = WEEKS + 1, seed: int | None = None, zone: ZoneInfo = MADRID) -> Arrivals:
    """What came in so many weeks before TODAY: Poisson numbers, or exactly the rate."""
    first = TODAY - WEEK * count
    since, until = (datetime.combine(on, time(), zone).astimezone(UTC) for on in (TODAY - WEEK * (WEEKS + 1), TODAY))
    found, chance = Arrivals(since, until), random.Random(seed)
    for at in half_hours(first, 7 * count, zone):
        mean = rate(at)
        found.came[KEY][int(at.timestamp()) // QUARTER] += round(mean) if seed is None else poisson(chance, mean)
    return found


def told(arrivals: Arrivals, openings: Callable[[str, str], Sequence[Interval] | None] = always) -> dict[
    datetime, Expected
]:  # fmt: skip
    found = forecast(arrivals, KEY, half_hours(TODAY, 7, MADRID), TODAY, MADRID, openings)
    assert not isinstance(found, TooLittle)
    return found


def test_what_is_always_the_same_is_expected_again() -> None:
    found = told(weeks(steady))
    assert len(found) == 7 * 48
    for at, one in found.items():
        assert one.mean == pytest.approx(steady(at))
        twice = (at.weekday(), at.hour) == (6, 2)  # when the clock went back, two half-hours had this name
        assert one.observed == WEEKS + twice
        assert one.low < one.mean < one.high


def test_the_interval_holds_as_often_as_it_claims() -> None:
    """Of whole numbers it can't hold exactly four in five: it holds at least as many, and is no wider than it must be
    (three standard deviations of a mean of 12 would hold 99.7 % and more)."""
    chance, inside, all_of_them = random.Random(5), 0, 0
    for seed in range(4):
        for at, one in told(weeks(steady, seed=seed)).items():
            if steady(at) > 10:
                inside += one.low <= poisson(chance, steady(at)) <= one.high
                all_of_them += 1
    assert 0.8 <= inside / all_of_them < 0.95


def test_weeks_that_scatter_more_than_chance_widen_it() -> None:
    def moody(at: datetime) -> float:
        return steady(at) * (2 if (at.date() - TODAY) // WEEK % 2 else 0.5)

    def width(found: dict[datetime, Expected]) -> float:
        return sum(one.high - one.low for one in found.values())

    assert width(told(weeks(moody, seed=1))) > 1.3 * width(told(weeks(steady, seed=1)))


def test_the_level_is_that_of_the_last_weeks_and_is_not_drawn_out() -> None:
    def grown(at: datetime) -> float:
        return steady(at) * (1.5 if at.date() >= TODAY - WEEK * 2 else 1.0)

    whole = sum(one.mean for one in told(weeks(grown)).values())
    before, now = (sum(map(steady, half_hours(TODAY, 7, MADRID))) * times for times in (1.0, 1.5))
    assert whole == pytest.approx(now, rel=0.02)
    assert before < whole <= now


def test_the_same_half_hour_of_the_wall_clock_across_the_change() -> None:
    """The clock went back on 25 October, within these weeks; callers follow the clock on the wall."""
    found = told(weeks(lambda at: 30.0 if at.hour == 9 else 3.0))
    assert {at.hour for at, one in found.items() if one.mean > 20} == {9}


@pytest.mark.parametrize(("day", "count"), [(date(2026, 10, 25), 50), (date(2026, 3, 29), 46), (date(2026, 7, 1), 48)])
def test_days_on_which_the_clock_changes(day: date, count: int) -> None:
    assert len(half_hours(day, 1, MADRID)) == count


def test_time_zones_off_the_hour() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")  # five and three quarter hours ahead
    found = half_hours(TODAY, 1, kathmandu)
    assert [(at.hour, at.minute) for at in found[:3]] == [(0, 0), (0, 30), (1, 0)]
    arrivals = weeks(lambda at: float(at.hour), zone=kathmandu)
    assert [arrivals.count(KEY, at - WEEK) for at in found[:6]] == [0, 0, 1, 1, 2, 2]


def test_holidays_and_closed_hours_are_left_out_of_what_is_learned_and_told() -> None:
    holiday, next_one = TODAY - timedelta(days=7), TODAY + timedelta(days=2)

    def came(at: datetime) -> float:
        return 10.0 if 9 <= at.hour < 17 and at.date() != holiday else 0.0

    def openings(queue: str, kind: str) -> list[Interval]:
        days = [TODAY + timedelta(days=at) for at in range(-7 * (WEEKS + 1), 8)]
        return [
            (datetime.combine(day, time(9), MADRID), datetime.combine(day, time(17), MADRID))
            for day in days
            if day not in (holiday, next_one)
        ]

    found = told(weeks(came), openings)
    assert {round(one.mean, 6) for one in found.values()} == {10.0}  # the holiday's zeros don't count
    assert {at.hour for at in found} == set(range(9, 17))
    assert next_one not in {at.date() for at in found}
    with_zeros = told(weeks(came))
    assert with_zeros[datetime.combine(TODAY, time(10), MADRID)].mean < 9


def test_too_little_history_is_no_forecast() -> None:
    def none_of(arrivals: Arrivals) -> TooLittle:
        found = forecast(arrivals, KEY, half_hours(TODAY, 7, MADRID), TODAY, MADRID, always)
        assert isinstance(found, TooLittle)
        return found

    assert none_of(weeks(steady, count=0)).days == 0
    assert none_of(weeks(steady, count=LEAST - 1)).days == 13  # the first day may not have been a whole one
    enough = told(weeks(steady, count=LEAST))
    assert len(enough) == 6 * 48  # but of its weekday
    assert {one.observed for one in enough.values()} == {LEAST}


def test_the_time_before_a_queue_was_there_is_no_quiet_time() -> None:
    found = told(weeks(steady, count=5))
    assert all(one.mean == pytest.approx(steady(at)) for at, one in found.items())


def test_a_backtest_compares_what_came() -> None:
    exact = backtest(weeks(steady), [KEY], TODAY, MADRID, always)
    assert isinstance(exact, Backtest)
    assert exact.error == pytest.approx(0)
    assert exact.error_by_day == pytest.approx(0)
    assert exact.held == 1.0
    assert exact.came == pytest.approx(exact.expected)

    def doubled(at: datetime) -> float:
        return steady(at) * (2 if at.date() >= TODAY - WEEK else 1)

    wrong = backtest(weeks(doubled), [KEY], TODAY, MADRID, always)
    assert isinstance(wrong, Backtest)
    assert wrong.error == pytest.approx(0.5)
    assert wrong.error_by_day == pytest.approx(0.5)
    assert wrong.held == (336 - 80) / 336  # four may come where two were expected, but not 24 where 12 were
    assert wrong.came == 2 * wrong.expected


def test_a_backtest_knows_nothing_of_the_week_that_it_forecasts() -> None:
    chance = random.Random(3)
    told_before = weeks(steady, seed=1)
    one = backtest(told_before, [KEY], TODAY, MADRID, always)
    for at in half_hours(TODAY - WEEK, 7, MADRID):
        told_before.came[KEY][int(at.timestamp()) // QUARTER] = poisson(chance, 7)
    other = backtest(told_before, [KEY], TODAY, MADRID, always)
    assert isinstance(one, Backtest)
    assert isinstance(other, Backtest)
    assert one.expected == other.expected
    assert one.came != other.came


def test_chance_alone_errs_as_much_as_it_must() -> None:
    """The mean absolute difference of a Poisson number from its mean m is about sqrt(2 m / pi): what is beyond it is
    the method's own, and that is little."""
    found = backtest(weeks(lambda at: 20.0, seed=9), [KEY], TODAY, MADRID, always)
    assert isinstance(found, Backtest)
    least = math.sqrt(2 * 20 / math.pi) / 20
    assert least * 0.9 < found.error < least * 1.25
    assert isinstance(backtest(weeks(steady, count=LEAST), [KEY], TODAY, MADRID, always), TooLittle)


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(1, 40)), max_size=6))
def test_open_half_hours_are_those_that_overlap(stretches: list[tuple[int, int]]) -> None:
    """Against the plain definition."""
    begin = datetime(2026, 11, 23, tzinfo=UTC)
    half, at, given_ = [begin + HALF_HOUR * number for number in range(40)], begin, []
    for gap, length in stretches:
        opens = at + timedelta(minutes=gap)
        at = opens + timedelta(minutes=length)
        given_.append((opens, at))
    plain = [one for one in half if any(a < one + HALF_HOUR and b > one for a, b in given_)]
    assert open_in(half, given_) == plain
