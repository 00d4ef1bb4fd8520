"""flows/reminders.yaml: who is told of what, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError

from ivr.flow.model import FlowSet, Model, PromptRef, SlotName

FILE = "reminders"


class Reminder(Model):
    """Told so many days before something is due, once, to those who agreed; at an hour at which they are awake."""

    of: Literal["bills"] = Field("bills", description="what is due: open bills of our database")
    days_before: int = Field(ge=0, le=90, description="days before the due date")
    channels: list[Literal["sms", "whatsapp", "email"]] = Field(
        min_length=1, description="the first of these that the customer agreed to"
    )
    body: PromptRef = Field(description="may use {bill.name}, .account, .balance, .currency and .due_on")
    subject: PromptRef | None = Field(None, description="of a mail")


class RemindersFile(Model):
    reminders: dict[SlotName, Reminder] = Field(default_factory=dict)


def reminders(flows: FlowSet) -> Mapping[str, Reminder]:
    """The reminders by name; none where there is no such file, or it can't be read (the check tells of it)."""
    if not isinstance(flows.files.get(FILE), Mapping):
        return {}
    try:
        return RemindersFile.model_validate(flows.files[FILE]).reminders
    except ValidationError:
        return {}


def reminded(flows: FlowSet) -> list[tuple[tuple[Any, ...], str]]:
    """Every (path in the file, prompt) that they use."""
    found: list[tuple[tuple[Any, ...], str]] = []
    for name, reminder in reminders(flows).items():
        found.append((("reminders", name, "body"), reminder.body))
        if reminder.subject is not None:
            found.append((("reminders", name, "subject"), reminder.subject))
    return found
