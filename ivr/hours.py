"""Business hours: is the company open, what are today's hours, when does it open next. Pure.

The data is the file `business_hours.yaml` beside the flows; `BusinessHours` is its model. What counts, strongest
first: the emergency switch, closures, special openings, holidays, the week. A range past midnight ("20:00-02:00")
belongs to the day on which it begins, holidays included. Times are wall-clock times in the time zone: one that the
clock skips in spring counts as the moment of the change; where the clock repeats an hour in autumn, we open at the
first and close at the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

HORIZON = 371
"""Days ahead in which the next opening is looked for."""
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _ranges(value: object) -> object:
    """`closed`, one range or a list of ranges."""
    if value is None or value == "closed":
        return []
    return [value] if isinstance(value, str) else value


def _range(value: str) -> str:
    found = re.fullmatch(r"\s*(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)\s*", value)
    if not found:
        raise ValueError('write a range as "08:00-17:30"')
    hour, minute, end_hour, end_minute = (int(part) for part in found.groups())
    if hour > 23 or minute > 59 or end_minute > 59 or end_hour * 60 + end_minute > 24 * 60:
        raise ValueError("times go from 00:00 to 23:59, and 24:00 for the end of the day")
    if (hour, minute) == (end_hour, end_minute):
        raise ValueError('the range is empty; "00:00-24:00" is the whole day')
    return f"{hour:02}:{minute:02}-{end_hour:02}:{end_minute:02}"


def _day(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


def _holiday(value: str) -> str:
    try:  # 2028 has a 29 February
        date.fromisoformat(value if len(value) == 10 else f"2028-{value}")
    except ValueError:
        raise ValueError('write the date as 2026-12-25, or as "12-25" for every year') from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"there is no time zone {value!r}; write it as America/Chicago") from None
    return value


Ranges = Annotated[list[Annotated[str, AfterValidator(_range)]], BeforeValidator(_ranges), Field(max_length=12)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Week(_Model):
    """A day that isn't named is closed."""

    monday: Ranges = []
    tuesday: Ranges = []
    wednesday: Ranges = []
    thursday: Ranges = []
    friday: Ranges = []
    saturday: Ranges = []
    sunday: Ranges = []


class Holiday(_Model):
    """A day with hours of its own, by default closed. A date with a year counts more than a yearly one."""

    date: Annotated[str, BeforeValidator(_day), AfterValidator(_holiday)]
    name: str = ""
    hours: Ranges = []


class Span(_Model):
    """From one wall-clock moment to another, such as 2026-11-26T12:00."""

    from_: datetime = Field(alias="from")
    to: datetime
    reason: str = ""

    @model_validator(mode="after")
    def _check(self) -> Span:
        if self.from_.tzinfo or self.to.tzinfo:
            raise ValueError("write local times, without a time zone")
        if self.from_ >= self.to:
            raise ValueError("it ends before it begins")
        return self


class Emergency(_Model):
    """The switch that closes everything, for as long as it stands in the file."""

    closed: bool
    reason: str = ""


