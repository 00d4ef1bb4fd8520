"""What an admin writes in `queues.yaml` and `agents.yaml`. Reference: docs/queues.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

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


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*(s|m|h)?", value.strip())
        if not found:
            raise ValueError("is no duration; write seconds, minutes or hours: 20s, 2m, 1h")
        return float(found[1]) * {"s": 1, "m": 60, "h": 3600, None: 1}[found[2]]
    return value


def _strategy(name: str) -> str:
    if name not in strategies():
        raise ValueError(f"there is no strategy '{name}'; there are {', '.join(sorted(strategies()))}")
    return name


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
Seconds = Annotated[float, BeforeValidator(_duration), Field(ge=0, le=7 * 86_400)]
Level = Annotated[int, Field(ge=1, le=10)]
Skills = Annotated[dict[Name, Level], Field(description="skill: the least level, 1 to 10")]
Percent = Annotated[float, Field(gt=0, le=100)]
Priority = Annotated[int, Field(ge=0, le=100)]


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
    """Callbacks: when they are offered, and how they are tried."""

    offer_after: Seconds | None = Field(None, description="offered to those who waited so long")
    offer_size: int | None = Field(None, ge=1, description="offered while so many wait")
    retries: int = Field(2, ge=0, le=20, description="further calls after one that reached nobody")
    spacing: Seconds = Field(600, description="between calls")
    limit: Seconds = Field(86_400, description="given up so long after the request, or the time that was chosen")
    ring_seconds: Seconds = Field(30, description="how long the customer's telephone rings")
    tried_message: str = Field(
        "system.callback_tried", description="text after a call that reached nobody; empty: none"
    )
    failed_message: str = Field("system.callback_failed", description="text when it is given up; empty: none")


class Record(Model):
    """Recording of conversations. `consent` says when it is announced."""

    on: bool = False
    consent: Literal["always", "by_region", "never"] = "always"
    keep_days: int = Field(90, ge=1)


class Extra(Model):
    """The company's own fields of screen pops: the pop is posted to `url`, which answers a JSON object in time."""

    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    seconds: Annotated[float, BeforeValidator(_duration), Field(gt=0, le=30)] = 2


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
    max_size: int | None = Field(None, ge=1, description="calls beyond take the flow's exit `full`")
    max_wait: Seconds | None = Field(None, description="calls that waited longer take the flow's exit `max_wait`")
    overflow: list[Overflow] = Field(default_factory=list)
    offer_seconds: Annotated[float, BeforeValidator(_duration), Field(ge=1, le=600)] = 20
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


class PhoneAccount(Model):
    """A telephone that registers with us."""

    user: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.+-]{1,64}$")]
    password_env: str | None = Field(None, description="the environment variable that holds the password")
    password_hash: str | None = Field(None, description="MD5 or SHA-256 of user:realm:password")

    @model_validator(mode="after")
    def _one(self) -> PhoneAccount:
        if (self.password_env is None) == (self.password_hash is None):
            raise ValueError("give either password_env or password_hash")
        return self


def _phone(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"desk|sips?:[^\s@]+(@\S+)?|\+[1-9]\d{4,14}", value):
        raise ValueError("a phone is desk, sip:USER@HOST, a number as +12025550143, or an account with `user`")
    return value


Phone = Annotated[
    Annotated[str, BeforeValidator(_phone), Tag("phone")] | Annotated[PhoneAccount, Tag("phone_account")],
    Discriminator(lambda value: "phone_account" if isinstance(value, dict | PhoneAccount) else "phone"),
]


class Penalties(Model):
    """How long an agent is offered nothing after an offer that came to nothing."""

    reject_delay: Annotated[float, BeforeValidator(_duration), Field(ge=1)] = 10
    busy_delay: Annotated[float, BeforeValidator(_duration), Field(ge=1)] = 30
    no_answer_delay: Annotated[float, BeforeValidator(_duration), Field(ge=1)] = 30
    no_answers_until_unavailable: int = Field(3, ge=1)

    def delay(self, why: str) -> float:
        """Seconds after an offer that ended for this reason."""
        named = {"rejected": self.reject_delay, "no_answer": self.no_answer_delay, "expired": self.no_answer_delay}
        return named.get(why, self.busy_delay)


class Agent(Model):
    """One agent, as configured."""

    name: str = ""
    skills: Skills = Field(default_factory=dict)
    queues: list[Name] = Field(default_factory=list)
    groups: list[Name] = Field(default_factory=list)
    languages: list[str] = Field(default_factory=list, description="empty: every language")
    phone: Phone = "desk"
    capacity: dict[Name, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=dict)
    interrupts: dict[Name, list[Name]] = Field(default_factory=dict)
    penalties: Penalties | None = None

    @property
    def device(self) -> str:
        """The phone in one word: `desk`, a SIP address, a number, or `user:NAME` for one registered with us."""
        return self.phone if isinstance(self.phone, str) else f"user:{self.phone.user}"


class AgentsFile(Model):
    """agents.yaml. What an agent leaves out is as here."""

    reasons: list[Name] = Field(default_factory=lambda: ["break", "lunch", "meeting", "training"])
    capacity: dict[Name, Annotated[int, Field(ge=0, le=100)]] = Field(default_factory=dict)
    interrupts: dict[Name, list[Name]] = Field(default_factory=dict)
    penalties: Penalties = Penalties()
    logout_after: Seconds = Field(90, description="an agent whose desk is silent for so long is signed out")
    agents: dict[Name, Agent] = Field(default_factory=dict)


class ConfigError(ValueError):
    """The files don't fit; the words say where."""


@dataclass(frozen=True)
class Config:
    """Both files together."""

    queues: Mapping[str, Queue] = field(default_factory=dict)
    people: AgentsFile = field(default_factory=AgentsFile)

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
