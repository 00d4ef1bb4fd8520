"""Cases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from callcenter import cases
from callcenter.api.models import CaseOut, Id, In, Line, Out
from callcenter.api.operations import Call, operation
from callcenter.api.paging import Page, PageQuery, paged, read
from callcenter.api.problems import Mistake, Problem
from callcenter.customers import UnknownCustomer

Subject = Annotated[
    str, StringConstraints(min_length=1, max_length=cases.LONGEST, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")
]
Status = Literal["open", "pending", "resolved", "reopened"]


class CaseIn(In):
    customer_id: Id
    subject: Subject
    contact_id: Id | None = None


class CaseChange(In):
    status: Status
    reason: Line = ""


class CaseQuery(PageQuery):
    customer_id: Id | None = None
    status: Status | None = None


class ChangeOut(Out):
    at: datetime
    status: Status
    by: str
    reason: str


class FullCase(CaseOut):
    contacts: list[str] = Field(description="ids, in the order in which they were attached")
    history: list[ChangeOut]


class AttachIn(In):
    contact_id: Id


def _full(call: Call[Any, Any], case_id: str) -> FullCase:
    try:
        case = cases.get(call.conn, case_id)
    except cases.UnknownCase:
        raise Problem(404, "there is no such case") from None
    return FullCase(
        **CaseOut.model_validate(case).model_dump(),
        contacts=cases.contacts_of(call.conn, case_id),
        history=[ChangeOut.model_validate(row) for row in cases.history(call.conn, case_id)],
    )


def _missing(field: str, detail: str) -> Problem:
    return Problem(422, detail, errors=[Mistake(pointer=f"/{field}", detail=detail)])


@operation("GET", "/cases", scope="cases:read", query=CaseQuery, answer=Page[CaseOut])
def list_cases(call: Call[None, CaseQuery]) -> Page[CaseOut]:
    """Cases, the newest first"""
    query = call.query
    found = cases.listed(
        call.conn, limit=query.limit + 1, before=read(query.cursor), customer_id=query.customer_id, status=query.status
    )
    shown, cursor = paged(found, query.limit, lambda case: (case.opened_at, case.id))
    return Page(items=[CaseOut.model_validate(case) for case in shown], next=cursor)


@operation("POST", "/cases", scope="cases:write", body=CaseIn, answer=FullCase, status=201)
def open_case(call: Call[CaseIn, None]) -> FullCase:
    """Open a case for a customer"""
    given = call.body
    try:
        case = cases.open_case(
            call.conn, given.customer_id, given.subject, by=call.by, at=call.now, contact_id=given.contact_id
        )
    except UnknownCustomer:
        raise _missing("customer_id", "there is no such customer") from None
    except LookupError:
        raise _missing("contact_id", "there is no such contact") from None
    return _full(call, case.id)


@operation("GET", "/cases/{case_id}", scope="cases:read", answer=FullCase)
def get_case(call: Call[None, None]) -> FullCase:
    """One case with its contacts and changes"""
    return _full(call, call.path["case_id"])


@operation("PATCH", "/cases/{case_id}", scope="cases:write", body=CaseChange, answer=FullCase, problems=(409,))
def change_case(call: Call[CaseChange, None]) -> FullCase:
    """Bring a case to another status"""
    case_id = _full(call, call.path["case_id"]).id
    try:
        cases.change(call.conn, case_id, call.body.status, by=call.by, at=call.now, reason=call.body.reason)
    except cases.WrongStatus as error:
        raise Problem(409, str(error)) from None
    return _full(call, case_id)


@operation("POST", "/cases/{case_id}/contacts", scope="cases:write", body=AttachIn, answer=FullCase)
def attach_contact(call: Call[AttachIn, None]) -> FullCase:
    """Let a contact be part of a case; again changes nothing"""
    case_id = _full(call, call.path["case_id"]).id
    try:
        cases.attach(call.conn, case_id, call.body.contact_id, at=call.now)
    except LookupError:
        raise _missing("contact_id", "there is no such contact") from None
    return _full(call, case_id)