class BusinessHours(_Model):
    time_zone: Annotated[str, AfterValidator(_zone)] | None = Field(None, description="by default the company's")
    weekly: Week
    holidays: list[Holiday] = Field([], max_length=1000)
    closures: list[Span] = Field([], max_length=1000)
    openings: list[Span] = Field([], max_length=1000)
    emergency: Emergency = Emergency(closed=False)

    def doubts(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """What may be so but is likelier a slip: its path, what it is, what to do."""
        for day in WEEKDAYS:
            end = -1
            for text in sorted(getattr(self.weekly, day)):
                (begins, ends), path = _minutes(text), ("weekly", day)
                if begins < end:
                    yield path, f"{day}'s ranges overlap at {text}", "let one end before the next begins, or write one"
                if ends - begins > 12 * 60 and ends > 24 * 60:
                    yield path, f"{text} on {day} lasts past midnight", "if that isn't meant, write times of 24 hours"
                end = max(end, ends)


def _minutes(text: str) -> tuple[int, int]:
    """A range as minutes since the midnight that its day begins with; its end may be on the next day."""
    begins, ends = (int(time[:2]) * 60 + int(time[3:]) for time in text.split("-"))
    return begins, ends if ends > begins else ends + 24 * 60


@dataclass(frozen=True, slots=True)
class Open:
    """A stretch of opening, as local wall-clock times HH:MM; midnight at the end is 00:00."""

    opens_at: str
    closes_at: str


@dataclass(frozen=True, slots=True)
class HoursStatus:
    """`reason` says why it is closed where that has a name (a holiday's, a closure's). The next opening is the next
    moment at which it opens, also while it is open; None where there is none within a year or an emergency rules."""

    open_now: bool
    today: tuple[Open, ...]
    open_all_day: bool
    closes_at: datetime | None
    next_opens: datetime | None
    next_is: Literal["", "today", "tomorrow", "later"]
    reason: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day as a calendar shows it; `why` names the holiday, closures and openings that count on it."""

    day: date
    parts: tuple[Open, ...]
    open_all_day: bool
    special: bool
    why: str


_Interval = tuple[datetime, datetime]  # in UTC


def status(hours: BusinessHours, now: datetime, time_zone: str = "UTC") -> HoursStatus:
    """The state of things at `now` (timezone-aware); `time_zone` where the file names none."""
    zone = ZoneInfo(hours.time_zone or time_zone)
    local = now.astimezone(zone)
    now = now.astimezone(UTC)
    if hours.emergency.closed:
        return HoursStatus(False, (), False, None, None, "", hours.emergency.reason)
    for days in (9, HORIZON):
        intervals = _intervals(hours, zone, local.date(), days)
        after = [begin for begin, _ in intervals if begin > now]
        if after:
            break
    current = next((interval for interval in intervals if interval[0] <= now < interval[1]), None)
    midnight = _instant(datetime.combine(local.date(), time()), zone)
    tomorrow = local.date() + timedelta(days=1)
    next_midnight = _instant(datetime.combine(tomorrow, time()), zone)
    today = [
        (max(begin, midnight), end)
        for begin, end in intervals
        if midnight <= begin < next_midnight or (begin < midnight and end > max(now, midnight))
    ]
    following = after[0].astimezone(zone) if after else None
    next_is: Literal["", "today", "tomorrow", "later"] = ""
    if following:
        day = following.date()
        next_is = "today" if day == local.date() else "tomorrow" if day == tomorrow else "later"
    horizon = _instant(datetime.combine(local.date() + timedelta(days=days), time()), zone)
    return HoursStatus(
        open_now=current is not None,
        today=tuple(_spoken(begin, end, next_midnight, zone) for begin, end in today),
        open_all_day=any(begin == midnight and end >= next_midnight for begin, end in today),
        closes_at=current[1].astimezone(zone) if current and current[1] < horizon else None,
        next_opens=following,
        next_is=next_is,
        reason="" if current else _reason(hours, local, zone),
    )


def days(hours: BusinessHours, first: date, count: int, time_zone: str = "UTC") -> list[Day]:
    """So many days from `first` on, each with all that counts; `time_zone` as for `status`."""
    zone = ZoneInfo(hours.time_zone or time_zone)
    found = []
    for day in (first + timedelta(days=n) for n in range(count)):
        begin, end = datetime.combine(day, time()), datetime.combine(day + timedelta(days=1), time())
        at = status(hours, _instant(begin, zone), time_zone)
        holiday = _holiday_of(hours, day)
        spans = [span for span in (*hours.closures, *hours.openings) if span.from_ < end and span.to > begin]
        names = [holiday.name] if holiday else []
        names += [span.reason for span in spans]
        names += [hours.emergency.reason] if hours.emergency.closed else []
        special = bool(holiday or spans or hours.emergency.closed)
        why = ", ".join(dict.fromkeys(name for name in names if name))
        found.append(Day(day, at.today, at.open_all_day, special, why))
    return found


def openings(hours: BusinessHours, first: date, count: int, time_zone: str = "UTC") -> list[tuple[datetime, datetime]]:
    """The stretches of opening of so many days from `first` on, as moments in UTC and in order: as planned, whether or
    not the emergency switch is on. The first and the last may go on beyond these days."""
    zone = ZoneInfo(hours.time_zone or time_zone)
    begin = _instant(datetime.combine(first, time()), zone)
    return [stretch for stretch in _intervals(hours, zone, first, count) if stretch[1] > begin]


def _holiday_of(hours: BusinessHours, day: date) -> Holiday | None:
    """The holiday that a day is; one with a year counts more."""
    for key in (day.isoformat(), f"{day:%m-%d}"):
        for holiday in hours.holidays:
            if holiday.date == key:
                return holiday
    return None


def _spoken(begin: datetime, end: datetime, next_midnight: datetime, zone: ZoneInfo) -> Open:
    if end > next_midnight + timedelta(hours=12):  # it goes on through tomorrow: today it doesn't close
        end = next_midnight
    return Open(f"{begin.astimezone(zone):%H:%M}", f"{end.astimezone(zone):%H:%M}")


def _intervals(hours: BusinessHours, zone: ZoneInfo, today: date, days: int) -> list[_Interval]:
    """All opening of yesterday and `days` days ahead, merged and in order."""
    yearly = {holiday.date: holiday for holiday in hours.holidays if len(holiday.date) == 5}
    dated = {holiday.date: holiday for holiday in hours.holidays if len(holiday.date) == 10}
    found: list[_Interval] = []
    for offset in range(-2, days):
        day = today + timedelta(days=offset)
        holiday = dated.get(day.isoformat()) or yearly.get(f"{day:%m-%d}")
        ranges = holiday.hours if holiday else getattr(hours.weekly, WEEKDAYS[day.weekday()])
        for text in ranges:
            opens, closes = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
            begin = datetime.combine(day, time()) + timedelta(minutes=opens)
            end = datetime.combine(day, time()) + timedelta(minutes=closes + (24 * 60 if closes <= opens else 0))
            found.append((_instant(begin, zone), _instant(end, zone, last=True)))
    first, last = (_instant(datetime.combine(today + timedelta(days=n), time()), zone) for n in (-2, days))
    for opening in hours.openings:
        begin, end = _instant(opening.from_, zone), _instant(opening.to, zone, last=True)
        if begin < last and end > first:
            found.append((begin, end))
    merged = _merge(found)
    for closure in hours.closures:
        begin, end = _instant(closure.from_, zone), _instant(closure.to, zone)
        merged = [piece for interval in merged for piece in _without(interval, begin, end)]
    return merged


def _merge(intervals: list[_Interval]) -> list[_Interval]:
    merged: list[_Interval] = []
    for begin, end in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


def _without(interval: _Interval, begin: datetime, end: datetime) -> list[_Interval]:
    pieces = [(interval[0], min(interval[1], begin)), (max(interval[0], end), interval[1])]
    if begin >= interval[1] or end <= interval[0]:
        return [interval]
    return [piece for piece in pieces if piece[0] < piece[1]]


def _instant(wall: datetime, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """The moment of a wall-clock time; `last` chooses the second of two."""
    moment = wall.replace(tzinfo=zone, fold=int(last)).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return moment
    # The clock skips this time: the change lies between the two readings of it (PEP 495).
    early, late = sorted(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    offset = late.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == offset:
            late = middle
        else:
            early = middle
    return late


def _reason(hours: BusinessHours, local: datetime, zone: ZoneInfo) -> str:
    now = local.astimezone(UTC)
    for closure in hours.closures:
        if _instant(closure.from_, zone) <= now < _instant(closure.to, zone):
            return closure.reason
    holiday = _holiday_of(hours, local.date())
    return holiday.name if holiday else ""
