"""Callbacks: asked for, listed, moved and cancelled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from callcenter import contacts, recognition
from callcenter.api.models import Id, In, Out
from callcenter.api.operations import Call, operation
from callcenter.api.problems import Mistake, Problem
from callcenter.api.resources.customers import existing
from callcenter.api.resources.queues import Priority, QueueName, live
from callcenter.identifiers import InvalidIdentifier
from callcenter.queues.callbacks import OutsideHours, Requested, TooFar, of_person

Number = Annotated[str, Field(min_length=1, max_length=254, description="a telephone number")]


class CallbackOut(Out):
    contact_id: str
    queue: str
    number: str
    customer_id: str
    joined_at: datetime = Field(description="what its place in the queue follows from")
    at: datetime | None = Field(description="not before; null: as soon as its turn comes")
    attempts: int
    state: str


class CallbackList(Out):
    items: list[CallbackOut]


class CallbackIn(In):
    queue: QueueName
    number: Number
    at: AwareDatetime | None = Field(None, description="a time within the queue's hours")
    customer_id: Id | None = None
    priority: Priority | None = None


class CallbackChange(In):
    """What isn't sent stays; `as_soon_as_possible` takes a chosen time away."""

    number: Number | None = None
    at: AwareDatetime | None = None
    as_soon_as_possible: bool = False


class CallbackQuery(In):
    customer_id: Id | None = None
    number: Annotated[str, Field(min_length=1, max_length=254)] | None = None


def _out(found: Requested) -> CallbackOut:
    at = datetime.fromtimestamp(found.at, UTC) if found.at else None
    return CallbackOut(
        contact_id=found.contact_id, queue=found.queue, number=found.number, customer_id=found.customer_id,
        joined_at=datetime.fromtimestamp(found.joined_at, UTC), at=at, attempts=found.attempts, state=found.state,
    )  # fmt: skip


def _found(call: Call[Any, Any]) -> Requested:
    found = live(call).requested(call.path["contact_id"])
    if found is None:
        raise Problem(404, "there is no callback that waits")
    return found


def _not_then(error: OutsideHours | TooFar, pointer: str) -> Problem:
    if isinstance(error, TooFar):
        said = f"{error}: choose a time before {datetime.fromtimestamp(error.last, UTC).isoformat()}"
        return Problem(422, "that is too far ahead", errors=[Mistake(pointer=pointer, detail=said)])
    opens = error.next_open
    said = f"; it opens at {datetime.fromtimestamp(opens, UTC).isoformat()}" if opens else ""
    return Problem(422, "the queue isn't open then", errors=[Mistake(pointer=pointer, detail=f"{error}{said}")])


def _wrong(error: InvalidIdentifier, pointer: str) -> Problem:
    return Problem(422, "the number can't be used", errors=[Mistake(pointer=pointer, detail=str(error))])


@operation("GET", "/callbacks", scope="callbacks:read", query=CallbackQuery, answer=CallbackList, problems=(404, 503))
def list_callbacks(call: Call[None, CallbackQuery]) -> CallbackList:
    """The callbacks that wait for a person, whichever identifier asked, or for a number"""
    queues, query = live(call), call.query
    if query.customer_id is None and query.number is None:
        raise Problem(422, "name a customer_id or a number")
    numbers = []
    if query.number is not None:
        try:
            numbers.append(queues.dialled(query.number))
        except InvalidIdentifier as error:
            raise _wrong(error, "number") from None
    customer = existing(call, query.customer_id) if query.customer_id is not None else ""
    return CallbackList(items=[_out(found) for found in of_person(call.conn, queues, customer, numbers)])


@operation(
    "POST", "/callbacks", scope="callbacks:write", body=CallbackIn, answer=CallbackOut, status=201, problems=(503,)
)
def request_callback(call: Call[CallbackIn, None]) -> CallbackOut:
    """Ask for a callback; its place in the queue is the last one"""
    queues, wanted = live(call), call.body
    if wanted.queue not in queues.config.queues:
        raise Problem(422, "there is no such queue", errors=[Mistake(pointer="/queue", detail="unknown")])
    try:
        number = queues.dialled(wanted.number)
    except InvalidIdentifier as error:
        raise _wrong(error, "/number") from None
    customer = existing(call, wanted.customer_id) if wanted.customer_id is not None else ""
    contact_id = contacts.start(call.conn, channel="sip", caller="", called=number, at=call.now, direction="out")
    if customer:
        recognition.settle(call.conn, contact_id, customer, proof="agent", at=call.now, by=call.by)
    else:
        known = recognition.recognise(
            call.conn, contact_id, channel="sip", address=number, at=call.now, region=call.region
        )
        customer = known.customer_id or ""
    at = wanted.at.timestamp() if wanted.at is not None else None
    try:
        queues.request_callback(
            contact_id, number, at=at, queue=wanted.queue, customer_id=customer, priority=wanted.priority
        )
    except (OutsideHours, TooFar) as error:
        raise _not_then(error, "/at") from None
    found = queues.requested(contact_id)
    assert found is not None
    return _out(found)


@operation("GET", "/callbacks/{contact_id}", scope="callbacks:read", answer=CallbackOut, problems=(404, 503))
def get_callback(call: Call[None, None]) -> CallbackOut:
    """One callback that waits"""
    return _out(_found(call))


@operation(
    "PATCH", "/callbacks/{contact_id}", scope="callbacks:write", body=CallbackChange, answer=CallbackOut,
    problems=(404, 409, 503),
)  # fmt: skip
def change_callback(call: Call[CallbackChange, None]) -> CallbackOut:
    """Move a callback to another time or number"""
    queues, wanted, found = live(call), call.body, _found(call)
    at = wanted.at.timestamp() if wanted.at is not None else None
    if at is None and not wanted.as_soon_as_possible and found.at:
        at = found.at
    try:
        if not queues.move_callback(found.contact_id, at=at, number=wanted.number or ""):
            raise Problem(409, "it is being dialled")
    except (OutsideHours, TooFar) as error:
        raise _not_then(error, "/at") from None
    except InvalidIdentifier as error:
        raise _wrong(error, "/number") from None
    return _out(_found(call))


@operation("DELETE", "/callbacks/{contact_id}", scope="callbacks:write", status=204, problems=(404, 503))
def cancel_callback(call: Call[None, None]) -> None:
    """Cancel a callback"""
    live(call).cancel_callback(_found(call).contact_id, "cancelled")
