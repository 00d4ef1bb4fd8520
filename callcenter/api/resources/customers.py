"""Customers and what names them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from callcenter import customers, identifiers, opt_outs, undeliverable
from callcenter.api.models import CustomerOut, IdentifierOut, In, Line, Out
from callcenter.api.operations import Call, operation
from callcenter.api.paging import Page, PageQuery, paged, read
from callcenter.api.problems import Mistake, Problem
from callcenter.attributes import AttributeProblem, Schema
from callcenter.customers import UnknownCustomer
from callcenter.identifiers import InvalidIdentifier, Kind, Proof

Value = str | int | float | bool | None


class IdentifierIn(In):
    kind: Kind
    value: Annotated[str, Field(min_length=1, max_length=identifiers.LONGEST)]
    proof: Proof = "none"


class CustomerChange(In):
    name: Line | None = None
    given_name: Line | None = None
    family_name: Line | None = None
    language: Annotated[str, Field(pattern=r"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$", max_length=35)] | None = None
    preferred_channel: Annotated[str, Field(pattern=r"^([a-z][a-z_]{0,19})?$")] | None = None
    attributes: dict[str, Value] | None = Field(None, description="typed by the schema; null takes one away")

    def fields(self) -> dict[str, Any]:
        given = self.model_dump(include=set(customers.FIELDS), exclude_none=True)
        return {name: value.strip() for name, value in given.items()}


class CustomerIn(CustomerChange):
    identifiers: Annotated[list[IdentifierIn], Field(max_length=20)] = Field(default_factory=list)


class IdentifierQuery(In):
    kind: Kind
    value: Annotated[str, Field(min_length=1, max_length=identifiers.LONGEST)]


class CandidateOut(In):
    customer_id: str
    name: str
    language: str
    proof: Proof
    provisional: bool


class UndeliverableOut(Out):
    identifier_id: str
    channel: str
    address: str
    code: str = Field(description="the carrier's: an enhanced status code (RFC 3463), a Twilio error; may be empty")
    reason: str
    at: datetime


class Undeliverables(Out):
    items: list[UndeliverableOut]


class OptOutOut(Out):
    identifier_id: str
    channel: str
    address: str
    source: str = Field(description="where it was said: keyword, link (in a mail), carrier, or by whom")
    at: datetime


class OptOuts(Out):
    items: list[OptOutOut]


class Candidates(In):
    items: list[CandidateOut]


def known(call: Call[Any, Any], name: str = "customer_id") -> str:
    """The root of the customer in the path. Raises `Problem` 404."""
    return existing(call, call.path[name])


def existing(call: Call[Any, Any], customer_id: str) -> str:
    try:
        return customers.root(call.conn, customer_id)
    except UnknownCustomer:
        raise Problem(404, "there is no such customer") from None


def _attributes(schema: Schema, given: dict[str, Value] | None) -> dict[str, Value] | None:
    if given is None:
        return None
    try:
        return schema.validate_values(given)
    except AttributeProblem as error:
        mistakes = [Mistake(pointer="/attributes", detail=line) for line in error.problems]
        raise Problem(422, "attributes don't fit the schema", errors=mistakes) from None


def _add(call: Call[Any, Any], customer_id: str, given: IdentifierIn, pointer: str) -> identifiers.Identifier:
    try:
        return identifiers.add(
            call.conn, customer_id, given.kind, given.value, at=call.now, proof=given.proof, region=call.region
        )
    except InvalidIdentifier as error:
        raise Problem(
            422, "an identifier can't be used", errors=[Mistake(pointer=pointer, detail=str(error))]
        ) from None


def _out(call: Call[Any, Any], customer_id: str) -> CustomerOut:
    return CustomerOut.model_validate(customers.get(call.conn, customer_id))


@operation("GET", "/customers", scope="customers:read", query=PageQuery, answer=Page[CustomerOut])
def list_customers(call: Call[None, PageQuery]) -> Page[CustomerOut]:
    """Customers, the newest first"""
    found = customers.listed(call.conn, limit=call.query.limit + 1, before=read(call.query.cursor))
    shown, cursor = paged(found, call.query.limit, lambda customer: (customer.created_at, customer.id))
    return Page(items=[CustomerOut.model_validate(customer) for customer in shown], next=cursor)


@operation("POST", "/customers", scope="customers:write", body=CustomerIn, answer=CustomerOut, status=201)
def create_customer(call: Call[CustomerIn, None]) -> CustomerOut:
    """Store a new customer"""
    attributes = _attributes(call.schema, call.body.attributes)
    customer_id = customers.create(call.conn, at=call.now, attributes=attributes, **call.body.fields())
    for number, given in enumerate(call.body.identifiers):
        _add(call, customer_id, given, f"/identifiers/{number}")
    return _out(call, customer_id)


@operation("GET", "/customers/{customer_id}", scope="customers:read", answer=CustomerOut)
def get_customer(call: Call[None, None]) -> CustomerOut:
    """One customer; a merged one's id gives the customer that stands for it"""
    return _out(call, known(call))


