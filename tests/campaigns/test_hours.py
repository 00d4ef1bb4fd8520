"""When somebody may be called: on their own clock, wherever they may be, and on ours."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from phonenumbers.timezone import time_zones_for_number

from callcenter import customers
from callcenter.acd.config import Config
from callcenter.campaigns.config import Campaign
from callcenter.campaigns.deciding import next_hour
from callcenter.db import reading
from tests.campaigns.conftest import ANA, Desk
from tests.queues.conftest import FILES

NEW_YORK, LOS_ANGELES, BERLIN, TOLL_FREE = "+12125550142", "+13105550142", "+493012345678", "+18005550142"


def at(text: str, zone: str = "America/New_York") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def told(desk: Desk, number: str, now: datetime, **change: object) -> datetime | None:
    campaign = Campaign.model_validate({"queue": "billing", "hours": "09:00-20:00", **change})
    with reading(desk.engine) as conn:
        return next_hour(conn, ZoneInfo("Europe/Berlin"), campaign, number, "", now)


@pytest.mark.parametrize(
    ("number", "now", "allowed"),
    [
        (NEW_YORK, "2026-11-18T09:00", "2026-11-18T09:00"),
        (NEW_YORK, "2026-11-18T08:59", "2026-11-18T09:00"),
        (NEW_YORK, "2026-11-18T19:59", "2026-11-18T19:59"),
        (NEW_YORK, "2026-11-18T20:00", "2026-11-19T09:00"),
        (LOS_ANGELES, "2026-11-18T09:00", "2026-11-18T12:00"),  # nine o'clock there
        (BERLIN, "2026-11-18T12:00", "2026-11-18T12:00"),  # six in the evening there
        (BERLIN, "2026-11-18T14:00", "2026-11-19T03:00"),
        (NEW_YORK, "2026-11-21T20:30", "2026-11-23T09:00"),  # Sunday is no day
        (NEW_YORK, "2026-03-07T20:30", "2026-03-09T09:00"),  # clocks go forward in between
    ],
)
def test_the_clock_of_whoever_is_called_counts(desk: Desk, number: str, now: str, allowed: str) -> None:
    assert told(desk, number, at(now)) == at(allowed)


def test_a_number_without_a_place_is_called_when_it_is_day_wherever_it_may_be(desk: Desk) -> None:
    possible = [ZoneInfo(name) for name in time_zones_for_number(phonenumbers.parse(TOLL_FREE))]
    assert len(possible) > 3
    allowed = told(desk, TOLL_FREE, at("2026-11-18T07:00"))
    assert allowed is not None
    assert {9 <= allowed.astimezone(zone).hour < 20 for zone in possible} == {True}


def test_the_record_goes_before_the_number(desk: Desk) -> None:
    desk.clock.now = at("2026-11-18T09:30").timestamp()
    desk.put(NEW_YORK)
    customer = desk.row(NEW_YORK).customer_id
    with desk.engine.begin() as conn:
        customers.update(conn, customer, at=desk.now, attributes={"timezone": "America/Los_Angeles"})
    desk.queues.sign_in("ana")
    assert desk.fed() == 0
    assert desk.row(NEW_YORK).next_at == at("2026-11-18T12:00")
    desk.clock.now = at("2026-11-18T12:00").timestamp()
    assert desk.fed() == 1


def test_no_hours_at_all_and_all_hours(desk: Desk) -> None:
    sunday = at("2026-11-22T03:00")
    assert told(desk, NEW_YORK, sunday, hours="00:00-24:00", days=["sun"]) == sunday
    assert told(desk, NEW_YORK, sunday, hours="00:00-24:00") == at("2026-11-23T00:00")


def test_whoever_is_in_the_queue_when_their_day_ends_is_taken_out(desk: Desk) -> None:
    desk.clock.now = at("2026-11-18T19:59").timestamp()
    desk.put(ANA)
    desk.queues.sign_in("ana")
    assert desk.fed() == 1
    desk.clock.sleep(61)
    assert desk.fed() == 0
    assert desk.state() == ("waiting", "", 0)
    assert desk.due() == []
    assert desk.fed() == 0
    assert desk.row().next_at == at("2026-11-19T09:00")


def test_outside_the_campaigns_dates_nobody_is_called(desk: Desk) -> None:
    desk.file["plan"] |= {"from": "2026-11-19", "until": "2026-11-20"}
    desk.put(ANA)
    desk.queues.sign_in("ana")
    assert desk.fed() == 0
    desk.clock.now = at("2026-11-21T12:00").timestamp()
    assert desk.fed() == 0
    assert desk.state() == ("waiting", "", 0)
    desk.clock.now = at("2026-11-20T12:00").timestamp()
    assert desk.fed() == 1


def test_our_own_hours_count_as_well(desk: Desk) -> None:
    """The stricter of both: the queue's hours for callbacks are ours."""

    class Closed:
        def is_open(self, name: str, at: float) -> bool:
            return False

        def next_open(self, name: str, at: float) -> float | None:
            return at + 3600

        def end_of_day(self, at: float, days: int) -> float:
            return at + 86_400

    files = {**FILES, "queues": {"queues": {**FILES["queues"]["queues"], "billing": {"hours": "business_hours"}}}}
    desk.queues.config = Config.from_files(files)
    desk.put(ANA)
    desk.queues.sign_in("ana")
    desk.queues.hours = Closed()
    assert desk.fed() == 0
