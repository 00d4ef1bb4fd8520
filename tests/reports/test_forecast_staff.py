"""From what is expected to agents: calls, chats, callbacks and messages, targets and what if."""

from __future__ import annotations

import math
from array import array
from datetime import UTC, date, datetime, time

import pytest

from callcenter.acd.config import Config
from callcenter.acd.erlang import required
from callcenter.reports import forecast_staff as staff
from callcenter.reports.figures import QUARTER
from callcenter.reports.forecast import WEEK, WEEKS, Arrivals, Interval, TooLittle, half_hours
from callcenter.reports.forecast_staff import LIMITS, Need, Plan, WhatIf, known_on, monday, next_week, week_name

TODAY = date(2026, 11, 23)
CONFIG = Config.from_files({
    "queues": {"queues": {
        "billing": {"handling": "4m", "staffing": {"shrinkage": 20, "occupancy": 80}},
        "strict": {"service_level": {"seconds": 5, "percent": 100}},
        "hours": {"hours": "office", "callback": {"hours": "evenings"}},
        "same": {"hours": "office"},
    }},
    "agents": {"capacity": {"chat": 3}, "agents": {}},
})  # fmt: skip


def always(queue: str, kind: str) -> None:
    return None


def steady(**each: int) -> Arrivals:
    """So many in each half-hour, by kind; each took four minutes."""
    begin = datetime.combine(TODAY - WEEK * (WEEKS + 1), time(), UTC)
    found = Arrivals(begin, datetime.combine(TODAY, time(), UTC))
    for at in half_hours(begin.date(), 7 * (WEEKS + 1), UTC):
        for kind, count in each.items():
            found.came["billing", kind][int(at.timestamp()) // QUARTER] = count
    for kind in each:
        found.lengths["billing", kind] = array("d", [240.0] * 100)
    return found


def planned(arrivals: Arrivals, what_if: WhatIf = WhatIf(), queue: str = "billing") -> Plan:
    return staff.plan(arrivals, queue, CONFIG, TODAY, TODAY, UTC, always, what_if)


def one(arrivals: Arrivals, what_if: WhatIf = WhatIf()) -> Need:
    return planned(arrivals, what_if).needs[20]


def test_calls_are_planned_by_the_queues_target() -> None:
    need = one(steady(voice=30))
    assert need.volume.mean == pytest.approx(30)
    assert need.handling == pytest.approx(240)
    assert need.load == pytest.approx(4)
    assert need.agents == required(60, 240, share=0.8, within=20, occupancy=0.8)
    assert need.scheduled == math.ceil(need.agents / 0.8)
    assert need.most > need.agents
    assert need.service is not None
    assert need.service.level >= 0.8


def test_a_chat_takes_a_part_of_an_agent() -> None:
    calls, chats = one(steady(voice=30)), one(steady(chat=30))
    places = required(60, 240, share=0.8, within=20, occupancy=0.8)
    assert chats.agents == max(math.ceil(places / 3), math.ceil(4 / 3 / 0.8))
    assert chats.load == pytest.approx(calls.load / 3)


def test_what_can_wait_fills_the_time_that_calls_leave() -> None:
    plain = one(steady(voice=10))
    with_messages = one(steady(voice=10, sms=4))  # a third of an erlang more
    assert with_messages.agents == plain.agents
    busy = one(steady(voice=10, callback=30))
    assert busy.agents == math.ceil((10 + 30) * 240 / 1800 / 0.8)
    assert busy.service == plain.service  # callbacks wait for no answer
    alone = one(steady(email=15))
    assert (alone.agents, alone.service) == (math.ceil(15 * 240 / 1800 / 4 / 0.8), None)


def test_patience_counts_for_calls() -> None:
    arrivals = steady(voice=30)
    arrivals.waits["billing"], arrivals.gave_up["billing"] = 3000.0, 50
    assert one(arrivals).agents == required(60, 240, share=0.8, within=20, occupancy=0.8, patience=60)
    assert planned(arrivals).patience == 60


def test_what_if() -> None:
    found = one(steady(voice=30), WhatIf(95, 5, 50, 100, 480, 50))
    assert found.volume.mean == pytest.approx(45)
    assert found.agents == required(90, 480, share=0.95, within=5)
    assert found.scheduled == 2 * found.agents
    assert one(steady(voice=30), WhatIf(volume=-100)).agents == 0


@pytest.mark.parametrize("name", LIMITS)
def test_what_cannot_be_assumed_is_refused(name: str) -> None:
    for value in (LIMITS[name][0] - 1, LIMITS[name][1] + 1, math.nan):
        with pytest.raises(ValueError, match=name):
            planned(steady(voice=1), WhatIf(**{name: value}))


def test_a_length_that_was_never_measured_is_the_usual_one() -> None:
    arrivals = steady(voice=30)
    arrivals.lengths.clear()
    found = planned(arrivals)
    assert (found.lengths["voice"].seconds, found.lengths["voice"].measured) == (240, 0)


def test_nothing_known_is_no_figure() -> None:
    found = planned(steady(), queue="strict")
    assert (found.needs, found.history, found.assumed.percent) == ([], TooLittle(0), 99.9)
    assert isinstance(found.test, TooLittle)
    few = steady(voice=5)
    few.came["billing", "chat"][int(datetime(2026, 11, 20, tzinfo=UTC).timestamp()) // QUARTER] = 1
    assert list(planned(few).unknown) == ["chat"]
    assert set(planned(few).lengths) == {"voice"}


def test_callbacks_have_hours_of_their_own() -> None:
    asked: list[tuple[str, date, int]] = []

    def opened(name: str, first: date, days: int) -> list[Interval] | None:
        asked.append((name, first, days))
        return []

    openings = staff.openings_of(CONFIG, opened, TODAY, TODAY)
    assert openings("billing", "voice") is None
    assert openings("nobody", "voice") is None
    for queue, kind in (("hours", "voice"), ("hours", "callback"), ("same", "callback"), ("same", "chat")):
        assert openings(queue, kind) == []
    assert [name for name, _, _ in asked] == ["office", "evenings"]  # each file once
    first, days = asked[0][1:]
    assert first <= TODAY - WEEK * (WEEKS + 1)
    assert first.toordinal() + days >= TODAY.toordinal() + 7


def test_weeks() -> None:
    assert monday("2026-W48", TODAY) == TODAY
    assert week_name(date(2027, 1, 1)) == "2026-W53"
    assert next_week(date(2026, 11, 22)) == TODAY
    assert next_week(TODAY) == date(2026, 11, 30)
    assert known_on(date(2026, 11, 9), TODAY) == date(2026, 11, 9)
    assert known_on(date(2026, 11, 30), TODAY) == TODAY
    for wrong in ("", "2026-48", "2026-W54", "2026-W00", "2099-W01", "next"):
        with pytest.raises(ValueError, match=r"week|within a year"):
            monday(wrong, TODAY)
