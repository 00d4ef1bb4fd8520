"""What several resources have in common."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from callcenter.identifiers import Kind, Proof

PRINTABLE = r"^[^\x00]*$"
"""PostgreSQL's text has no NUL."""

Line = Annotated[str, StringConstraints(max_length=200, pattern=PRINTABLE)]
Paragraph = Annotated[str, StringConstraints(min_length=1, max_length=10_000, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Channel = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,19}$")]


class In(BaseModel):
    """What is sent to us: nothing that we don't know."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class IdentifierOut(Out):
    id: str
    customer_id: str = Field(description="the customer that it was given to, also after a merge")
    kind: Kind
    value: str = Field(description="normalised: E.164, lower case")
    proof: Proof
    proven_at: datetime | None
    created_at: datetime


class CustomerOut(Out):
    id: str
    members: list[str] = Field(description="all ids that were merged into this customer, its own first")
    name: str
    given_name: str
    family_name: str
    language: str
    preferred_channel: str
    attributes: dict[str, Any]
    provisional: bool = Field(description="made for a caller whom nobody knew")
    identifiers: list[IdentifierOut]
    created_at: datetime
    updated_at: datetime


class ContactOut(Out):
    id: str
    channel: str
    direction: Literal["in", "out"]
    caller: str
    called: str
    language: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str
    customer_id: str | None = Field(description="null while it isn't settled whom the contact is with")


class NoteOut(Out):
    id: str
    customer_id: str
    contact_id: str | None
    case_id: str | None
    author: str
    text: str
    created_at: datetime


class FileOut(Out):
    id: str
    contact_id: str
    message_id: str | None
    name: str
    media_type: str
    size: int = Field(description="bytes")
    sha256: str
    created_at: datetime


class MessageOut(Out):
    id: str
    contact_id: str | None
    direction: Literal["in", "out"]
    channel: str
    sender: str
    to: str
    author: str = Field(description="customer, flow, system, api or agent:ID")
    subject: str
    body: str
    status: str = Field(description="received; queued, sending, sent, delivered, read, failed, parked, unknown")
    attempts: int
    segments: int = Field(description="of a text, as carriers count them; 0 elsewhere")
    error: str
    created_at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None


class CaseOut(Out):
    id: str
    customer_id: str
    subject: str
    status: Literal["open", "pending", "resolved", "reopened"]
    opened_by: str
    opened_at: datetime
    updated_at: datetime
    resolved_at: datetime | None


class MergeOut(Out):
    id: str
    survivor_id: str
    absorbed_id: str
    by: str
    because: dict[str, str]
    at: datetime
    undone_at: datetime | None
    undone_by: str | None
