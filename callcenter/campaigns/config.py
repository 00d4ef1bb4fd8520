"""What an admin writes in `campaigns.yaml`. Reference: docs/campaigns.md."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from callcenter.acd.fields import Model, Name, Seconds
from callcenter.messages.rules import QuietHours

FILE: Final = "campaigns"
BY_AGENTS: Final = "campaign"
BY_FLOW: Final = "called_by"
"""Under which name a queue's entry has the campaign's settings: of somebody whom an agent is to call, and of somebody
whom a flow has called, and who waits for an agent as any caller does."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Means = Literal["do_not_contact", "no_answer", "busy", "machine", "failed"]
Skipped = Literal["later", "close", "do_not_contact"]
WITH_AGENTS: Final = frozenset({"answered", "greeting", "preview", "preview_seconds", "skips"})
WITH_FLOWS: Final = frozenset({"calls_per_minute", "columns"})
"""Settings of campaigns whose calls need an agent, and of those whose calls run a flow."""
_HOURS = r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$"


SKIPS: Final[Mapping[Name, Skipped]] = {"not_now": "later", "not_needed": "close"}


class Spacing(Model):
    """How long after a call that reached nobody, or that an agent skipped, the next one may be made."""

    no_answer: Seconds = 4 * 3600
    busy: Seconds = 1800
    machine: Seconds = 86_400
    failed: Seconds = 3600
    skipped: Seconds = 4 * 3600


class Machine(Model):
    """What an answering machine hears, and what is texted to whom every attempt missed."""

    say: str | None = Field(None, description="a prompt, or words; by default it hears nothing")
    text: str | None = Field(None, description="a prompt, or words, sent by SMS to who agreed to texts")


class Campaign(Model):
    """Whom a list calls, when and how often."""

    label: str = Field("", max_length=80, description="shown to people; by default the name")
    queue: Name = Field(description="whose agents call; with `flow`: whose hours and holidays hold")
    flow: Name | None = Field(None, description="the flow that calls run, without an agent")
    from_: date | None = Field(None, alias="from", description="the first day, on the company's calendar")
    until: date | None = Field(None, description="the last day")
    hours: Annotated[str, Field(pattern=_HOURS)] = Field(
        "09:00-20:00", description="when people may be called, on their own clock"
    )
    days: list[Day] = Field(default_factory=lambda: list(DAYS[:6]), min_length=1, description="by default not Sundays")
    attempts: int = Field(3, ge=1, le=20, description="calls at most")
    spacing: Spacing = Spacing()
    at_once: int = Field(5, ge=1, le=100, description="so many are in the queue, or called by the flow, at most")
    calls_per_minute: float = Field(10, gt=0, le=600, description="calls that run the flow, at most")
    columns: list[Name] = Field(
        default_factory=list, max_length=30, description="columns of the list that the flow needs, as slots"
    )
    ring_seconds: Annotated[Seconds, Field(ge=15, le=120)] = Field(
        30, description="how long the customer's telephone rings"
    )
    caller_id: Annotated[str, Field(pattern=r"^\+[1-9]\d{4,14}$")] | None = Field(
        None, description="the number that is shown; by default the trunk's own"
    )
    consent: bool | None = Field(
        None, description="only those who agreed to calls (consent for the channel phone); by default with `flow`"
    )
    answered: Literal["key", "at_once"] = Field(
        "key", description="who answers presses 1 to talk with the agent, or talks at once"
    )
    preview: bool = Field(False, description="the agent sees the person first, and calls or skips")
    preview_seconds: Annotated[Seconds, Field(ge=10, le=900)] = Field(60, description="how long the agent may look")
    skips: dict[Name, Skipped] = Field(
        default_factory=lambda: dict(SKIPS), min_length=1, description="the agent's reasons, and what follows"
    )
    greeting: str = Field("system.campaign_greeting", description="what they hear before; a prompt, or words")
    machine: Machine = Machine()
    served: Literal["remove", "keep"] = Field(
        "remove", description="who has spoken with an agent of the queue meanwhile is removed or kept"
    )
    codes: dict[Name, Means] = Field(
        default_factory=dict, description="what follows from an agent's wrap-up code, or from the flow's outcome"
    )
    guide: str = Field("", description="what the agent reads (Markdown)")

    @field_validator("hours")
    @classmethod
    def _in_order(cls, hours: str) -> str:
        begins, _, ends = hours.partition("-")
        if begins >= ends:
            raise ValueError("ends before it begins; write the earlier time first: 09:00-20:00")
        return hours

    @model_validator(mode="after")
    def _dates(self) -> Campaign:
        if self.from_ is not None and self.until is not None and self.until < self.from_:
            raise ValueError("`until` is before `from`")
        return self

    @field_validator("columns")
    @classmethod
    def _no_number(cls, columns: list[str]) -> list[str]:
        if "phone" in columns:
            raise ValueError("every list has a phone; in the flow it is the slot `caller`")
        return columns

    @model_validator(mode="after")
    def _one_way(self) -> Campaign:
        given = self.model_fields_set
        if self.flow is not None and (idle := given & WITH_AGENTS):
            raise ValueError(f"`{min(idle)}` is for calls by agents, and these run a flow; take it out, or `flow`")
        if self.flow is None and (idle := given & WITH_FLOWS):
            raise ValueError(f"`{min(idle)}` is for calls that run a flow; name the flow in `flow`")
        if not self.preview and (idle := given & {"preview_seconds", "skips"}):
            raise ValueError(f"`{min(idle)}` is for campaigns with `preview: true`; add that")
        return self

    @property
    def needs_consent(self) -> bool:
        """Whether only those are called who agreed: unless the file says otherwise, to calls that run a flow."""
        return self.flow is not None if self.consent is None else self.consent

    @property
    def quiet(self) -> QuietHours | None:
        """When nobody is called, on their own clock; `None` for never."""
        begins, _, ends = self.hours.partition("-")
        if (begins, ends) == ("00:00", "24:00"):
            return None
        return QuietHours(time.min if ends == "24:00" else time.fromisoformat(ends), time.fromisoformat(begins))

    def on(self, day: date) -> bool:
        """Whether the campaign runs on this day of the company's calendar."""
        return (self.from_ is None or day >= self.from_) and (self.until is None or day <= self.until)


class CampaignsFile(Model):
    """campaigns.yaml."""

    campaigns: dict[Name, Campaign] = Field(default_factory=dict)


def from_data(data: object) -> Mapping[str, Campaign]:
    """The campaigns of a set of flows by name; none where there is no such file, or it can't be read (the check tells
    of it)."""
    if data is None:
        return {}
    try:
        return CampaignsFile.model_validate(data).campaigns
    except ValidationError:
        return {}
