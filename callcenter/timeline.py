"""A person's timeline: all that happened on every channel, the newest first, in one query.

The index `ix_contacts_customer_id_started_at_id` gives a page of contacts without reading others; their details come
by `contact_id`, which is indexed wherever it stands. `bench/record` proves both at a million contacts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from callcenter.customers import members
from callcenter.db import UtcDateTime
from callcenter.one_time_codes import DEDUPE, HIDDEN
from callcenter.tables import (
    case_contacts,
    cases,
    contacts,
    events,
    files,
    messages,
    notes,
    payments,
    recordings,
)

Before = tuple[datetime, str]
"""The last entry's (at, id): the next page begins after it."""
MOST = 200
DETAILS = 200
"""Details of one kind shown for a contact; all of them are in the contact itself."""
NOISE = ("step", "exit", "action", "late_action", "message", "recorded", "ended", "payment_started",
         "message_received", "message_sent", "message_delivered", "message_read", "resume_offered")  # fmt: skip
"""Events that aren't shown: how the flow moved, and what is shown from tables of its own."""
_MOMENTS = frozenset({"ended", "resolved"})
UNRESOLVED = ("hung_up", "failed")
"""Outcomes after which something may be left to do."""


@dataclass(frozen=True, slots=True)
class Detail:
    """`kind` is event, message, payment, recording, file, note or case; `name` is an event's kind, else a word for its
    state. `data` has no secrets: events were masked when they were recorded."""

    kind: str
    id: str
    name: str
    at: datetime
    data: dict[str, Any]


@dataclass(slots=True)
class Entry:
    """`kind` is contact, case, or message or note where they belong to no contact. Details are in the order of time."""

    kind: str
    id: str
    at: datetime
    data: dict[str, Any]
    details: list[Detail] = field(default_factory=list)

    @property
    def unresolved(self) -> bool:
        """A contact that is still on or ended without reaching its end; a case that isn't resolved."""
        if self.kind == "contact":
            return not self.data["ended"] or self.data["outcome"] in UNRESOLVED
        return self.kind == "case" and self.data["status"] != "resolved"


@dataclass(frozen=True, slots=True)
class Page:
    """`open_cases` are all that aren't resolved, whatever the page; `before` asks for the next page, `None` at the
    end."""

    entries: list[Entry]
    open_cases: list[Entry]
    before: Before | None


class json_of(GenericFunction[Any]):
    """json_of(key, value, ...): a JSON object as text."""

    type = sa.Text()
    inherit_cache = True


@compiles(json_of, "sqlite")
def _json_sqlite(element: json_of, compiler: Any, **options: Any) -> str:
    return f"json_object({compiler.process(element.clauses, **options)})"


@compiles(json_of, "postgresql")
def _json_postgresql(element: json_of, compiler: Any, **options: Any) -> str:
    return f"json_build_object({compiler.process(element.clauses, **options)})::text"


class aside(GenericFunction[Any]):
    """aside(column): the column, for SQLite's planner no reason to walk an index of it (with statistics it would read
    all notes without a contact, or all cases by time, rather than one person's)."""

    inherit_cache = True


@compiles(aside, "sqlite")
def _aside_sqlite(element: aside, compiler: Any, **options: Any) -> str:
    return f"+{compiler.process(element.clauses, **options)}"


