"""`callcenter.desk.hours_port.Hours` on the published version and the files at hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from callcenter.desk.hours_port import DayHours, Entry, HoursChange, HoursFile
from callcenter.desk.ports import CannotWrite, FlowsRefused
from ivr import hours_file
from ivr.editing import FlowFiles, file_problem
from ivr.flow.model import FlowSet
from ivr.flow.opening_hours import MAIN, queues_by_hours
from ivr.flow.problems import FlowError
from ivr.flow.yaml_edit import CannotEdit
from ivr.hours import WEEKDAYS, BusinessHours, days, status
from ivr.published import NothingPublished

AHEAD = 14
"""Days that the page shows."""


class HoursFiles:
    def __init__(self, files: FlowFiles) -> None:
        self._files = files

    def files(self, at: datetime) -> list[HoursFile]:
        flows = self._flows()
        if flows is None:
            return []
        differing = self.unpublished()
        users = queues_by_hours(flows)
        names = [name for name in (MAIN, *sorted(users.keys() - {MAIN})) if name in flows.files]
        paths = {name: f"flows/{self._file(name)}" for name in names}
        return [_shown(flows, name, paths[name], at, users.get(name, ()), paths[name] in differing) for name in names]

    def version(self) -> str:
        flows = self._flows()
        return "" if flows is None else flows.hash

    def unpublished(self) -> tuple[str, ...]:
        return self._files.unpublished()

    def writable(self) -> bool:
        return self._files.writable(self._files.settings.flows_dir)

    def change(self, name: str, changes: Sequence[HoursChange], also: Sequence[str]) -> tuple[str, str]:
        self._known(name)
        try:
            return self._files.change(self._file(name), lambda text: hours_file.changed(text, changes), also)
        except CannotEdit as error:
            raise CannotWrite(str(error)) from None
        except FlowError as error:
            folder = self._files.settings.flows_dir
            raise FlowsRefused([file_problem(problem, folder) for problem in error.problems]) from None

    def take_published(self, name: str) -> None:
        self._known(name)
        with self._files.locked():
            self._files.take(self._file(name), self._files.published.current().hash)

    def undo(self, name: str, version: str, before: str) -> None:
        self._known(name)
        self._files.back(self._file(name), version, before)

    def _file(self, name: str) -> str:
        folder = self._files.settings.flows_dir
        return f"{name}.yml" if (folder / f"{name}.yml").is_file() else f"{name}.yaml"

    def _known(self, name: str) -> None:
        """Names come from addresses. Raises KeyError."""
        flows = self._flows()
        if flows is None or name not in flows.files or name not in {MAIN, *queues_by_hours(flows)}:
            raise KeyError(name)

    def _flows(self) -> FlowSet | None:
        try:
            return self._files.published.current()
        except (NothingPublished, FlowError):
            return None


def _shown(flows: FlowSet, name: str, path: str, at: datetime, used_by: tuple[str, ...], differs: bool) -> HoursFile:
    try:
        hours = BusinessHours.model_validate(flows.files[name])
    except ValidationError as error:
        return HoursFile(name, path, fault=f"{error.error_count()}", used_by=used_by, differs=differs)
    company = flows.company.timezone
    now = status(hours, at, company)
    zone = hours.time_zone or company
    today = at.astimezone(ZoneInfo(zone)).date()
    said = hours_file.state(hours)
    return HoursFile(
        name=name,
        path=path,
        timezone=zone,
        open_now=now.open_now,
        closes_at=now.closes_at,
        next_opens=now.next_opens,
        reason=now.reason,
        emergency=hours.emergency.closed,
        days=tuple(
            DayHours(
                one.day, tuple((at.opens_at, at.closes_at) for at in one.parts), one.open_all_day, one.special, one.why
            )
            for one in days(hours, today, AHEAD, company)
        ),
        weekly={day: said["weekday"][day] for day in WEEKDAYS},
        entries=tuple(_entries(said, today)),
        used_by=used_by,
        differs=differs,
    )


def _entries(said: dict[str, Any], today: date) -> list[Entry]:
    """In the order in which they count next; what is over comes last."""
    found = [Entry("holiday", one, _next(one["date"], today)) for one in said["holiday"]]
    for kind in ("closure", "opening"):
        for one in said[kind]:
            begin, end = (datetime.fromisoformat(one[key]).date() for key in ("from", "to"))
            found.append(Entry(kind, one, max(begin, today) if end >= today else None))
    return sorted(found, key=lambda entry: (entry.next is None, entry.next or date.max))


def _next(written: str, today: date) -> date | None:
    if len(written) == 10:
        day = date.fromisoformat(written)
        return day if day >= today else None
    for year in range(today.year, today.year + 9):  # a 29 February may be eight years away
        try:
            day = date.fromisoformat(f"{year}-{written}")
        except ValueError:
            continue
        if day >= today:
            return day
    return None
