"""What an admin writes in `queues.yaml` and `agents.yaml`. Reference: docs/queues.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from callcenter.acd.fields import Model, Name, Percent, Priority, Region, Seconds, Skills, duration
from callcenter.acd.people import Agent, AgentsFile, Penalties
from callcenter.acd.strategies import strategies

MEDIA: Mapping[str, str] = {"sip": "voice", "twilio": "voice", "pyvoip": "voice"}
"""Channels that count as another one: a telephone call is voice, however it comes."""
MESSAGING = ("chat", "sms", "whatsapp", "messenger")
CAPACITY: Mapping[str, int] = {"voice": 1, **dict.fromkeys(MESSAGING, 4), "email": 4}
INTERRUPTS: Mapping[str, tuple[str, ...]] = {
    "voice": (*MESSAGING, "email"),
    **{name: tuple(other for other in (*MESSAGING, "email") if other != name) for name in MESSAGING},
    "email": (),
}
"""Which media an agent may be working on when one of the named kind is offered."""


def medium(channel: str) -> str:
    """The medium of a channel: `voice` for every kind of telephone call, else the channel itself."""
    return MEDIA.get(channel, channel)


def _strategy(name: str) -> str:
    if name not in strategies():
        raise ValueError(f"there is no strategy '{name}'; there are {', '.join(sorted(strategies()))}")
    return name


class Relaxation(Model):
    """From `after` on these skills are enough, instead of the queue's."""

    after: Seconds
    skills: Skills = Field(default_factory=dict)


class Ring(Model):
    """From `after` on agents of these groups are asked as well."""

    after: Seconds = 0
    groups: list[Name] = Field(min_length=1)


class ServiceLevel(Model):
    """`percent` of contacts are to be answered within `seconds`."""

    seconds: Seconds = 20
    percent: Percent = 80


class Overflow(Model):
    """Goes on to the queue `to` when one of the conditions holds."""

    to: Name
    after_wait: Seconds | None = None
    when_size: int | None = Field(None, ge=1, description="so many wait: those behind go on")
    when_predicted_wait: Seconds | None = None
    when_predicted_level: Percent | None = Field(
        None, description="the chance of being answered within service_level.seconds is less, in percent"
    )

    @model_validator(mode="after")
    def _one(self) -> Overflow:
        names = ("after_wait", "when_size", "when_predicted_wait", "when_predicted_level")
        if all(getattr(self, name) is None for name in names):
            raise ValueError(f"say when: {', '.join(names)}")
        return self


class WrapUp(Model):
    """Work after a contact. With `required`, it lasts until a code was given."""

    seconds: Seconds = 0
    codes: list[Name] = Field(default_factory=list)
    required: bool = False

    @model_validator(mode="after")
    def _codes(self) -> WrapUp:
        if self.required and not self.codes:
            raise ValueError("required codes need a list `codes`")
        return self


class Announce(Model):
    """What those who wait are told, at most every `every`, and only when it improved."""

    every: Seconds = 60
    position: bool = True
    estimate: bool = True


class Callback(Model):
    """Callbacks: when they are offered, and how they are tried. Without `offer_after` and `offer_size` they are
    offered from the start."""

    offer_after: Seconds | None = Field(None, description="offered to those who waited so long")
    offer_size: int | None = Field(None, ge=1, description="offered while so many wait")
    offer_hours: Name | None = Field(None, description="offered only within this file of opening hours")
    hours: Name | None = Field(None, description="made within this file of opening hours; by default the queue's")
    days_ahead: int = Field(14, ge=1, le=365, description="a time may be chosen until the end of the day so far ahead")
    retries: int = Field(2, ge=0, le=20, description="further calls after one that reached nobody")
    spacing: Seconds = Field(600, description="between calls")
    limit: Seconds = Field(86_400, description="given up so long after the request, or the time that was chosen")
    ring_seconds: Seconds = Field(30, description="how long the customer's telephone rings")
    tried_message: str = Field(
        "system.callback_tried", description="text after a call that reached nobody; empty: none"
    )
    failed_message: str = Field("system.callback_failed", description="text when it is given up; empty: none")

    def offered(self, waited: float, waiting: int) -> bool:
        """Whether one is offered to a contact that has waited so long (in seconds), in a queue of so many."""
        if self.offer_after is None and self.offer_size is None:
            return True
        return (self.offer_after is not None and waited >= self.offer_after) or (
            self.offer_size is not None and waiting >= self.offer_size
        )


class Record(Model):
    """Recording of conversations. `consent` says when it is announced: `by_region` to customers whose number is, or
    may be, from one of `regions`; to all where none are given."""

    on: bool = False
    consent: Literal["always", "by_region", "never"] = "always"
    regions: list[Region] = Field(
        default_factory=list, description="countries, US states, Canadian provinces: DE, US-CA, CA-QC"
    )
    keep_days: int = Field(90, ge=1)