@operation("PATCH", "/customers/{customer_id}", scope="customers:write", body=CustomerChange, answer=CustomerOut)
def change_customer(call: Call[CustomerChange, None]) -> CustomerOut:
    """Change what is known of a customer; what isn't sent stays"""
    customer_id = known(call)
    attributes = _attributes(call.schema, call.body.attributes)
    customers.update(call.conn, customer_id, at=call.now, attributes=attributes, **call.body.fields())
    return _out(call, customer_id)


@operation(
    "POST",
    "/customers/{customer_id}/identifiers",
    scope="customers:write",
    body=IdentifierIn,
    answer=IdentifierOut,
    status=201,
)
def add_identifier(call: Call[IdentifierIn, None]) -> IdentifierOut:
    """Let an identifier name a customer; others whom it names keep it"""
    return IdentifierOut.model_validate(_add(call, known(call), call.body, "/value"))


@operation("DELETE", "/customers/{customer_id}/identifiers/{identifier_id}", scope="customers:write", status=204)
def remove_identifier(call: Call[None, None]) -> None:
    """Let an identifier no longer name a customer"""
    identifiers.remove(call.conn, _identifier(call).id)


def _identifier(call: Call[Any, Any]) -> identifiers.Identifier:
    """The one in the path, if it is the customer's. Raises `Problem` 404."""
    members = customers.get(call.conn, known(call)).members
    found = identifiers.get(call.conn, call.path["identifier_id"])
    if found is None or found.customer_id not in members:
        raise Problem(404, "this customer has no such identifier")
    return found


@operation("GET", "/customers/{customer_id}/undeliverable", scope="customers:read", answer=Undeliverables)
def list_undeliverable(call: Call[None, None]) -> Undeliverables:
    """A customer's addresses at which there is nobody, as a carrier has said: nothing is sent there"""
    person = customers.get(call.conn, known(call))
    marks = undeliverable.of_identifiers(call.conn, person.identifiers)
    found = [{"identifier_id": id, **asdict(mark)} for id, several in marks.items() for mark in several]
    return Undeliverables(items=[UndeliverableOut.model_validate(one) for one in found])


@operation(
    "DELETE", "/customers/{customer_id}/identifiers/{identifier_id}/undeliverable", scope="customers:write", status=204
)
def clear_undeliverable(call: Call[None, None]) -> None:
    """Let messages go to an identifier again"""
    undeliverable.clear_identifier(call.conn, _identifier(call))


@operation("GET", "/customers/{customer_id}/opt-outs", scope="customers:read", answer=OptOuts)
def list_opt_outs(call: Call[None, None]) -> OptOuts:
    """A customer's addresses that told us, or their carrier, to stop: nothing is sent there"""
    marks = opt_outs.of_identifiers(call.conn, customers.get(call.conn, known(call)).identifiers)
    found = [{"identifier_id": id, **asdict(mark)} for id, several in marks.items() for mark in several]
    return OptOuts(items=[OptOutOut.model_validate(one) for one in found])


@operation(
    "DELETE", "/customers/{customer_id}/identifiers/{identifier_id}/opt-outs", scope="customers:write", status=204
)
def opt_in(call: Call[None, None]) -> None:
    """Whoever is at an identifier has said that they want messages again"""
    opt_outs.opt_in_identifier(call.conn, _identifier(call), source=call.by, at=call.now)


@operation("GET", "/identifiers", scope="customers:read", query=IdentifierQuery, answer=Candidates)
def identify(call: Call[None, IdentifierQuery]) -> Candidates:
    """Whom an identifier may mean, the best proven first"""
    try:
        found = identifiers.identify(call.conn, call.query.kind, call.query.value, region=call.region)
    except InvalidIdentifier as error:
        raise Problem(
            422, "an identifier can't be used", errors=[Mistake(pointer="value", detail=str(error))]
        ) from None
    return Candidates(items=[CandidateOut.model_validate(one, from_attributes=True) for one in found])
