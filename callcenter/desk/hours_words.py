"""Opening hours in words: ranges, entries and changes of them, for the page and the audit log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from babel.dates import format_date, format_datetime, format_time, get_day_names

from callcenter.desk.words import Words

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WHOLE_DAY = "00:00-24:00"


def weekday(t: Words, name: str) -> str:
    """Monday, by the name in the file."""
    names = get_day_names("wide", context="stand-alone", locale=t.locale)
    return str(names[WEEKDAYS.index(name)]).capitalize() if name in WEEKDAYS else name


def day(t: Words, on: date) -> str:
    """Thu, Nov 26, 2026."""
    return format_date(on, "EEE, " + t.locale.date_formats["medium"].pattern, locale=t.locale)


def clock(t: Words, written: str) -> str:
    """HH:MM as the country writes it; 24:00 is midnight."""
    hour, minute = written.split(":")
    return format_time(time(int(hour) % 24, int(minute)), "short", locale=t.locale)


def ranges(t: Words, written: Sequence[str]) -> str:
    """A day's hours: "closed", "all day", "8:00 AM – 6:00 PM, ..."."""
    if not written:
        return t("hours closed")
    if WHOLE_DAY in written:
        return t("all day")
    return ", ".join(" – ".join(clock(t, part) for part in one.split("-")) for one in written)


def entry(t: Words, kind: str, data: Mapping[str, Any]) -> str:
    """A holiday, closure or opening as one phrase: "Nov 26, 2026: closed (Thanksgiving)"."""
    if kind == "holiday":
        said, name = f"{on(t, str(data['date']))}: {ranges(t, data['hours'])}", data["name"]
    else:
        begin, end = (moment(t, str(data[key])) for key in ("from", "to"))
        said, name = f"{begin} – {end}: {t('hours open') if kind == 'opening' else t('hours closed')}", data["reason"]
    return f"{said} ({name})" if name else said


def on(t: Words, written: str) -> str:
    """A holiday's date; one without a year is every year's."""
    if len(written) == 10:
        return day(t, date.fromisoformat(written))
    yearly = date.fromisoformat(f"2028-{written}")
    return t("every %(day)s", day=format_date(yearly, t.locale.datetime_skeletons["MMMd"].pattern,
             locale=t.locale))  # fmt: skip


def moment(t: Words, written: str) -> str:
    """A local time of the file."""
    return format_datetime(datetime.fromisoformat(written), "medium", locale=t.locale)


def local(t: Words, at: datetime, today: date) -> str:
    """A moment on its own clock; of today only the time."""
    clock_time = format_time(at.time(), "short", locale=t.locale)
    return clock_time if at.date() == today else f"{day(t, at.date())}, {clock_time}"


def change(t: Words, kind: str, key: str, was: Any, now: Any) -> str:
    """What a change did, for people; of values that aren't as they should be, what they are."""
    try:
        if kind == "weekday":
            return t("%(day)s: %(now)s instead of %(was)s", day=weekday(t, key), now=ranges(t, now),
                     was=ranges(t, was))  # fmt: skip
        if was is None:
            return t("added: %(what)s", what=entry(t, kind, now))
        if now is None:
            return t("removed: %(what)s", what=entry(t, kind, was))
        return t("%(now)s instead of %(was)s", now=entry(t, kind, now), was=entry(t, kind, was))
    except (KeyError, TypeError, ValueError):
        return f"{kind} {key}: {was} → {now}"
