"""Changes of an opening hours file, as text: each says what it replaces, so that nobody's change is lost. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from callcenter.desk.hours_port import HoursChange, HoursConflict
from ivr.flow.yaml_edit import CannotEdit, append, put, remove
from ivr.flow.yaml_source import parse
from ivr.hours import WEEKDAYS, BusinessHours, Holiday, Span, Week

LISTS = {"holiday": "holidays", "closure": "closures", "opening": "openings"}


class WrongHours(ValueError):
    """What is to be written can't be right; its text says why."""


def changed(text: str, changes: Sequence[HoursChange]) -> str:
    """The file with these changes; all else stays as it is. Raises `HoursConflict` where something that is to be
    replaced is no longer there, `WrongHours`, and `CannotEdit` for a file that is written in an unusual way."""
    for change in changes:
        before, wanted = _model(text), _plain(change)
        conflict = _conflict(before, change, wanted)
        if conflict is not None:
            raise HoursConflict(change, conflict)
        text = _weekday(text, change, wanted) if change.kind == "weekday" else _entry(text, change, wanted, before)
        if state(_model(text)) != _expected(state(before), change, wanted):
            raise CannotEdit(f"the {change.kind} can't be changed here; change it in the file")
    return text


def state(hours: BusinessHours) -> dict[str, Any]:
    """What the file says in JSON: `weekday` is a mapping of lists of ranges, the others are lists of entries."""
    week = {day: list(getattr(hours.weekly, day)) for day in WEEKDAYS}
    found: dict[str, Any] = {"weekday": week}
    found["holiday"] = [holiday(one) for one in hours.holidays]
    found["closure"] = [span(one) for one in hours.closures]
    found["opening"] = [span(one) for one in hours.openings]
    return found


def holiday(one: Holiday) -> dict[str, Any]:
    return {"date": one.date, "name": one.name, "hours": list(one.hours)}


def span(one: Span) -> dict[str, Any]:
    return {"from": _minute(one.from_), "to": _minute(one.to), "reason": one.reason}


def _minute(at: Any) -> str:
    return str(at.isoformat(timespec="minutes" if not at.second else "seconds"))


def _model(text: str) -> BusinessHours:
    try:
        return BusinessHours.model_validate(parse(text).plain())
    except ValidationError as error:
        raise CannotEdit(f"the file has {error.error_count()} mistakes") from None


def _conflict(before: BusinessHours, change: HoursChange, wanted: Any) -> dict[str, Any] | list[str] | None:
    """What stands where the change wants to: `None` if that is what it expects, {} for nothing."""
    now = state(before)
    if change.kind == "weekday":
        there = now["weekday"][change.key]
        return None if there == change.was else there
    entries = now[change.kind]
    if change.was is not None and change.was not in entries:
        return _same_day(entries, change.was) or {}
    return None if wanted is None else _same_day([one for one in entries if one != change.was], wanted)


def _same_day(entries: Iterable[Mapping[str, Any]], wanted: Any) -> dict[str, Any] | None:
    day = wanted.get("date") or wanted.get("from")
    return next((dict(one) for one in entries if (one.get("date") or one.get("from")) == day), None)


def _plain(change: HoursChange) -> Any:
    """The new value, checked and as `state` gives it. Raises `WrongHours`."""
    try:
        if change.now is None:
            return None
        if change.kind == "weekday":
            return list(getattr(Week.model_validate({change.key: change.now}), change.key))
        if change.kind == "holiday":
            return holiday(Holiday.model_validate(change.now))
        return span(Span.model_validate(change.now))
    except ValidationError as error:
        said = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise WrongHours(said) from None


def _weekday(text: str, change: HoursChange, wanted: list[str]) -> str:
    return put(text, ("weekly", change.key), wanted or "closed", WEEKDAYS)


def _entry(text: str, change: HoursChange, wanted: dict[str, Any] | None, before: BusinessHours) -> str:
    name = LISTS[change.kind]
    if change.was is None:
        return append(text, (name,), _written(wanted or {}))
    number = state(before)[change.kind].index(change.was)
    if wanted is None:
        return remove(text, (name, number))
    for key, value in wanted.items():
        if value != change.was[key]:
            text = put(text, (name, number, key), _written({key: value}, whole=True)[key])
    return text


def _written(entry: Mapping[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """As an admin would write it: without what goes without saying, one range without a list around it."""
    found = {}
    for key, value in entry.items():
        if key == "hours":
            value = value[0] if len(value) == 1 else value or "closed"
            if value == "closed" and not whole:
                continue
        if value or whole:
            found[key] = value
    return found


def _expected(now: dict[str, Any], change: HoursChange, wanted: Any) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads(json.dumps(now))
    if change.kind == "weekday":
        expected["weekday"][change.key] = wanted
        return expected
    entries = expected[change.kind]
    if change.was is None:
        entries.append(wanted)
    elif wanted is None:
        entries.remove(change.was)
    else:
        entries[entries.index(change.was)] = wanted
    return expected
