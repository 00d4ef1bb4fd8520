"""Alerts on queues: what `flows/alerts.yaml` watches, and what of it holds now. Pure.

An alert holds for a queue while all its conditions do. It is shown on the floor page, and told to those it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from callcenter.acd.fields import Model, Name, Percent, Seconds, duration
from callcenter.messages.rules import QuietHours

FILE: Final = "alerts"
ENOUGH: Final = 10
"""A service level of fewer contacts says nothing yet."""
_HOURS = r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$"


def _wait(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"\d{1,3}(\.\d)?x", value.strip()):
        return value.strip()
    return duration(value)


Wait = Annotated[
    Annotated[float, Field(gt=0, le=7 * 86_400)] | Annotated[str, Field(pattern=r"^\d{1,3}(\.\d)?x$")],
    BeforeValidator(_wait),
]
"""Seconds, or so many times those of the queue's service level (`3x`)."""
Mail = Annotated[str, Field(pattern=r"^[^@\s,]+@[^@\s,]+\.[^@\s,]+$", max_length=254)]
Number = Annotated[str, Field(pattern=r"^\+[1-9]\d{4,14}$")]


class People(Model):
    """Who is told, and when not."""

    mail: list[Mail] = Field(default_factory=list, description="mail addresses")
    sms: list[Number] = Field(default_factory=list, description="numbers as +12025550143")
    quiet_hours: Annotated[str, Field(pattern=_HOURS)] | None = Field(
        None, description="when they are told nothing, on the company's clock: 22:00-07:00"
    )

    @model_validator(mode="after")
    def _somebody(self) -> People:
        if not self.mail and not self.sms:
            raise ValueError("name somebody: `mail: [floor@example.com]` or `sms: [+12025550143]`")
        return self

    @property
    def quiet(self) -> QuietHours | None:
        if self.quiet_hours is None:
            return None
        begins, ends = (time.fromisoformat(part) for part in self.quiet_hours.split("-"))
        return QuietHours(begins, ends)


class Alert(Model):
    """What is watched. All conditions that are given must hold at once."""

    queues: list[Name] = Field(default_factory=list, description="by default every queue")
    longest_wait: Wait | None = Field(None, description="somebody has waited longer: 3m, or 3x the service level's")
    waiting: Annotated[int, Field(ge=1)] | None = Field(None, description="so many or more wait")
    service_level: Percent | None = Field(None, description=f"today's is lower, of {ENOUGH} contacts or more")
    agents: Annotated[int, Field(ge=1)] | None = Field(None, description="fewer agents of the queue are available")
    callbacks_overdue: Annotated[Seconds, Field(gt=0)] | None = Field(
        None, description="a callback should have been made so long ago: its time has passed, or it has none"
    )
    for_: Seconds = Field(0, alias="for", description="nobody is told before it has held so long")
    to: list[Name] = Field(default_factory=list, description="whom to tell; by default it is on the floor page only")
    at_most_every: Seconds = Field(1800, description="the same people are told of it once in so long")

    @model_validator(mode="after")
    def _something(self) -> Alert:
        if not any(getattr(self, name) is not None for name in CONDITIONS):
            raise ValueError(f"name a condition: {', '.join(CONDITIONS)}")
        return self


CONDITIONS: Final = ("longest_wait", "waiting", "service_level", "agents", "callbacks_overdue")


class AlertsFile(Model):
    """alerts.yaml."""

    people: dict[Name, People] = Field(default_factory=dict)
    alerts: dict[Name, Alert] = Field(default_factory=dict)


USUAL: Final = AlertsFile(
    alerts={"late": Alert(longest_wait="3x"), "unstaffed": Alert(waiting=1, agents=1)},
)
"""Without a file: somebody waits for three times the service level, or people wait and no agent is there."""


def from_data(data: object) -> AlertsFile:
    """The file of a set of flows; `USUAL` where there is none, or it can't be read (the check tells of it)."""
    if data is None:
        return USUAL
    try:
        return AlertsFile.model_validate(data)
    except ValidationError:
        return USUAL


@dataclass(frozen=True, slots=True)
class Watched:
    """A queue as it is now. Times are seconds; `level` is a share, of `counted` contacts; `overdue` is for how long
    the callback has been due that should have been made first. None where there is nothing to say."""

    name: str
    label: str
    level_seconds: float
    waiting: int = 0
    longest: float | None = None
    level: float | None = None
    counted: int = 0
    agents: int = 0
    overdue: float | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """An alert that holds for a queue; `limits` are what its conditions compare with (seconds, counts, shares)."""

    name: str
    alert: Alert
    queue: Watched
    limits: Mapping[str, float]


def held(file: AlertsFile, queues: Mapping[str, Watched]) -> list[Held]:
    """The alerts that hold now, in the order of the file and of the queues."""
    found = []
    for name, alert in file.alerts.items():
        for queue in queues.values():
            if alert.queues and queue.name not in alert.queues:
                continue
            conditions = list(_conditions(alert, queue))
            if all(holds for _, _, holds in conditions):
                found.append(Held(name, alert, queue, {condition: limit for condition, limit, _ in conditions}))
    return found


def _conditions(alert: Alert, queue: Watched) -> Iterator[tuple[str, float, bool]]:
    """Each condition with its limit, and whether it holds."""
    if alert.longest_wait is not None:
        wait = alert.longest_wait
        limit = float(wait[:-1]) * queue.level_seconds if isinstance(wait, str) else wait
        yield "longest_wait", limit, queue.longest is not None and queue.longest > limit
    if alert.waiting is not None:
        yield "waiting", alert.waiting, queue.waiting >= alert.waiting
    if alert.service_level is not None:
        limit = alert.service_level / 100
        yield "service_level", limit, queue.level is not None and queue.counted >= ENOUGH and queue.level < limit
    if alert.agents is not None:
        yield "agents", alert.agents, queue.agents < alert.agents
    if alert.callbacks_overdue is not None:
        limit = alert.callbacks_overdue
        yield "callbacks_overdue", limit, queue.overdue is not None and queue.overdue > limit
