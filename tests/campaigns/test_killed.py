"""Real processes place calls and are killed with SIGKILL: each attempt is made once, and nobody is forgotten."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from callcenter.campaigns.importing import parse, put
from callcenter.db import reading
from callcenter.tables import campaign_people, contacts
from tests.campaigns import dialler
from tests.campaigns.conftest import NOON

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parents[2]
PEOPLE = [f"+1212555{number}" for number in range(1000, 1016)]
ROUND = 900.0
"""Seconds from one pair of processes to the next: longer than the campaign's spacing, and than a lease is believed."""
ROUNDS = 20
"""Pairs at most, within the hours of a day."""


def start(engine: Engine, at: float) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.campaigns.dialler", str(engine.url), str(at)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def killed(process: subprocess.Popen[str], after: int | None = None) -> list[tuple[str, str]]:
    """Kill it when it has rung so many telephones, or all that it may; gives whom it rang as which contact. What it did
    until the signal came counts too."""
    assert process.stdout is not None
    rung: list[tuple[str, str]] = []
    while after is None or len(rung) < after:
        line = process.stdout.readline().split()
        if len(line) != 2:
            break
        rung.append((line[0], line[1]))
    assert process.poll() is None, "it has ended by itself"
    process.kill()
    rest = process.stdout.read().splitlines()
    assert process.wait() == -signal.SIGKILL
    whole = [line.split() for line in rest if line != "-"]
    return rung + [(number, contact) for number, contact in whole]


def rows(engine: Engine) -> Mapping[str, Any]:
    with reading(engine) as conn:
        return {row.number: row for row in conn.execute(sa.select(campaign_people))}


def test_each_attempt_once_whoever_is_killed(sqlite_engine: Engine) -> None:
    chance, rung, at = random.Random(7), list[tuple[str, str]](), NOON
    now, campaign = datetime.fromtimestamp(at, UTC), dialler.lists().campaigns["plan"]
    put(sqlite_engine, "plan", campaign, parse("\n".join(["phone", *PEOPLE]), "list.csv", "US"), now)
    for _ in range(ROUNDS):
        at += ROUND
        with ExitStack() as ending:
            both = [start(sqlite_engine, at) for _ in range(2)]
            for process in both:
                ending.enter_context(process)
                ending.callback(process.kill)
            rung += killed(both[0], after=chance.randrange(4))
            rung += killed(both[1])
        if all(row.state == "done" for row in rows(sqlite_engine).values()):
            break
    found = rows(sqlite_engine)
    assert {(row.state, row.result, row.attempts) for row in found.values()} == {("done", "not_reached", 2)}
    assert set(found) == set(PEOPLE)
    assert max(Counter(contact for _, contact in rung).values()) == 1
    calls = Counter(number for number, _ in rung)
    assert max(calls.values()) <= 2
    with reading(sqlite_engine) as conn:
        made = Counter(conn.execute(sa.select(contacts.c.called)).scalars())
        open_ones = conn.execute(sa.select(contacts.c.id).where(contacts.c.ended_at.is_(None))).all()
    assert made == Counter(dict.fromkeys(PEOPLE, 2))
    assert open_ones == []
