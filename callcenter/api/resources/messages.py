"""Messages that came in and went out, and files that came with them."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from pydantic import Field

from callcenter import files, outbox
from callcenter.api.models import FileOut, In, MessageOut
from callcenter.api.operations import Call, Download, operation
from callcenter.api.paging import Page, PageQuery, paged, read
from callcenter.api.problems import Problem
from callcenter.api.resources.contacts import shown_message
from callcenter.customers import before_bound
from callcenter.tables import messages

Status = Literal["received", "queued", "sending", "sent", "delivered", "read", "failed", "parked", "unknown"]


class MessageQuery(PageQuery):
    status: Status | None = Field(None, description="only these; `parked` and `unknown` wait for a person")
    direction: Literal["in", "out"] | None = None


class RequeueIn(In):
    again: bool = Field(False, description="also a message that may have been sent already (status `unknown`)")


@operation("GET", "/messages", scope="messages:read", query=MessageQuery, answer=Page[MessageOut])
def list_all_messages(call: Call[None, MessageQuery]) -> Page[MessageOut]:
    """Messages of all contacts, the newest first"""
    at, id = messages.c.created_at, messages.c.id
    query = sa.select(messages).order_by(at.desc(), id.desc()).limit(call.query.limit + 1)
    if call.query.status is not None:
        query = query.where(messages.c.status == call.query.status)
    if call.query.direction is not None:
        query = query.where(messages.c.direction == call.query.direction)
    if (before := read(call.query.cursor)) is not None:
        query = query.where(sa.tuple_(at, id) < before_bound(at, before))
    shown, cursor = paged(call.conn.execute(query).all(), call.query.limit, lambda row: (row.created_at, row.id))
    return Page(items=[shown_message(row) for row in shown], next=cursor)


@operation(
    "POST", "/messages/{message_id}/requeue", scope="messages:write", body=RequeueIn, answer=MessageOut, status=202,
    problems=(409,),
)  # fmt: skip
def requeue_message(call: Call[RequeueIn, None]) -> MessageOut:
    """Send a message once more that was parked or failed"""
    row = call.conn.execute(sa.select(messages).where(messages.c.id == call.path["message_id"])).one_or_none()
    if row is None:
        raise Problem(404, "there is no such message")
    if not outbox.requeue(call.conn, row.id, call.now, again=call.body.again):
        why = "it may have been sent: say `again` to send it once more" if row.status == "unknown" else row.status
        raise Problem(409, f"this message isn't parked: {why}")
    return shown_message(call.conn.execute(sa.select(messages).where(messages.c.id == row.id)).one())


@operation("GET", "/files/{file_id}", scope="files:read", answer=FileOut)
def get_file(call: Call[None, None]) -> FileOut:
    """What is known of a file"""
    return FileOut.model_validate(_file(call))


@operation("GET", "/files/{file_id}/content", scope="files:read", answer=Download, problems=(410,))
def download_file(call: Call[None, None]) -> Download:
    """A file's bytes, to be saved: never shown by a browser"""
    row = _file(call)
    return Download(path=row.path, name=row.name, media_type=row.media_type)


def _file(call: Call[None, None]) -> Any:
    row = files.get(call.conn, call.path["file_id"])
    if row is None:
        raise Problem(404, "there is no such file")
    return row
