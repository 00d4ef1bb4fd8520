"""Webhooks: who is told, what was posted, and posting it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args

from pydantic import Field, StringConstraints

from callcenter import webhooks
from callcenter.api.models import In, Out
from callcenter.api.operations import Call, operation
from callcenter.api.paging import Page, PageQuery, paged, read
from callcenter.api.problems import Mistake, Problem

EventType = Literal[
    "*", "customer.created", "customer.updated", "customer.merged", "customer.unmerged", "contact.identified",
    "contact.ended", "message.received", "case.opened", "case.changed", "note.added",
    "offer.screen_pop",
]  # fmt: skip
assert get_args(EventType) == ("*", *webhooks.TYPES)


class WebhookIn(In):
    url: Annotated[str, StringConstraints(max_length=500, pattern=r"^https?://[A-Za-z0-9.\-\[\]:]+(/[!-~]*)?$")]
    events: Annotated[list[EventType], Field(min_length=1, max_length=20)]


class WebhookOut(Out):
    id: str
    url: str
    events: list[EventType]
    active: bool
    created_at: datetime


class NewWebhook(WebhookOut):
    secret: str = Field(description="signs what is posted; shown this once")


class Webhooks(Out):
    items: list[WebhookOut]


class DeliveryOut(Out):
    id: str
    webhook_id: str
    type: EventType
    status: Literal["queued", "sending", "delivered", "parked"]
    attempts: int
    response_status: int | None
    error: str
    created_at: datetime
    delivered_at: datetime | None


@operation("GET", "/webhooks", scope="webhooks:read", answer=Webhooks)
def list_webhooks(call: Call[None, None]) -> Webhooks:
    """All webhooks, stopped ones too"""
    return Webhooks(items=[WebhookOut.model_validate(one) for one in webhooks.listed(call.conn)])


@operation("POST", "/webhooks", scope="webhooks:write", body=WebhookIn, answer=NewWebhook, status=201)
def add_webhook(call: Call[WebhookIn, None]) -> NewWebhook:
    """Post events to a URL from now on"""
    try:
        made, secret = webhooks.subscribe(call.conn, call.body.url, call.body.events, call.now)
    except ValueError as error:
        raise Problem(422, str(error), errors=[Mistake(pointer="/url", detail=str(error))]) from None
    return NewWebhook(**WebhookOut.model_validate(made).model_dump(), secret=secret)


@operation("DELETE", "/webhooks/{webhook_id}", scope="webhooks:write", status=204)
def stop_webhook(call: Call[None, None]) -> None:
    """Post nothing more there"""
    if not webhooks.stop(call.conn, call.path["webhook_id"]):
        raise Problem(404, "there is no such active webhook")


@operation("GET", "/webhooks/{webhook_id}/deliveries", scope="webhooks:read", query=PageQuery, answer=Page[DeliveryOut])
def list_deliveries(call: Call[None, PageQuery]) -> Page[DeliveryOut]:
    """What was or will be posted, the newest first"""
    webhook_id = call.path["webhook_id"]
    if all(one.id != webhook_id for one in webhooks.listed(call.conn)):
        raise Problem(404, "there is no such webhook")
    limit = call.query.limit
    found = webhooks.deliveries_of(call.conn, webhook_id, limit=limit + 1, before=read(call.query.cursor))
    shown, cursor = paged(found, limit, lambda row: (row.created_at, row.id))
    return Page(items=[DeliveryOut.model_validate(row) for row in shown], next=cursor)


@operation("POST", "/deliveries/{delivery_id}/replay", scope="webhooks:write", status=204)
def replay_delivery(call: Call[None, None]) -> None:
    """Post a delivered or parked event again, under its old id"""
    if not webhooks.replay(call.conn, call.path["delivery_id"], call.now):
        raise Problem(404, "there is no such delivery that could be replayed")
