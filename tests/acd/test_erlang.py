"""Erlang's formulas against published values, a plain birth-death chain, a replayed day, and what must hold always."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bench.acd.day import Day
from callcenter.acd.erlang import MOST, erlang_b, erlang_c, erlangs, required, scheduled, service

RATES = st.floats(0.1, 5000)
HANDLING = st.floats(5, 3600)
PATIENCE = st.one_of(st.none(), st.floats(5, 7200))


@pytest.mark.parametrize(
    ("agents", "load"), [(1, 0.0101), (5, 1.361), (10, 4.461), (20, 12.031), (50, 37.901), (100, 84.064)]
)
def test_blocking_is_that_of_the_tables(agents: int, load: float) -> None:
    """The loads at which 1 % are blocked: Erlang's table, ITU-D Teletraffic Engineering Handbook, appendix."""
    assert erlang_b(agents, load) == pytest.approx(0.01, abs=1e-5)


def test_a_worked_example_of_erlang_c() -> None:
    """100 calls in half an hour of 3 minutes each, with 14 agents: Call Centre Helper, "Erlang C Formula: Made Simple
    With an Easy Worked Example"."""
    assert erlangs(200, 180) == 10
    found = service(14, 200, 180, 20)
    assert found.waits == pytest.approx(0.1741, abs=5e-5)
    assert found.level == pytest.approx(0.888, abs=5e-4)
    assert found.mean_wait == pytest.approx(7.8, abs=0.05)
    assert found.occupancy == pytest.approx(0.714, abs=5e-4)
    assert required(200, 180, share=0.8, within=20) == 14
    assert scheduled(14, 0.3) == 20


def test_a_worked_example_of_erlang_a() -> None:
    """48 calls a minute of a minute each, 50 agents, 2 minutes of patience: N. Gans, G. Koole, A. Mandelbaum,
    "Telephone Call Centers: Tutorial, Review, and Research Prospects", M&SOM 5, 2003, section 4.2."""
    patient, found = service(50, 2880, 60, 20), service(50, 2880, 60, 20, 120)
    assert patient.mean_wait == pytest.approx(20.8, abs=0.05)
    assert patient.occupancy == pytest.approx(0.96)
    assert found.gives_up == pytest.approx(0.031, abs=5e-4)
    assert found.mean_wait == pytest.approx(3.7, abs=0.05)
    assert found.occupancy == pytest.approx(0.93, abs=5e-3)


@pytest.mark.parametrize(
    ("agents", "load", "handling", "patience"), [(5, 4, 200, 60), (5, 9, 200, 600), (1, 0.2, 60, 30), (100, 90, 100, 9)]
)
def test_erlang_a_is_the_steady_state_of_its_chain(agents: int, load: float, handling: float, patience: float) -> None:
    chances = [1.0]
    for there in range(1, 2000):
        leaving = min(there, agents) / handling + max(0, there - agents) / patience
        chances.append(chances[-1] * load / handling / leaving)
    whole = sum(chances)
    found = service(agents, load / handling * 3600, handling, 20, patience)
    line = sum(max(0, there - agents) * chance for there, chance in enumerate(chances)) / whole
    assert found.waits == pytest.approx(sum(chances[agents:]) / whole, rel=1e-9)
    assert found.gives_up == pytest.approx(line / patience / (load / handling), rel=1e-9)
    assert found.mean_wait == pytest.approx(line / (load / handling), rel=1e-9)


def test_a_replayed_day_agrees_with_erlang_a() -> None:
    """20,000 contacts of the real matching, some of whom give up; the tolerances are three standard deviations of such
    a sample, by repetition."""
    days = [Day(200, 240, 13, hours=50, seed=seed, patience=120).run() for seed in range(2)]
    whole = replace(days[0], served=[one for day in days for one in day.served])
    formula = whole.expected(20)
    assert len(whole.served) > 19_000
    assert whole.gave_up == pytest.approx(formula.gives_up, abs=0.015)
    assert whole.mean_wait == pytest.approx(formula.mean_wait, rel=0.15)
    assert whole.within(20) == pytest.approx(formula.level, abs=0.03)