@compiles(aside, "postgresql")
def _aside_postgresql(element: aside, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


def page(conn: Connection, customer_id: str, *, limit: int = 20, before: Before | None = None) -> Page:
    """A page of the timeline of the person that a customer is part of; an unknown customer has none. Raises ValueError
    unless 1 <= limit <= MOST."""
    if not 1 <= limit <= MOST:
        raise ValueError(f"a page has 1 to {MOST} entries")
    entries: dict[tuple[str, str], Entry] = {}
    open_cases: list[Entry] = []
    details: list[tuple[str, int, Detail]] = []
    given: dict[str, Any] = {"customer": customer_id, "fetch": limit + 1}
    if before is not None:
        given |= {"before_at": before[0], "before_id": before[1]}
    for row in conn.execute(statement(before is not None), given):
        data = json.loads(row.data)
        if row.part == "detail":
            details.append((row.entry, row.number, Detail(row.kind, row.id, row.name, row.at, data)))
            continue
        for name in _MOMENTS & data.keys():
            data[name] = _iso(data[name])
        if row.part == "entry":
            entries[row.kind, row.id] = Entry(row.kind, row.id, row.at, data)
        else:
            open_cases.append(Entry("case", row.id, row.at, data))
    for entry_id, _, detail in sorted(details, key=lambda found: (found[2].at, found[1], found[2].id)):
        entries["contact", entry_id].details.append(detail)
    ordered = sorted(entries.values(), key=lambda entry: (entry.at, entry.id), reverse=True)
    more = len(ordered) > limit
    ordered = ordered[:limit]
    last = ordered[-1] if more else None
    return Page(ordered, sorted(open_cases, key=lambda case: case.at), (last.at, last.id) if last else None)


@cache
def statement(later_page: bool) -> sa.CompoundSelect[Any]:
    """The one statement, built once. It takes `customer`, `fetch` (one entry more than the page has) and, for later
    pages, `before_at` and `before_id`."""
    own = sa.select(members(sa.bindparam("customer", type_=sa.Text)).cte("who").c.id)
    fetch = sa.bindparam("fetch", type_=sa.Integer)
    bound = sa.tuple_(sa.bindparam("before_at", type_=UtcDateTime), sa.bindparam("before_id", type_=sa.Text))

    def newest(kind: str, at: sa.Column[Any], id: sa.Column[Any], *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
        found = sa.select(sa.literal(kind).label("kind"), id.label("id"), at.label("at")).where(*where)
        if later_page:
            found = found.where(sa.tuple_(at, id) < bound)
        inner = found.order_by(sa.desc(aside(at)), id.desc()).limit(fetch).subquery()
        return sa.select(inner)

    parts = sa.union_all(
        newest("contact", contacts.c.started_at, contacts.c.id, contacts.c.customer_id.in_(own)),
        newest(
            "note", notes.c.created_at, notes.c.id, notes.c.customer_id.in_(own), aside(notes.c.contact_id).is_(None)
        ),
        newest("case", cases.c.opened_at, cases.c.id, cases.c.customer_id.in_(own)),
        newest("message", messages.c.created_at, messages.c.id, messages.c.customer_id.in_(own)),
    ).subquery()
    shown = sa.select(parts).order_by(parts.c.at.desc(), parts.c.id.desc()).limit(fetch).cte("shown")
    shown = shown.prefix_with("MATERIALIZED")

    def entry(kind: str, table: sa.Table, **data: Any) -> sa.Select[Any]:
        found = _row("entry", kind, shown.c.id, sa.literal(""), shown.c.at, sa.literal(""), sa.literal(0), data)
        return found.join_from(shown, table, sa.and_(shown.c.kind == kind, table.c.id == shown.c.id))

    rows = [
        entry("contact", contacts, channel=contacts.c.channel, direction=contacts.c.direction, caller=contacts.c.caller,
              called=contacts.c.called, language=contacts.c.language, outcome=contacts.c.outcome,
              ended=_moment(contacts.c.ended_at), customer=contacts.c.customer_id),
        entry("note", notes, author=notes.c.author, text=notes.c.text, case=notes.c.case_id),
        entry("case", cases, subject=cases.c.subject, status=cases.c.status, resolved=_moment(cases.c.resolved_at)),
        entry("message", messages, **_of_message(), status=messages.c.status),
        *(_newest_details(detail) for detail in _details(shown)),
        _row("open_case", "case", cases.c.id, sa.literal(""), cases.c.opened_at, sa.literal(""), sa.literal(0),
             {"subject": cases.c.subject, "status": cases.c.status, "resolved": sa.null()}
             ).where(cases.c.customer_id.in_(own), cases.c.status != "resolved"),
    ]  # fmt: skip
    return sa.union_all(*rows)


def _of_message() -> dict[str, Any]:
    hidden = sa.func.coalesce(messages.c.dedupe_key, "").startswith(DEDUPE)
    return {
        "channel": messages.c.channel,
        "direction": messages.c.direction,
        "author": messages.c.author,
        "from": messages.c.sender,
        "to": messages.c.to,
        "subject": messages.c.subject,
        "body": sa.case((hidden, HIDDEN), else_=messages.c.body),
    }


def _details(shown: sa.CTE) -> list[sa.Select[Any]]:
    """What belongs to the contacts of the page."""

    def detail(
        kind: str, table: sa.Table, at: Any, name: Any, data: Any, *where: Any, number: Any = None, link: Any = None
    ) -> sa.Select[Any]:
        number = sa.literal(0) if number is None else number
        found = _row("detail", kind, sa.cast(table.c.id, sa.Text), shown.c.id, at, name, number, data)
        return found.join_from(
            shown,
            table,
            sa.and_(shown.c.kind == "contact", (table.c.contact_id if link is None else link) == shown.c.id),
        ).where(*where)

    # Were it a condition on events alone, SQLite's statistics could make it read all events for a Bloom filter.
    loud = sa.case((shown.c.id != "", events.c.kind.not_in(NOISE)), else_=sa.false())
    of_case = (
        _row("detail", "case", cases.c.id, shown.c.id, case_contacts.c.at, cases.c.status, sa.literal(0),
             {"subject": cases.c.subject})
        .join_from(shown, case_contacts, sa.and_(shown.c.kind == "contact", case_contacts.c.contact_id == shown.c.id))
        .join(cases, cases.c.id == case_contacts.c.case_id)
    )  # fmt: skip
    return [
        detail("event", events, events.c.at, events.c.kind, sa.type_coerce(events.c.data, sa.Text),
               loud, number=events.c.id),
        detail("message", messages, messages.c.created_at, messages.c.status, _of_message()),
        detail("payment", payments, payments.c.created_at, payments.c.status,
               {"account": payments.c.account, "bill": payments.c.bill, "amount": payments.c.amount,
                "currency": payments.c.currency, "confirmation": payments.c.confirmation,
                "card": payments.c.card_last4}),
        detail("recording", recordings, recordings.c.created_at, recordings.c.kind,
               {"seconds": recordings.c.seconds, "number": recordings.c.number}),
        detail("file", files, files.c.created_at, files.c.media_type,
               {"name": files.c.name, "size": files.c.size, "sha256": files.c.sha256}),
        detail("note", notes, notes.c.created_at, sa.literal(""),
               {"author": notes.c.author, "text": notes.c.text, "case": notes.c.case_id}),
        of_case,
    ]  # fmt: skip


def _newest_details(found: sa.Select[Any]) -> sa.Select[Any]:
    """Of a long thread only the newest are read out."""
    all_ = found.subquery()
    rank = sa.func.row_number().over(partition_by=all_.c.entry, order_by=[all_.c.at.desc(), all_.c.number.desc()])
    ranked = sa.select(all_, rank.label("rank")).subquery()
    return sa.select(*(column for column in ranked.c if column.name != "rank")).where(ranked.c.rank <= DETAILS)


def _row(part: str, kind: str, id: Any, entry: Any, at: Any, name: Any, number: Any, data: Any) -> sa.Select[Any]:
    """All parts of the union have these columns."""
    if isinstance(data, dict):
        pairs: list[Any] = []
        for key, value in data.items():
            pairs += [sa.literal_column(f"'{key}'"), value]
        data = json_of(*pairs)
    return sa.select(
        sa.literal(part).label("part"),
        sa.literal(kind).label("kind"),
        id.label("id"),
        entry.label("entry"),
        sa.type_coerce(at, UtcDateTime).label("at"),
        name.label("name"),
        number.label("number"),
        sa.type_coerce(data, sa.Text).label("data"),
    )


def _moment(column: sa.Column[Any]) -> Any:
    return sa.cast(column, sa.Text)


def _iso(stored: str | None) -> str | None:
    """Both databases' text for a moment, in ISO 8601."""
    if stored is None:
        return None
    at = datetime.fromisoformat(stored)
    return (at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)).isoformat()
