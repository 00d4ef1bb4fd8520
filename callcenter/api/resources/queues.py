"""Queues and what waits in them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from callcenter.acd.model import Place
from callcenter.api.models import In, Out
from callcenter.api.operations import Call, operation
from callcenter.api.problems import Problem
from callcenter.queues.staffing import groups_of
from callcenter.queues.store import Queues

Priority = Annotated[int, Field(ge=0, le=100)]
QueueName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
SHOWN = 200


class EstimateOut(Out):
    """Seconds; the wait lies between `low` and `high` with a probability of `share`."""

    seconds: float
    low: float
    high: float
    share: float


class QueueOut(Out):
    name: str
    label: str
    strategy: str
    waiting: int = Field(description="callbacks included")
    longest_wait: float = Field(description="seconds; 0 where nobody waits")
    agents: int = Field(description="signed in")
    available: int = Field(description="of these, who could be offered something now")
    estimate: EstimateOut | None = Field(description="for whoever joins now; null while nobody serves it")


class QueueList(Out):
    items: list[QueueOut]


class EntryOut(Out):
    contact_id: str
    queue: str
    state: Literal["waiting", "offered", "accepted", "connected", "done", "left"]
    position: int = Field(description="from 1; 0 out of the queue")
    channel: str
    priority: int
    joined_at: float = Field(description="seconds since 1970, UTC")
    callback: bool
    estimate: EstimateOut | None


class EntryList(Out):
    items: list[EntryOut]


class EntryQuery(In):
    queue: QueueName


class EntryChange(In):
    """What isn't sent stays."""

    priority: Priority | None = None
    queue: QueueName | None = None


def live(call: Call[Any, Any]) -> Queues:
    """Raises `Problem` 503 where there is no store of queues."""
    if call.queues is None:
        raise Problem(503, "there are no queues here", headers={"Retry-After": "5"})
    return call.queues


def _queue(call: Call[Any, Any], name: str) -> QueueOut:
    queues = live(call)
    configured = queues.config.queues[name]
    agents = [
        agent for agent in queues.agents().values() if not agent.groups.isdisjoint(groups_of(queues.config, name))
    ]
    size = int(queues.client.zcard(f"cw:queue:{name}"))
    ids: Any = queues.client.zrange(f"cw:queue:{name}", 0, -1)
    joined = [float(entry["joined_at"]) for _, entry in queues.hashes("cw:entry:", _texts(ids[:SHOWN])) if entry]
    now = queues.clock()
    told = queues.estimate(name, size + 1)
    return QueueOut(
        name=name,
        label=configured.label or name,
        strategy=configured.strategy,
        waiting=size,
        longest_wait=round(max((now - at for at in joined), default=0.0), 1),
        agents=len(agents),
        available=sum(agent.available(now) and not agent.load for agent in agents),
        estimate=None if told is None else EstimateOut.model_validate(told, from_attributes=True),
    )


def _texts(found: Any) -> list[str]:
    return [item.decode() if isinstance(item, bytes) else str(item) for item in found]


def _known(call: Call[Any, Any], name: str) -> str:
    if name not in live(call).config.queues:
        raise Problem(404, "there is no such queue")
    return name


def _entry(call: Call[Any, Any], contact_id: str) -> EntryOut:
    queues = live(call)
    place: Place | None = queues.place(contact_id)
    if place is None:
        raise Problem(404, "this contact is in no queue")
    entry = queues.entry(contact_id)
    return EntryOut(
        contact_id=contact_id,
        queue=place.queue,
        state=place.state,
        position=place.position,
        channel=entry.get("channel", ""),
        priority=int(entry.get("priority", 0)),
        joined_at=place.joined_at,
        callback=entry.get("leg") == "absent",
        estimate=None if place.estimate is None else EstimateOut.model_validate(place.estimate, from_attributes=True),
    )


@operation("GET", "/queues", scope="queues:read", answer=QueueList, problems=(503,))
def list_queues(call: Call[None, None]) -> QueueList:
    """Queues and how they stand"""
    return QueueList(items=[_queue(call, name) for name in live(call).config.queues])


@operation("GET", "/queues/{queue}", scope="queues:read", answer=QueueOut, problems=(404, 503))
def get_queue(call: Call[None, None]) -> QueueOut:
    """One queue"""
    return _queue(call, _known(call, call.path["queue"]))


@operation("GET", "/entries", scope="queues:read", query=EntryQuery, answer=EntryList, problems=(404, 503))
def list_entries(call: Call[None, EntryQuery]) -> EntryList:
    """The first two hundred in a queue, in the order of serving"""
    name = _known(call, call.query.queue)
    found = []
    for contact_id in _texts(live(call).client.zrange(f"cw:queue:{name}", 0, SHOWN - 1)):
        try:
            found.append(_entry(call, contact_id))
        except Problem:  # it left meanwhile
            continue
    return EntryList(items=found)


@operation("GET", "/entries/{contact_id}", scope="queues:read", answer=EntryOut, problems=(404, 503))
def get_entry(call: Call[None, None]) -> EntryOut:
    """Where a contact stands"""
    return _entry(call, call.path["contact_id"])


@operation(
    "PATCH", "/entries/{contact_id}", scope="queues:write", body=EntryChange, answer=EntryOut, problems=(404, 409, 503)
)
def change_entry(call: Call[EntryChange, None]) -> EntryOut:
    """Change a waiting contact's priority, or move it to another queue with its joining time"""
    contact_id = call.path["contact_id"]
    queues = live(call)
    _entry(call, contact_id)
    if call.body.queue is not None:
        _known(call, call.body.queue)
        if not queues.move(contact_id, call.body.queue, why=call.by):
            raise Problem(409, "the contact isn't waiting")
    if call.body.priority is not None and not queues.set_priority(contact_id, call.body.priority):
        raise Problem(409, "the contact isn't in a queue")
    return _entry(call, contact_id)
