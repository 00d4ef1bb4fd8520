"""The small version of `python -m bench.faults`: `callwright run` with people on all channels, while each of its
processes is killed once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bench.faults.killing import PROGRAMS
from bench.faults.run import Plan, Run

pytestmark = [pytest.mark.slow, pytest.mark.sip, pytest.mark.timeout(600)]

PLAN = Plan(people=24, seed=20261122, coming=30, every=3, kills=len(PROGRAMS), settling=300, agents=6)


def test_each_process_dies_once_and_everybody_is_served(tmp_path: Path) -> None:
    told: list[str] = []
    run = Run(tmp_path, PLAN, told.append)
    outcome = asyncio.run(run())
    print("\n".join(told))  # of a run that failed
    assert outcome.faults == []
    assert set(outcome.kills) == set(PROGRAMS)
    assert set(outcome.people) == {"sip", "sms", "chat", "email"}
    assert outcome.people.total() == PLAN.people
    # What went through a mail server while its sender died is in sight, and isn't sent again by itself.
    assert outcome.served.total() + len(outcome.parked) == PLAN.people
    assert outcome.audit.endswith("0 that don't add up")