@given(st.integers(1, 400), RATES, HANDLING, PATIENCE, st.floats(0, 600))
def test_one_more_agent_never_hurts(
    agents: int, per_hour: float, handling: float, patience: float | None, within: float
) -> None:
    fewer, more = (service(number, per_hour, handling, within, patience) for number in (agents, agents + 1))
    for found in (fewer, more):
        assert 0 <= found.level <= 1
        assert 0 <= found.waits <= 1
        assert 0 <= found.occupancy <= 1
        assert 0 <= found.gives_up <= 1
    assert more.level >= fewer.level - 1e-9
    assert more.mean_wait <= fewer.mean_wait + 1e-6
    assert more.occupancy <= fewer.occupancy + 1e-9


@given(RATES, st.floats(1, 3), HANDLING, PATIENCE)
def test_more_contacts_never_need_fewer(per_hour: float, times: float, handling: float, patience: float | None) -> None:
    few, many = (
        required(rate, handling, share=0.8, within=20, occupancy=0.9, patience=patience)
        for rate in (per_hour, per_hour * times)
    )
    assert 1 <= few <= many


@given(RATES, HANDLING, st.floats(0.05, 0.99), st.floats(0, 300), st.floats(0.3, 1), PATIENCE)
def test_it_is_enough_and_one_less_is_not(
    per_hour: float, handling: float, share: float, within: float, occupancy: float, patience: float | None
) -> None:
    agents = required(per_hour, handling, share=share, within=within, occupancy=occupancy, patience=patience)

    def enough(number: int) -> bool:
        found = service(number, per_hour, handling, within, patience)
        return found.level >= share and found.occupancy <= occupancy

    assert enough(agents)
    assert not enough(agents - 1)


@given(st.integers(1, 200), RATES, HANDLING, st.floats(0, 120))
def test_endless_patience_is_erlang_c(agents: int, per_hour: float, handling: float, within: float) -> None:
    load = erlangs(per_hour, handling)
    assume(load < 0.95 * agents)
    patient, nearly = service(agents, per_hour, handling, within), service(agents, per_hour, handling, within, 1e9)
    assert nearly.waits == pytest.approx(patient.waits, abs=1e-4)
    assert nearly.level == pytest.approx(patient.level, abs=1e-4)


def test_thousands_of_agents_are_counted_as_well() -> None:
    """Far from where factorials end; with the square-root rule (Halfin and Whitt, 1981) as a second opinion."""
    agents = required(60_000, 300, share=0.8, within=20)
    assert 5000 < agents < 5000 + 2 * math.sqrt(5000)
    assert service(2000, 60_000, 300, 20, 36_000).gives_up == pytest.approx(0.6)
    assert erlang_c(10_000, 1.0) == 0


def test_the_ends() -> None:
    assert required(0, 300, share=0.8, within=20) == 0
    assert service(0, 0, 300, 20).level == 1
    assert service(3, 60, 180, 20).mean_wait == math.inf  # as many erlangs as agents
    assert service(0, 60, 180, 20, 90).gives_up == 1
    assert scheduled(0, 0.3) == 0
    assert scheduled(7, 0.3) == 10  # and not 11, for a digit far behind the point


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"per_hour": -1}, "from 0 on"),
        ({"per_hour": math.nan}, "from 0 on"),
        ({"handling": 0}, "handling time"),
        ({"patience": 0}, "patience"),
        ({"share": 1}, "nobody can promise"),
        ({"occupancy": 0}, "occupancy"),
        ({"per_hour": 1e7}, f"more than {MOST} agents"),
    ],
)
def test_what_cannot_be_is_refused(given_: dict[str, float], says: str) -> None:
    asked = {"per_hour": 60.0, "handling": 300.0, "share": 0.8, "within": 20.0} | given_
    with pytest.raises(ValueError, match=says):
        required(asked.pop("per_hour"), asked.pop("handling"), **asked)
    with pytest.raises(ValueError, match="shrinkage"):
        scheduled(1, 1)
