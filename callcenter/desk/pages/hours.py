"""Opening hours: what callers are told, and changing it by forms. What is changed is written into the file beside the
flows, checked and published, as by the page of flows."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, get_args

from flask import Response
from werkzeug.exceptions import BadRequest, NotFound

from callcenter.db import reading
from callcenter.desk import audit, hours_words
from callcenter.desk.hours_port import ChangeKind, Hours, HoursChange, HoursConflict, HoursFile
from callcenter.desk.ports import CannotWrite, FlowsRefused, OtherChanges
from callcenter.desk.routing import link, one, page
from callcenter.desk.visit import Refused, Visit

link(55, "hours", "Opening hours", icon="calendar", needs="hours.read", key="t")

PAIRS = (("from", "to"), ("from2", "to2"))
"""A form has two ranges of a day; days with more are changed in the file."""
LONGEST = 200


@page("/hours", needs="hours.read", transaction="own")
def hours(visit: Visit) -> Response:
    return _shown(visit, "")


@page("/hours/<name>", needs="hours.read", transaction="own")
def hours_of(visit: Visit, name: str) -> Response:
    return _shown(visit, name)


@page("/hours/<name>/week", needs="hours.write", method="POST", transaction="own")
def change_week(visit: Visit, name: str) -> Response:
    """The days of the week that the form changed: a field that stands as it was shown changes nothing."""
    changes = []
    for day in hours_words.WEEKDAYS:
        if not visit.has(f"was_{day}"):
            continue
        was = _was(visit, f"was_{day}")
        now = _ranges(visit, f"{day}_")
        if now != _as_shown(was):
            changes.append(HoursChange("weekday", day, was, now))
    return _changed(visit, name, changes)


@page("/hours/<name>/holiday", needs="hours.write", method="POST", transaction="own")
def change_holiday(visit: Visit, name: str) -> Response:
    """Add a day, or change one: `was` is what it was."""
    try:
        day = date.fromisoformat(visit.form("date", 10))
    except ValueError:
        raise Refused(visit.t("Choose a day.")) from None
    was = _was(visit, "was") if visit.form("was", 2000) else None
    written = f"{day:%m-%d}" if visit.form("yearly", 5) else day.isoformat()
    shown = was is not None and len(was.get("hours", ())) > len(PAIRS)
    ranges = was["hours"] if was is not None and shown else _ranges(visit, "")
    now = {"date": written, "name": one(visit.form("reason", LONGEST)), "hours": ranges}
    if was is not None and now == {**was, "hours": _as_shown(was["hours"])}:
        return _changed(visit, name, [])
    return _changed(visit, name, [HoursChange("holiday", "", was, now)])


@page("/hours/<name>/span", needs="hours.write", method="POST", transaction="own")
def change_span(visit: Visit, name: str) -> Response:
    """Add a closure or an opening from one moment to another."""
    kind = _kind(visit)
    try:
        begin, end = (datetime.fromisoformat(visit.form(key, 19)) for key in ("begin", "end"))
    except ValueError:
        raise Refused(visit.t("Say from when until when.")) from None
    if kind == "holiday" or begin.tzinfo or end.tzinfo:
        raise BadRequest("no such kind")
    if begin >= end:
        raise Refused(visit.t("It ends before it begins."))
    now = {"from": begin.isoformat(timespec="minutes"), "to": end.isoformat(timespec="minutes"),
           "reason": one(visit.form("reason", LONGEST))}  # fmt: skip
    return _changed(visit, name, [HoursChange(kind, "", None, now)])


@page("/hours/<name>/remove", needs="hours.write", method="POST", transaction="own")
def remove_hours(visit: Visit, name: str) -> Response:
    return _changed(visit, name, [HoursChange(_kind(visit), "", _was(visit, "was"), None)])


@page("/hours/<name>/published", needs="hours.write", method="POST", transaction="own")
def take_published_hours(visit: Visit, name: str) -> Response:
    """Give up what the file at hand says and isn't published."""
    _writing(visit, lambda: _port(visit).take_published(name))
    visit.log("hours.taken_back", f"hours:{name}")
    return visit.go("hours_of", name=name, said=visit.t("The file says again what is published."))


@page("/hours/<name>/undo", needs="hours.write", method="POST", transaction="own")
def undo_hours(visit: Visit, name: str) -> Response:
    version, before = visit.form("version", 64), visit.form("before", 64)
    try:
        _writing(visit, lambda: _port(visit).undo(name, version, before))
    except NotFound:
        raise Refused(visit.t("Another version was published meanwhile. Roll back on the page of flows.")) from None
    visit.log("hours.undone", f"hours:{name}", version=before, instead_of=version)
    return visit.go("hours_of", name=name, said=visit.t("Version %(version)s answers new calls.", version=before[:12]))


def _shown(visit: Visit, name: str) -> Response:
    port = _port(visit)
    files = port.files(visit.now)
    found = next((file for file in files if file.name == name or not name), None)
    if found is None and name:
        raise NotFound
    unpublished = port.unpublished()
    last = _last(visit, found) if found else []
    return visit.render(
        "hours.html",
        files=files,
        file=found,
        writable=port.writable(),
        unpublished=[other for other in unpublished if found is None or other != found.path],
        last=last,
        current=port.version(),
        say=hours_words,
        pairs=PAIRS,
        shown=_as_pairs,
    )


