"""Alerts: what holds, and who is told of it: once for each episode, and when it is over."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Engine

from callcenter import alerting
from callcenter.alerts import ENOUGH, USUAL, AlertsFile, Held, Watched, from_data, held
from callcenter.db import reading
from callcenter.desk.alert_words import message, sentence
from callcenter.desk.words import Words
from callcenter.tables import messages

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Madrid")
CALM = Watched("billing", "Billing", 20.0, agents=2)
DATA: dict[str, Any] = {
    "people": {
        "floor": {"mail": ["floor@example.com"], "sms": ["+12025550143"]},
        "boss": {"mail": ["boss@example.com"], "quiet_hours": "21:00-07:00"},
    },
    "alerts": {"busy": {"waiting": 3, "to": ["floor", "boss"], "at_most_every": "10m", "for": "30s"}},
}
FILE = AlertsFile.model_validate(DATA)


def say(one: Held | None, alert: str, queue: str, over: bool) -> tuple[str, str]:
    return f"{alert} {queue} {'over' if over else 'on'}", "text"


def watch(engine: Engine, waiting: int, at: datetime, file: AlertsFile = FILE) -> list[tuple[str, str, datetime]]:
    """One look while so many wait; what was queued by it: to whom, the subject, when it may go."""
    with reading(engine) as conn:
        before = set(conn.execute(sa.select(messages.c.id)).scalars())
    holding = held(file, {"billing": replace(CALM, waiting=waiting)})
    count = alerting.watch(engine, file, holding, at, zone=ZONE, say=say)
    with reading(engine) as conn:
        rows = [row for row in conn.execute(sa.select(messages)) if row.id not in before]
    assert len(rows) == count
    return sorted((row.to, row.subject or row.body, row.next_at) for row in rows)


def told(found: list[tuple[str, str, datetime]]) -> list[tuple[str, str]]:
    return [(to, subject) for to, subject, _ in found]


ON = [(to, "busy billing on") for to in ("+12025550143", "boss@example.com", "floor@example.com")]
OVER = [(to, "busy billing over") for to in ("+12025550143", "boss@example.com", "floor@example.com")]


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_an_episode_is_told_once_and_so_is_its_end(engine: Engine) -> None:
    assert watch(engine, 3, NOON) == []  # it has only begun
    assert watch(engine, 3, later(29)) == []
    assert told(watch(engine, 3, later(30))) == ON
    for seconds in (31, 60, 3600):
        assert watch(engine, 4, later(seconds)) == []
    assert told(watch(engine, 2, later(3601))) == OVER
    assert watch(engine, 2, later(3602)) == []


def test_what_passes_before_anybody_is_told_is_told_to_nobody(engine: Engine) -> None:
    watch(engine, 3, NOON)
    assert watch(engine, 0, later(20)) == []
    assert watch(engine, 3, later(40)) == []  # another episode
    assert told(watch(engine, 3, later(70))) == ON


def test_a_new_episode_waits_until_it_may_be_told_again(engine: Engine) -> None:
    watch(engine, 3, NOON)
    watch(engine, 3, later(30))
    watch(engine, 0, later(60))
    watch(engine, 3, later(90))
    assert watch(engine, 3, later(150)) == []
    assert told(watch(engine, 3, later(630))) == ON
    assert told(watch(engine, 0, later(700))) == OVER


def test_quiet_hours_are_each_ones_own(engine: Engine) -> None:
    night = datetime(2026, 11, 23, 23, 0, tzinfo=ZONE)
    morning = datetime(2026, 11, 24, 7, 0, tzinfo=ZONE)
    watch(engine, 3, night)
    found = watch(engine, 3, night + timedelta(seconds=30))
    assert told(found) == [ON[0], ON[2]]
    assert told(watch(engine, 3, morning)) == [ON[1]]  # it goes on still
    found = watch(engine, 0, morning + timedelta(hours=15))  # at night again
    assert told(found) == OVER
    assert {to: at for to, _, at in found}["boss@example.com"] == morning + timedelta(days=1)


def test_several_who_watch_at_once_tell_it_once(engine: Engine) -> None:
    watch(engine, 3, NOON)
    for seconds, waiting, wanted in ((30, 3, "on"), (60, 0, "over")):
        holding = held(FILE, {"billing": replace(CALM, waiting=waiting)})
        with ThreadPoolExecutor(8) as pool:
            looks = [
                pool.submit(alerting.watch, engine, FILE, holding, later(seconds), zone=ZONE, say=say) for _ in range(8)
            ]
            assert sum(look.result(60) for look in looks) == 3
        with reading(engine) as conn:
            texts = [row.subject or row.body for row in conn.execute(sa.select(messages))]
        assert sum(wanted in text for text in texts) == 3


def test_a_death_in_between_tells_nobody_and_the_next_look_does(engine: Engine) -> None:
    watch(engine, 3, NOON)
    count = 0

    def dies(*arguments: Any) -> tuple[str, str]:
        nonlocal count
        count += 1
        if count == 2:
            raise RuntimeError("gone")
        return "half", "half"

    holding = held(FILE, {"billing": replace(CALM, waiting=3)})
    with pytest.raises(RuntimeError):
        alerting.watch(engine, FILE, holding, later(30), zone=ZONE, say=dies)
    assert told(watch(engine, 3, later(31))) == ON


def test_an_alert_that_is_removed_is_over(engine: Engine) -> None:
    watch(engine, 3, NOON)
    watch(engine, 3, later(30))
    assert told(watch(engine, 3, later(60), AlertsFile(people=FILE.people))) == OVER


def test_each_beginning_has_one_end_whatever_happens(engine: Engine) -> None:
    chance = random.Random(7)
    at, on = NOON, 0
    for _ in range(150):
        at += timedelta(seconds=chance.choice([5, 40, 700]))
        for to, subject, _ in watch(engine, chance.choice([0, 3]), at):
            if to == "floor@example.com":
                on += 1 if subject.endswith("on") else -1
                assert on in (0, 1)


# What holds

LEVEL = replace(CALM, level=0.5, counted=ENOUGH)


@pytest.mark.parametrize(
    ("alert", "queue", "holds"),
    [
        ({"longest_wait": "1m"}, replace(CALM, longest=61.0), True),
        ({"longest_wait": "1m"}, replace(CALM, longest=60.0), False),
        ({"longest_wait": "1m"}, CALM, False),
        ({"longest_wait": "2.5x"}, replace(CALM, longest=51.0), True),
        ({"longest_wait": "2.5x"}, replace(CALM, longest=49.0), False),
        ({"waiting": 3}, replace(CALM, waiting=3), True),
        ({"waiting": 3}, replace(CALM, waiting=2), False),
        ({"service_level": 80}, LEVEL, True),
        ({"service_level": 50}, LEVEL, False),
        ({"service_level": 80}, replace(LEVEL, counted=ENOUGH - 1), False),
        ({"service_level": 80}, CALM, False),
        ({"agents": 3}, CALM, True),
        ({"agents": 2}, CALM, False),
        ({"callbacks_overdue": "15m"}, replace(CALM, overdue=901.0), True),
        ({"callbacks_overdue": "15m"}, CALM, False),
        ({"waiting": 1, "agents": 1}, replace(CALM, waiting=5), False),
        ({"waiting": 1, "agents": 1}, replace(CALM, waiting=5, agents=0), True),
        ({"waiting": 1, "queues": ["sales"]}, replace(CALM, waiting=5), False),
    ],
)
def test_what_holds(alert: dict[str, Any], queue: Watched, holds: bool) -> None:
    file = AlertsFile.model_validate({"alerts": {"it": alert}})
    assert bool(held(file, {"billing": queue})) == holds


@pytest.mark.parametrize(
    "wrong",
    [
        {"alerts": {"it": {}}},
        {"alerts": {"it": {"waiting": 0}}},
        {"alerts": {"it": {"longest_wait": "long"}}},
        {"alerts": {"it": {"longest_wait": "x"}}},
        {"alerts": {"it": {"longest_wait": 0}}},
        {"alerts": {"it": {"service_level": 101}}},
        {"people": {"us": {}}},
        {"people": {"us": {"sms": ["0171 555"]}}},
        {"people": {"us": {"mail": ["nobody"]}}},
        {"people": {"us": {"mail": ["a@b.example"], "quiet_hours": "9-5"}}},
    ],
)
def test_what_is_no_alert(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AlertsFile.model_validate(wrong)
    assert from_data(wrong) == USUAL


@pytest.mark.parametrize("language", ["en", "es"])
def test_words(language: str) -> None:
    words = Words(language, "US", ZONE)
    file = AlertsFile.model_validate(
        {"alerts": {"all": {"longest_wait": "1m", "waiting": 2, "service_level": 80, "agents": 3,
                            "callbacks_overdue": "15m"}}}
    )  # fmt: skip
    queue = replace(LEVEL, waiting=4, longest=100.0, overdue=1000.0)
    [one] = held(file, {"billing": queue})
    said = sentence(words, one.limits)
    assert all(figure in said for figure in ("1:00", "2", "80", "3", "15:00"))
    subject, text = message(words, "Riverbend", one, "all", "Billing", False)
    assert subject == f"Riverbend, Billing: {said}"
    assert all(figure in text for figure in (": 4\n", "1:40", "50", ": 2\n", "16:40", "all"))
    assert "Billing" in message(words, "Riverbend", None, "all", "Billing", True)[0]
