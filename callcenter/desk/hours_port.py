"""What the page of opening hours is given: the files of hours as they are, and changes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol

ChangeKind = Literal["weekday", "holiday", "closure", "opening"]


@dataclass(frozen=True, slots=True)
class DayHours:
    """A day's opening with all counted in, as local times HH:MM; `why` names what makes it unlike its weekday."""

    day: date
    ranges: tuple[tuple[str, str], ...]
    all_day: bool
    special: bool
    why: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A holiday, closure or opening. `data` is what the file says (`date`, `name` and `hours`, or `from`, `to` and
    `reason`); `next` is the next day on which it counts, `None` where it is over."""

    kind: ChangeKind
    data: Mapping[str, Any]
    next: date | None


@dataclass(frozen=True, slots=True)
class HoursFile:
    """One file of opening hours as it is published, which is what callers are told by; `path` is what `unpublished`
    calls it. `weekly` is by weekday, ranges as HH:MM-HH:MM; `used_by` are the labels of queues. `fault` tells why it
    can't be shown; `differs` whether the file at hand says something else, so that nothing can be changed here before
    one of both counts."""

    name: str
    path: str
    timezone: str = "UTC"
    open_now: bool = False
    closes_at: datetime | None = None
    next_opens: datetime | None = None
    reason: str = ""
    emergency: bool = False
    days: tuple[DayHours, ...] = ()
    weekly: Mapping[str, Sequence[str]] | None = None
    entries: tuple[Entry, ...] = ()
    used_by: tuple[str, ...] = ()
    fault: str = ""
    differs: bool = False


@dataclass(frozen=True, slots=True)
class HoursChange:
    """One change: `was` is what it replaces (`None` for a new entry), `now` what it puts there (`None` to remove it).
    `key` is the weekday, "" for entries. A weekday's are lists of ranges, an entry's as in `Entry.data`."""

    kind: ChangeKind
    key: str
    was: Any
    now: Any


class HoursConflict(Exception):
    """What a change wants to replace is no longer there: `there` is what is ({} for nothing). Nothing was changed."""

    def __init__(self, change: HoursChange, there: Any) -> None:
        super().__init__(f"the {change.kind} was changed meanwhile")
        self.change, self.there = change, there


class Hours(Protocol):
    """All of it may take a while: never call it in a transaction."""

    def files(self, at: datetime) -> list[HoursFile]:
        """Each file of hours that is published, business_hours first."""

    def version(self) -> str:
        """The hash of the version that answers new calls, "" where nothing is published."""

    def unpublished(self) -> tuple[str, ...]:
        """Names of all files at hand that differ from what is published."""

    def writable(self) -> bool:
        """Whether this server may write the files."""

    def change(self, name: str, changes: Sequence[HoursChange], also: Sequence[str]) -> tuple[str, str]:
        """Write the file and publish: (the hash of the new version, that of the one before). Other unpublished files
        must be in `also`, which are published with it. Raises KeyError, ValueError for wrong hours, `HoursConflict`,
        and `OtherChanges`, `CannotWrite` and `FlowsRefused` of `callcenter.desk.ports`."""

    def take_published(self, name: str) -> None:
        """Write the file at hand as it is published. Raises KeyError and `CannotWrite`."""

    def undo(self, name: str, version: str, before: str) -> None:
        """Publish the version `before` again, while `version` answers new calls, and write the file as that has it.
        Raises KeyError where something else was published meanwhile, and `CannotWrite`."""