def _last(visit: Visit, file: HoursFile) -> list[dict[str, Any]]:
    """What was changed last by this page, in words."""
    with reading(visit.desk.engine) as conn:
        entries = audit.listed(conn, limit=5, action="hours", target=f"hours:{file.name}")
    return [
        {"at": entry.at, "login": entry.login, "action": entry.action, "data": entry.data,
         "what": [hours_words.change(visit.words, **one) for one in entry.data.get("changes", ())]}
        for entry in entries
    ]  # fmt: skip


def _changed(visit: Visit, name: str, changes: list[HoursChange]) -> Response:
    if not changes:
        return visit.go("hours_of", name=name, said=visit.t("Nothing was changed."))
    port = _port(visit)
    also = [other for other in visit.form("also", 20_000).splitlines() if other]
    made: list[tuple[str, str]] = []
    _writing(visit, lambda: made.append(port.change(name, changes, also)))
    version, before = made[0]
    told = [{"kind": one.kind, "key": one.key, "was": one.was, "now": one.now} for one in changes]
    visit.log("hours.changed", f"hours:{name}", changes=told, version=version, before=before, also=also)
    return visit.go("hours_of", name=name, said=visit.t("Saved. Version %(version)s answers new calls.",
                                                        version=version[:12]))  # fmt: skip


def _writing(visit: Visit, do: Callable[[], object]) -> None:
    """What can go wrong while a file is written, in words."""
    try:
        do()
    except KeyError:
        raise NotFound from None
    except HoursConflict as error:
        raise Refused(_conflict(visit, error)) from None
    except OtherChanges as error:
        raise Refused(
            visit.t("Other files aren't published, and would be with this: %(names)s. Say that you want that.",
                    names=", ".join(error.names))
        ) from None  # fmt: skip
    except FlowsRefused as error:
        said = "; ".join(
            f"{found.where} {found.what}, {found.fix}" for found in error.problems[:3] if not found.warning
        )
        raise Refused(visit.t("Nothing was saved: %(why)s", why=said)) from None
    except (CannotWrite, ValueError) as error:
        raise Refused(visit.t("Nothing was saved: %(why)s", why=str(error))) from None


def _conflict(visit: Visit, error: HoursConflict) -> str:
    words, change = visit.words, error.change
    if change.kind == "weekday":
        there = f"{hours_words.weekday(words, change.key)}: {hours_words.ranges(words, error.there)}"
    else:
        there = hours_words.entry(words, change.kind, error.there) if error.there else visit.t("it was removed")
    if change.was is None:
        return visit.t("Nothing was saved: there is an entry already. %(there)s", there=there)
    return visit.t("Nothing was saved: somebody else changed it meanwhile. Now: %(there)s", there=there)


def _port(visit: Visit) -> Hours:
    if visit.desk.hours is None:
        raise NotFound
    return visit.desk.hours


def _kind(visit: Visit) -> ChangeKind:
    given = visit.form("kind", 10)
    kinds: list[ChangeKind] = [kind for kind in get_args(ChangeKind) if kind == given != "weekday"]
    if not kinds:
        raise BadRequest("no such kind")
    return kinds[0]


def _was(visit: Visit, field: str) -> Any:
    """What the page showed, as it sent it along. What else it may be is compared with the file and not found there."""
    try:
        found = json.loads(visit.form(field, 4000))
    except ValueError:
        raise BadRequest(f"{field} is no JSON") from None
    wanted = list if field != "was" else dict
    if not isinstance(found, wanted):
        raise BadRequest(f"{field} is something else")
    if isinstance(found, dict) and not isinstance(found.get("hours", []), list):
        raise BadRequest("hours are something else")
    return found


def _ranges(visit: Visit, prefix: str) -> list[str]:
    """The ranges of a form, none for a closed day. Midnight to midnight is the whole day."""
    found = []
    for begin, end in PAIRS:
        opens, closes = visit.form(f"{prefix}{begin}", 5), visit.form(f"{prefix}{end}", 5)
        if not opens and not closes:
            continue
        try:
            given = [datetime.strptime(text, "%H:%M").strftime("%H:%M") for text in (opens, closes)]
        except ValueError:
            raise Refused(visit.t("Say from when until when.")) from None
        if given[0] == given[1] != "00:00":
            raise Refused(visit.t("It ends when it begins."))
        found.append(f"{given[0]}-{'24:00' if given[1] == '00:00' else given[1]}")
    return found


def _as_pairs(written: list[str]) -> list[tuple[str, str]]:
    """Ranges as a form's fields: 24:00 is midnight there."""
    pairs = []
    for found in written:
        begin, _, end = found.partition("-")
        pairs.append((begin, "00:00" if end == "24:00" else end))
    return pairs + [("", "")] * (len(PAIRS) - len(pairs))


def _as_shown(written: list[str]) -> list[str]:
    """Ranges as a form that wasn't touched gives them back: what ends at 00:00 ends at 24:00."""
    return [str(one).removesuffix("-00:00") + ("-24:00" if str(one).endswith("-00:00") else "") for one in written]
