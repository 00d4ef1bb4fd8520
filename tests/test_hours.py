"""Business hours: weeks, holidays, closures and the changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ivr.hours import WEEKDAYS, BusinessHours, HoursStatus, Open, openings, status

CHICAGO = ZoneInfo("America/Chicago")
OFFICE = dict.fromkeys(WEEKDAYS[:5], "08:00-17:30") | {"saturday": ["09:00-12:00", "13:00-15:00"]}


def at(when: str, zone: ZoneInfo = CHICAGO, **data: Any) -> HoursStatus:
    hours = BusinessHours.model_validate({"weekly": OFFICE} | data)
    return status(hours, datetime.fromisoformat(when).replace(tzinfo=zone), zone.key)


@pytest.mark.parametrize(
    ("when", "open_now"),
    [
        ("2026-11-20T07:59:59", False),
        ("2026-11-20T08:00", True),
        ("2026-11-20T17:29:59", True),
        ("2026-11-20T17:30", False),
        ("2026-11-21T12:30", False),
        ("2026-11-21T13:00", True),
        ("2026-11-22T12:00", False),
    ],
)
def test_the_week(when: str, open_now: bool) -> None:
    assert at(when).open_now is open_now


def test_a_closed_sunday_names_monday() -> None:
    now = at("2026-11-22T12:00")
    assert now.today == ()
    assert now.next_opens == datetime(2026, 11, 23, 8, tzinfo=CHICAGO)
    assert now.next_is == "tomorrow"


def test_a_lunch_break_names_the_afternoon() -> None:
    now = at("2026-11-21T12:30")
    assert now.today == (Open("09:00", "12:00"), Open("13:00", "15:00"))
    assert (now.next_is, now.next_opens) == ("today", datetime(2026, 11, 21, 13, tzinfo=CHICAGO))


def test_an_open_office_says_when_it_closes() -> None:
    now = at("2026-11-20T10:00")
    assert now.closes_at == datetime(2026, 11, 20, 17, 30, tzinfo=CHICAGO)
    assert (now.next_is, now.reason) == ("tomorrow", "")


def test_holidays_by_date_and_every_year() -> None:
    holidays = [
        {"date": "12-25", "name": "Christmas"},
        {"date": date(2026, 11, 26), "name": "Thanksgiving"},
        {"date": "2026-12-24", "name": "Christmas Eve", "hours": "08:00-12:00"},
    ]
    assert at("2026-11-26T10:00", holidays=holidays).reason == "Thanksgiving"
    assert at("2027-12-25T10:00", holidays=holidays).reason == "Christmas"
    eve = at("2026-12-24T13:00", holidays=holidays)
    assert (eve.open_now, eve.today) == (False, (Open("08:00", "12:00"),))
    assert eve.next_opens == datetime(2026, 12, 26, 9, tzinfo=CHICAGO)
    assert eve.next_is == "later"


def test_a_dated_holiday_counts_more_than_a_yearly_one() -> None:
    holidays = [{"date": "11-20"}, {"date": "2026-11-20", "hours": "10:00-11:00"}]
    assert at("2026-11-20T10:30", holidays=holidays).open_now


def test_a_closure_cuts_a_hole_with_its_reason() -> None:
    closures = [{"from": "2026-11-20T11:00", "to": "2026-11-20T13:00", "reason": "staff meeting"}]
    now = at("2026-11-20T12:00", closures=closures)
    assert (now.open_now, now.reason, now.next_is) == (False, "staff meeting", "today")
    assert now.today == (Open("08:00", "11:00"), Open("13:00", "17:30"))
    assert at("2026-11-20T13:00", closures=closures).open_now


def test_a_special_opening_adds_hours_but_not_to_a_closure() -> None:
    opening = {"from": "2026-11-22T10:00", "to": "2026-11-22T14:00"}
    assert at("2026-11-22T12:00", openings=[opening]).open_now
    assert not at("2026-11-22T12:00", openings=[opening], closures=[opening]).open_now


def test_past_midnight_belongs_to_the_day_it_began() -> None:
    weekly, holidays = {"friday": "20:00-02:00"}, [{"date": "2026-11-21", "name": "Fair"}]
    now = at("2026-11-21T01:00", weekly=weekly, holidays=holidays)
    assert (now.open_now, now.today) == (True, (Open("00:00", "02:00"),))
    assert now.closes_at == datetime(2026, 11, 21, 2, tzinfo=CHICAGO)
    evening = at("2026-11-20T19:00", weekly=weekly, holidays=holidays)
    assert (evening.today, evening.next_is) == ((Open("20:00", "02:00"),), "today")
    assert at("2026-11-21T12:00", weekly=weekly, holidays=holidays).today == ()


def test_always_open_never_closes() -> None:
    now = at("2026-11-22T12:00", weekly=dict.fromkeys(WEEKDAYS, "00:00-24:00"))
    assert (now.open_now, now.open_all_day, now.closes_at, now.next_opens) == (True, True, None, None)
    assert now.today == (Open("00:00", "00:00"),)


def test_the_emergency_switch_closes_everything() -> None:
    now = at("2026-11-20T10:00", emergency={"closed": True, "reason": "flood"})
    assert (now.open_now, now.reason, now.next_opens) == (False, "flood", None)


def test_a_year_of_holidays_ends_in_no_next_opening() -> None:
    closures = [{"from": "2026-01-01T00:00", "to": "2029-01-01T00:00"}]
    assert at("2026-11-20T10:00", closures=closures).next_opens is None


def test_a_far_opening_is_found() -> None:
    now = at("2026-11-20T10:00", weekly={}, openings=[{"from": "2027-11-10T09:00", "to": "2027-11-10T10:00"}])
    assert now.next_opens == datetime(2027, 11, 10, 9, tzinfo=CHICAGO)


def test_an_opening_that_the_clock_skips_is_at_the_change() -> None:
    """2026-03-08 in Chicago: 02:00 becomes 03:00."""
    night = {"weekly": {"sunday": "02:30-05:00"}}
    change = datetime(2026, 3, 8, 8, 0, tzinfo=UTC)
    before = status(BusinessHours.model_validate(night), change - timedelta(seconds=1), "America/Chicago")
    assert not before.open_now
    assert before.next_opens == change
    assert status(BusinessHours.model_validate(night), change, "America/Chicago").open_now


def test_a_repeated_hour_opens_at_the_first_and_closes_at_the_second() -> None:
    """2026-11-01 in Chicago: 01:00 to 02:00 comes twice, first at 06:00 UTC."""
    hours = BusinessHours.model_validate({"weekly": {"sunday": "01:15-01:45"}})
    moments = {(6, 0): False, (6, 15): True, (6, 50): True, (7, 44): True, (7, 45): False}
    for (hour, minute), open_now in moments.items():
        now = datetime(2026, 11, 1, hour, minute, tzinfo=UTC)
        assert status(hours, now, "America/Chicago").open_now is open_now, now


def test_a_working_day_has_its_length_across_the_change() -> None:
    hours = BusinessHours.model_validate({"weekly": {"sunday": "00:00-24:00"}})
    for day, length in (("2026-03-08", 23), ("2026-11-01", 25), ("2026-11-08", 24)):
        noon = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=CHICAGO)
        now = status(hours, noon, "America/Chicago")
        start = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=CHICAGO)
        assert now.closes_at is not None
        assert now.closes_at.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=length)


@pytest.mark.parametrize(
    "data",
    [
        {"weekly": {"monday": "8-17"}},
        {"weekly": {"monday": "08:00-25:00"}},
        {"weekly": {"monday": "08:00-08:00"}},
        {"weekly": {"mondy": "08:00-17:00"}},
        {"weekly": {}, "holidays": [{"date": "13-45"}]},
        {"weekly": {}, "time_zone": "Mars/Olympus"},
        {"weekly": {}, "time_zone": "../../etc/passwd"},
        {"weekly": {}, "closures": [{"from": "2026-01-02T00:00", "to": "2026-01-01T00:00"}]},
        {"weekly": {}, "closures": [{"from": "2026-01-01T00:00Z", "to": "2026-01-02T00:00Z"}]},
        {"weekly": 7},
        {},
    ],
)
def test_mistakes_are_refused(data: Any) -> None:
    with pytest.raises(ValidationError):
        BusinessHours.model_validate(data)


times = st.builds(lambda a, b: f"{a // 4:02}:{a % 4 * 15:02}-{b // 4:02}:{b % 4 * 15:02}",
                  st.integers(0, 95), st.integers(0, 96)).filter(lambda text: text[:5] != text[6:])  # fmt: skip
weeks = st.fixed_dictionaries({day: st.lists(times, max_size=3) for day in WEEKDAYS})
local = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31))
spans = st.lists(
    st.builds(lambda begin, hours: {"from": begin, "to": begin + timedelta(hours=hours)}, local, st.integers(1, 90)),
    max_size=3,
)
zones = st.sampled_from(["America/Chicago", "Europe/Dublin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"])


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(weeks, spans, spans, local, zones)
def test_the_answers_agree_with_each_other(week: Any, closures: Any, openings: Any, when: datetime, zone: str) -> None:
    hours = BusinessHours.model_validate({"weekly": week, "closures": closures, "openings": openings})
    now = when.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    here = status(hours, now, zone)
    if here.open_now and here.closes_at:
        end = here.closes_at.astimezone(UTC)
        assert end > now
        assert not status(hours, end, zone).open_now
        assert status(hours, end - timedelta(microseconds=1), zone).open_now
    if here.next_opens:
        begin = here.next_opens.astimezone(UTC)
        assert begin > now
        assert status(hours, begin, zone).open_now
        assert not status(hours, begin - timedelta(microseconds=1), zone).open_now
        if not here.open_now:
            assert not status(hours, now + (begin - now) / 2, zone).open_now
    else:
        assert here.next_is == ""


def test_openings_are_the_stretches_of_days() -> None:
    week = {day: "20:00-02:00" if day == "friday" else "09:00-17:00" for day in WEEKDAYS}
    closed = {"weekly": week, "holidays": [{"date": "2026-11-28"}], "emergency": {"closed": True}}
    found = openings(BusinessHours.model_validate(closed), date(2026, 11, 28), 2, "Europe/Madrid")
    assert [(f"{opens:%d %H:%M}", f"{closes:%d %H:%M}") for opens, closes in found] == [
        ("27 19:00", "28 01:00"),  # Friday's goes on into the holiday; in UTC
        ("29 08:00", "29 16:00"),
    ]


@given(weeks, local, zones)
def test_open_means_the_wall_clock_is_in_a_range(week: Any, when: datetime, zone: str) -> None:
    """Against a plain reading of the week, on days when the clock doesn't change."""
    hours = BusinessHours.model_validate({"weekly": week})
    here = when.replace(tzinfo=ZoneInfo(zone))
    around = {(here + timedelta(hours=n)).utcoffset() for n in range(-50, 50, 2)}
    if len(around) > 1:
        return
    minute = when.hour * 60 + when.minute
    expected = False
    for shift in (0, 1):
        for text in week[WEEKDAYS[(when.weekday() - shift) % 7]]:
            begin, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
            end += 24 * 60 if end <= begin else 0
            expected |= begin <= minute + shift * 24 * 60 < end
    assert status(hours, here, zone).open_now is expected
