"""Evaluations of conversations: scores, for those who put figures together elsewhere."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from callcenter import evaluations
from callcenter.api.models import Out
from callcenter.api.operations import Call, operation
from callcenter.api.paging import Page, PageQuery, paged, read
from callcenter.evaluations import Evaluation

Agent = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.@+-]+$")]


class EvaluationQuery(PageQuery):
    agent: Agent | None = None


class EvaluationOut(Out):
    """Without what people wrote: that stays between the agent and who evaluates."""

    id: str
    contact_id: str
    contact_at: datetime = Field(description="when the contact began")
    channel: str
    queue: str = Field(description="empty for a thread that somebody took without a queue")
    agent: str
    form_hash: str = Field(description="names the content of the form")
    status: Literal["submitted", "disputed", "settled"]
    score: float | None = Field(description="from 0 to 1; null where nothing was applicable")
    sections: dict[str, float | None]
    submitted_at: datetime
    settled_at: datetime | None


def _position(found: Evaluation) -> tuple[datetime, str]:
    assert found.submitted_at is not None  # drafts aren't listed
    return found.submitted_at, found.id


@operation("GET", "/evaluations", scope="evaluations:read", query=EvaluationQuery, answer=Page[EvaluationOut])
def list_evaluations(call: Call[None, EvaluationQuery]) -> Page[EvaluationOut]:
    """Evaluations that agents can see, the last submitted first; no drafts and no calibrations"""
    query = call.query
    found = evaluations.page(call.conn, limit=query.limit + 1, before=read(query.cursor), agent=query.agent)
    shown, cursor = paged(found, query.limit, _position)
    return Page(items=[EvaluationOut.model_validate(one) for one in shown], next=cursor)
