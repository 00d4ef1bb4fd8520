"""The life of each contact, put together from its events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from callcenter.tables import contacts, events

GAVE_UP = ("abandoned", "lost", "hung_up")
"""Why a contact left its queue that nobody served."""
KINDS = (
    "queue.joined",
    "queue.moved",
    "queue.left",
    "offer.connected",
    "offer.done",
    "offer.restored",
    "wrap_up.done",
    "estimate.promised",
    "callback.requested",
    "callback.done",
    "callback.failed",
    "callback.cancelled",
    "asked_again",
    "survey",
    "to_person",
    "step",
)
BATCH = 5000


@dataclass(slots=True)
class Visit:
    """One stay in a queue and what came of it. Times in seconds: `waited` until it was connected or left, `talked`,
    `wrapped`, `promised`; `None` for what did not happen. `why` it left unserved, "" if it didn't."""

    queue: str
    joined_at: datetime
    agent: str = ""
    offer: str = ""
    waited: float | None = None
    connected: bool = False
    talked: float | None = None
    done_at: datetime | None = None
    wrapped: float | None = None
    promised: float | None = None
    why: str = ""
    callback: str = ""
    """requested, done, failed or cancelled, where one was asked for."""
    transferred: bool = False
    """The agent sent it on, to a queue or to another agent."""
    inherited: bool = False
    """It came from another agent, without waiting in a queue."""

    @property
    def gave_up(self) -> bool:
        return self.why in GAVE_UP


@dataclass(slots=True)
class Life:
    """A contact. `last` is the flow and step it was in last; `surveys` are (kind, score)."""

    id: str
    channel: str
    started_at: datetime
    outcome: str
    customer_id: str
    visits: list[Visit] = field(default_factory=list)
    asked_again: int = 0
    surveys: list[tuple[str, float]] = field(default_factory=list)
    last: tuple[str, str] = ("", "")
    wanted_person: bool = False

    @property
    def self_served(self) -> bool:
        """It ended well without anybody's help."""
        return self.outcome == "completed" and not self.visits and not self.wanted_person


def lives(conn: Connection, begin: datetime, end: datetime, channel: str = "") -> Iterator[Life]:
    """Contacts that began in [begin, end), in that order; of one channel where given. Reads all their events: see
    `callcenter.reports.kept` for what needn't."""
    return folded(conn, *began(begin, end, channel))


def began(begin: datetime, end: datetime, channel: str = "") -> list[sa.ColumnElement[bool]]:
    """Conditions on contacts."""
    found = [contacts.c.started_at >= begin, contacts.c.started_at < end]
    return [*found, contacts.c.channel == channel] if channel else found


def folded(conn: Connection, *conditions: sa.ColumnElement[bool]) -> Iterator[Life]:
    """The lives of contacts for which these hold, from their events."""
    query = (
        sa.select(
            contacts.c.id, contacts.c.channel, contacts.c.started_at, contacts.c.outcome, contacts.c.customer_id,
            events.c.kind, events.c.at, events.c.data,
        )
        .select_from(
            contacts.outerjoin(events, sa.and_(events.c.contact_id == contacts.c.id, events.c.kind.in_(KINDS)))
        )
        .where(*conditions)
        .order_by(contacts.c.started_at, contacts.c.id, events.c.id)
    )  # fmt: skip
    life: Life | None = None
    for row in conn.execute(query, execution_options={"yield_per": BATCH}):
        if life is None or row.id != life.id:
            if life is not None:
                yield life
            life = Life(row.id, row.channel, row.started_at, row.outcome, row.customer_id or "")
        if row.kind is not None:
            take(life, row)
    if life is not None:
        yield life


def take(life: Life, row: Any) -> None:
    """Add an event (a row with `kind`, `at`, `data`) to its contact's life."""
    data, last = row.data, life.visits[-1] if life.visits else None
    match row.kind:
        case "queue.joined" if last is not None and not last.connected and not last.why:
            last.queue = data["queue"]  # put back after the store lost it
        case "queue.joined":
            # After a transfer it waits anew; joined_at, which decides its place, is the first one.
            joined = row.at if data.get("transferred") else datetime.fromtimestamp(float(data["joined_at"]), UTC)
            life.visits.append(Visit(data["queue"], joined, callback=_absent(data)))
        case "step" if not data.get("assisted"):  # in an agent's payment the contact stays with the agent
            life.last = (str(data.get("flow", "")), str(data.get("step", "")))
        case "asked_again":
            life.asked_again += 1
        case "to_person":
            life.wanted_person = True
        case "survey":
            life.surveys.append((str(data["kind"]), float(data["score"])))
        case kind if last is not None:
            _follow(life, last, kind, row.at, data)


def _follow(life: Life, last: Visit, kind: str, at: datetime, data: dict[str, Any]) -> None:
    match kind:
        case "queue.moved":
            last.queue = data["queue"]
        case "queue.left":
            last.why, last.waited = str(data.get("why", "")), (at - last.joined_at).total_seconds()
        case "offer.connected":
            last.connected, last.agent, last.offer = True, str(data.get("agent", "")), str(data.get("offer", ""))
            last.waited, last.why = (at - last.joined_at).total_seconds(), ""
        case "estimate.promised":
            if last.promised is None:
                last.promised = float(data["seconds"])
        case "offer.restored" if data.get("handed"):
            agent, offer = str(data.get("agent", "")), str(data.get("offer", ""))
            life.visits.append(Visit(last.queue, at, agent=agent, offer=offer, connected=True, inherited=True))
        case "offer.done" | "wrap_up.done":
            visit = next((one for one in life.visits if one.offer and one.offer == data.get("offer")), None)
            if visit is not None and kind == "offer.done":
                visit.talked, visit.done_at = float(data["seconds"]), at
                visit.transferred = data.get("why") == "transferred"
            elif visit is not None and visit.done_at is not None:
                visit.wrapped = (at - visit.done_at).total_seconds()
        case _ if kind.startswith("callback."):
            last.callback = kind.removeprefix("callback.")


def _absent(data: dict[str, Any]) -> str:
    return "requested" if data.get("leg") == "absent" else ""
