"""Estimates: the formula, its interval against simulation, and a day against Erlang C."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from bench.acd.day import Day
from callcenter.acd.estimate import PRIOR, Staff, estimate, gamma_quantile, gamma_share, handling, level, staffing
from callcenter.acd.model import Agent

STAFF = Staff(agents=4, mean=200, cv2=1, measured=10_000, at=0)


def test_the_mean_is_position_times_handling_over_agents() -> None:
    told = [estimate(position, STAFF) for position in (1, 2, 8)]
    assert [round(one.seconds) for one in told if one] == [50, 100, 400]
    assert all(one and one.low < one.seconds < one.high for one in told)


def test_those_who_give_up_ahead_shorten_the_wait() -> None:
    told = estimate(5, replace(STAFF, gave_up=0.25))
    assert told is not None
    assert told.seconds == pytest.approx(200)


def test_no_agents_no_estimate_and_free_agents_no_wait() -> None:
    assert estimate(1, replace(STAFF, agents=0)) is None
    assert level(1, replace(STAFF, agents=0), 20) == 0
    told = estimate(2, replace(STAFF, free=2))
    assert told is not None
    assert told.seconds <= 1


@pytest.mark.parametrize("shape", [1, 2, 5, 20])
@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_quantiles_are_those_of_the_gamma_distribution(shape: float, probability: float) -> None:
    chance = random.Random(7)
    drawn = sorted(chance.gammavariate(shape, 10) for _ in range(40_000))
    mean, variance = shape * 10, shape * 100
    found = gamma_quantile(mean, variance, probability)
    assert found == pytest.approx(drawn[int(probability * len(drawn))], abs=0.03 * mean)
    assert gamma_share(mean, variance, found) == pytest.approx(probability, abs=0.001)


def test_little_data_leans_on_what_is_configured() -> None:
    assert handling([], 300) == (300, 1.0, PRIOR)
    mean, _, count = handling([100] * 5, 300)
    assert (mean, count) == (200, 10)
    mean, cv2, _ = handling([100] * 1000, 300)
    assert mean == pytest.approx(101, abs=1)
    assert cv2 < 0.2


def test_an_agent_of_several_queues_is_divided_as_those_who_wait_are() -> None:
    both = Agent("a", groups=frozenset({"x", "y"}))
    queues = {"x": frozenset({"x"}), "y": frozenset({"y"})}
    found = staffing([both, Agent("b", groups=frozenset({"x"}))], {"x": 5, "y": 1}, queues)
    assert found == {"x": pytest.approx(1.75), "y": pytest.approx(0.25)}
    assert staffing([replace(both, presence="unavailable")], {}, queues) == {"x": 0, "y": 0}
    assert sum(staffing([replace(both, presence="unavailable", load={"voice": 1})], {}, queues).values()) == 1


@pytest.fixture(scope="module")
def days() -> list[Day]:
    return [Day(60, 180, 4, hours=60, seed=seed).run() for seed in range(4)]


def test_a_day_agrees_with_erlang_c(days: list[Day]) -> None:
    """14,400 contacts of 75 % load. The tolerance is three standard deviations of such a sample, by repetition."""
    formula = days[0].expected(20)
    served = [one for day in days for one in day.served]
    whole = replace(days[0], served=served)
    assert len(served) > 13_000
    assert whole.mean_wait == pytest.approx(formula.mean_wait, rel=0.15)
    assert whole.within(20) == pytest.approx(formula.level, abs=0.03)


def test_the_interval_holds_as_often_as_it_claims(days: list[Day]) -> None:
    whole = replace(days[0], served=[one for day in days for one in day.served])
    share, count = whole.held()
    assert count > 5_000
    assert share == pytest.approx(0.8, abs=0.04)


def test_it_holds_for_steady_handling_times_too() -> None:
    """Lengths that vary less than exponential ones: the interval is measured, so it is narrower and still true."""
    day = Day(60, 180, 4, hours=100, seed=3, length=lambda chance, mean: chance.gammavariate(4, mean / 4)).run()
    share, count = day.held()
    assert count > 2_000
    assert share == pytest.approx(0.8, abs=0.08)
