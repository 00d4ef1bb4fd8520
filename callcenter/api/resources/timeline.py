"""A customer's timeline, merges, consent, notes and files."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from callcenter import cases, consent, contacts, files, merging, notes, timeline
from callcenter.api.models import FileOut, Id, In, Line, MergeOut, NoteOut, Out, Paragraph
from callcenter.api.operations import Call, operation
from callcenter.api.paging import Page, PageQuery, paged, read, write
from callcenter.api.problems import Mistake, Problem
from callcenter.api.resources.customers import existing, known


class DetailOut(Out):
    kind: Literal["event", "message", "payment", "recording", "file", "note", "case"]
    id: str
    name: str = Field(description="an event's kind, else a word for its state")
    at: datetime
    data: dict[str, Any]


class EntryOut(Out):
    kind: Literal["contact", "message", "note", "case"]
    id: str
    at: datetime
    unresolved: bool
    data: dict[str, Any]
    details: list[DetailOut]


class TimelineOut(Out):
    items: list[EntryOut]
    open_cases: list[EntryOut]
    next: str | None = Field(description="the cursor of the next page; null at the end")


class MergeIn(In):
    customer_id: Id = Field(description="the customer who is merged into the one in the path")


class Merges(Out):
    items: list[MergeOut]


class ConsentOut(Out):
    channel: str
    consent: Literal["unknown", "granted", "withdrawn"]
    do_not_contact: bool
    source: str
    at: datetime


class Consents(Out):
    items: list[ConsentOut]


class ConsentIn(In):
    consent: Literal["unknown", "granted", "withdrawn"] | None = None
    do_not_contact: bool | None = None
    source: Line = Field("api", description="where the customer said so")


class NoteIn(In):
    text: Paragraph
    author: Line = Field("", description="who wrote it; by default the key's name")
    contact_id: Id | None = None
    case_id: Id | None = None


class Files(Out):
    items: list[FileOut]


@operation("GET", "/customers/{customer_id}/timeline", scope="contacts:read", query=PageQuery, answer=TimelineOut)
def get_timeline(call: Call[None, PageQuery]) -> TimelineOut:
    """All that happened with a customer on every channel, the newest first"""
    customer_id = known(call)
    found = timeline.page(call.conn, customer_id, limit=call.query.limit, before=read(call.query.cursor))
    return TimelineOut(
        items=[EntryOut.model_validate(entry) for entry in found.entries],
        open_cases=[EntryOut.model_validate(entry) for entry in found.open_cases],
        next=write(found.before) if found.before else None,
    )


@operation("GET", "/customers/{customer_id}/merges", scope="customers:read", answer=Merges)
def list_merges(call: Call[None, None]) -> Merges:
    """The merges that a customer was part of, undone ones too"""
    return Merges(items=[MergeOut.model_validate(one) for one in merging.history(call.conn, known(call))])


@operation(
    "POST", "/customers/{customer_id}/merges", scope="customers:write", body=MergeIn, answer=MergeOut, status=201,
    problems=(409,),
)  # fmt: skip
def merge_customers(call: Call[MergeIn, None]) -> MergeOut:
    """Merge another customer into this one, by decision of whoever holds the key"""
    survivor, absorbed = known(call), existing(call, call.body.customer_id)
    try:
        merge_id = merging.merge(call.conn, survivor, absorbed, by=call.by, at=call.now)
    except merging.NotMergeable as error:
        raise Problem(409, str(error)) from None
    return MergeOut.model_validate(merging.get(call.conn, merge_id))


@operation("POST", "/merges/{merge_id}/undo", scope="customers:write", answer=MergeOut, problems=(409,))
def undo_merge(call: Call[None, None]) -> MergeOut:
    """Undo a merge: both have their own history again, with what has come since"""
    try:
        return MergeOut.model_validate(merging.undo(call.conn, call.path["merge_id"], by=call.by, at=call.now))
    except merging.NotMergeable as error:
        raise Problem(409, str(error)) from None
    except LookupError:
        raise Problem(404, "there is no such merge") from None


@operation("GET", "/customers/{customer_id}/consents", scope="customers:read", answer=Consents)
def list_consents(call: Call[None, None]) -> Consents:
    """What a customer agreed to, by channel"""
    found = consent.of(call.conn, known(call)).values()
    return Consents(items=[ConsentOut.model_validate(one) for one in sorted(found, key=lambda one: one.channel)])


@operation(
    "PUT", "/customers/{customer_id}/consents/{channel}", scope="customers:write", body=ConsentIn, answer=ConsentOut
)
def put_consent(call: Call[ConsentIn, None]) -> ConsentOut:
    """Note what a customer decided for a channel; what isn't sent stays"""
    customer_id = known(call)
    channel = call.path["channel"]
    if channel not in consent.CHANNELS:
        raise Problem(404, f"channels are {', '.join(consent.CHANNELS)}")
    if call.body.consent is None and call.body.do_not_contact is None:
        detail = "say what was decided: consent, do_not_contact or both"
        raise Problem(422, detail, errors=[Mistake(pointer="/consent", detail=detail)])
    decided = consent.put(
        call.conn,
        customer_id,
        channel,
        consent=call.body.consent,
        do_not_contact=call.body.do_not_contact,
        source=call.body.source,
        at=call.now,
    )
    return ConsentOut.model_validate(decided)


@operation("GET", "/customers/{customer_id}/notes", scope="notes:read", query=PageQuery, answer=Page[NoteOut])
def list_notes(call: Call[None, PageQuery]) -> Page[NoteOut]:
    """A customer's notes, the newest first"""
    customer_id = known(call)
    found = notes.listed(call.conn, customer_id, limit=call.query.limit + 1, before=read(call.query.cursor))
    shown, cursor = paged(found, call.query.limit, lambda note: (note.created_at, note.id))
    return Page(items=[NoteOut.model_validate(note) for note in shown], next=cursor)


@operation("POST", "/customers/{customer_id}/notes", scope="notes:write", body=NoteIn, answer=NoteOut, status=201)
def add_note(call: Call[NoteIn, None]) -> NoteOut:
    """Write a note on a customer, one of the contacts or one of the cases"""
    given, customer_id = call.body, known(call)
    if given.contact_id is not None and contacts.get(call.conn, given.contact_id) is None:
        raise _missing("contact_id", "there is no such contact")
    try:
        if given.case_id is not None:
            cases.get(call.conn, given.case_id)
        author = given.author.strip() or call.key.name
        note = notes.add(
            call.conn, customer_id, given.text, author=author, at=call.now, contact_id=given.contact_id,
            case_id=given.case_id,
        )  # fmt: skip
    except cases.UnknownCase:
        raise _missing("case_id", "there is no such case") from None
    return NoteOut.model_validate(note)


def _missing(field: str, detail: str) -> Problem:
    return Problem(422, detail, errors=[Mistake(pointer=f"/{field}", detail=detail)])


@operation("GET", "/customers/{customer_id}/files", scope="files:read", answer=Files)
def list_files(call: Call[None, None]) -> Files:
    """The newest 100 files that came or went with a customer's contacts"""
    return Files(items=[FileOut.model_validate(one) for one in files.of_customer(call.conn, known(call))])