class Extra(Model):
    """The company's own fields of screen pops: the pop is posted to `url`, which answers a JSON object in time."""

    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    seconds: Annotated[float, BeforeValidator(duration), Field(gt=0, le=30)] = 2


class Staffing(Model):
    """What the forecast of staff assumes: the share of paid time that isn't spent serving, and how busy agents may be
    while they are there, both in percent."""

    shrinkage: Annotated[float, Field(ge=0, le=90)] = 30
    occupancy: Percent = 85


class Queue(Model):
    """One queue. `skills` are required of its agents, as are those of the contact itself."""

    label: str = ""
    strategy: Annotated[str, AfterValidator(_strategy)] = "longest_idle"
    skills: Skills = Field(default_factory=dict)
    relax: list[Relaxation] = Field(default_factory=list)
    language_after: Seconds | None = Field(120, description="then agents are asked who don't speak it")
    last_agent_wait: Seconds = Field(30, description="how long the strategy last_agent waits for that agent alone")
    rings: list[Ring] = Field(default_factory=list, description="empty: all agents of the queue at once")
    priority: Priority = 0
    hours: Name | None = Field(None, description="the file of opening hours: business_hours")
    service_level: ServiceLevel = ServiceLevel()
    staffing: Staffing = Staffing()
    max_size: int | None = Field(None, ge=1, description="calls beyond take the flow's exit `full`")
    max_wait: Seconds | None = Field(None, description="calls that waited longer take the flow's exit `max_wait`")
    overflow: list[Overflow] = Field(default_factory=list)
    offer_seconds: Annotated[float, BeforeValidator(duration), Field(ge=1, le=600)] = 20
    handling: Seconds = Field(300, description="a contact's usual length, until enough were measured")
    wrap_up: WrapUp = WrapUp()
    announce: Announce = Announce()
    music: str | None = None
    callback: Callback = Callback()
    record: Record = Record()
    whisper: str | None = None
    guide: str = Field("", description="Markdown, shown to agents")
    screen_pop: Extra | None = None
    suggest: str = Field("", description="the next step suggested to agents")

    @property
    def callback_hours(self) -> str | None:
        """The file of opening hours within which callbacks are made; `None`: at any time."""
        return self.callback.hours or self.hours

    @model_validator(mode="after")
    def _steps(self) -> Queue:
        times = [step.after for step in self.relax]
        if times != sorted(times):
            raise ValueError("write the steps of `relax` in the order of time")
        if self.rings and min(ring.after for ring in self.rings) > 0:
            raise ValueError("the first of `rings` has no `after`: somebody is asked at once")
        return self


class QueuesFile(Model):
    """queues.yaml."""

    queues: dict[Name, Queue] = Field(min_length=1)


class ConfigError(ValueError):
    """The files don't fit; the words say where."""


@dataclass(frozen=True)
class Config:
    """Both files together. `carried`: see `callcenter.acd.carriers`."""

    queues: Mapping[str, Queue] = field(default_factory=dict)
    people: AgentsFile = field(default_factory=AgentsFile)
    carried: frozenset[str] = frozenset()

    @classmethod
    def from_files(cls, files: Mapping[str, Any]) -> Config:
        """From data files by name, as a set of flows holds them. Raises `ConfigError`; no file is an empty one."""
        try:
            queues = QueuesFile.model_validate(files["queues"]).queues if "queues" in files else {}
            return cls(queues, AgentsFile.model_validate(files.get("agents") or {}))
        except ValidationError as error:
            lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
            raise ConfigError("; ".join(lines)) from None

    @property
    def agents(self) -> Mapping[str, Agent]:
        return self.people.agents

    @cached_property
    def default(self) -> str:
        """Where contacts of a queue go that is configured no longer: the first queue."""
        return next(iter(self.queues), "")

    def capacity(self, agent_id: str) -> dict[str, int]:
        return {**CAPACITY, **self.people.capacity, **self.agents[agent_id].capacity}

    def interrupts(self, agent_id: str) -> dict[str, tuple[str, ...]]:
        given = {**self.people.interrupts, **self.agents[agent_id].interrupts}
        return {**INTERRUPTS, **{name: tuple(others) for name, others in given.items()}}

    def penalties(self, agent_id: str) -> Penalties:
        agent = self.agents.get(agent_id)
        return (agent.penalties if agent else None) or self.people.penalties

    def groups(self, agent_id: str) -> frozenset[str]:
        """The groups an agent is in; each queue is a group too."""
        agent = self.agents[agent_id]
        return frozenset((*agent.groups, *agent.queues))

    def serves(self, agent_id: str, queue: str) -> bool:
        """Whether an agent belongs to a queue: by name, or by a group of its rings."""
        agent = self.agents.get(agent_id)
        configured = self.queues.get(queue)
        if agent is None or configured is None:
            return False
        return queue in agent.queues or any(not self.groups(agent_id).isdisjoint(r.groups) for r in configured.rings)
