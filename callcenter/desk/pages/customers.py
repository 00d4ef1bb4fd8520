"""Customers: searching, and one person with all that happened."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

from flask import Response
from werkzeug.exceptions import NotFound

from callcenter import consent, customers, files, identifiers, merging, notes, opt_outs, timeline, undeliverable
from callcenter.attributes import AttributeProblem
from callcenter.customers import FIELDS, Customer, UnknownCustomer
from callcenter.desk import finding, users
from callcenter.desk.attribute_forms import fields_of, values_of
from callcenter.desk.routing import link, one, page
from callcenter.desk.visit import Refused, Visit
from callcenter.identifiers import Identifier, InvalidIdentifier, Proof
from callcenter.notes import Note

link(20, "customer_search", "Customers", icon="people", needs="customers.read", key="c")

PAGE = 20


@page("/customers", needs="customers.read")
def customer_search(visit: Visit) -> Response:
    text = visit.arg("q", 100)
    found = finding.search(visit.conn, text, region=visit.desk.company.country) if text else None
    recent = customers.listed(visit.conn, limit=10) if found is None else []
    if text:
        visit.log("customers.searched", "customers", text=text, found=len(found or ()))
    return visit.render("customers.html", q=text, found=found, recent=recent)


@page("/customers/new", needs="customers.write", method="POST")
def add_customer(visit: Visit) -> Response:
    name = one(visit.form("name", 200))
    if not name:
        raise Refused(visit.t("A customer has a name."))
    customer_id = customers.create(visit.conn, name=name, at=visit.now)
    visit.log("customer.added", f"customer:{customer_id}")
    return visit.go("customer", customer_id=customer_id)


@page("/customers/<customer_id>", needs="customers.read")
def customer(visit: Visit, customer_id: str) -> Response:
    person = found(visit, customer_id)
    if person.id != customer_id:
        return visit.go("customer", customer_id=person.id)
    visit.look("customer.viewed", f"customer:{person.id}")
    history = timeline.page(visit.conn, person.id, limit=PAGE, before=before(visit.arg("before")))
    context: dict[str, Any] = {
        "person": person,
        "history": history,
        "older": older(history.before),
        "names": users.names(visit.conn),
    }
    if visit.arg("part") == "timeline":
        return visit.render("parts/timeline.html", **context)
    return visit.render(
        "customer.html",
        **context,
        attributes=fields_of(visit.desk.schema, person.attributes, visit),
        consents=consent.of(visit.conn, person.id),
        channels=consent.CHANNELS,
        merges=merging.history(visit.conn, person.id),
        files=files.of_customer(visit.conn, person.id, limit=20),
        kinds=identifiers.KINDS,
        undeliverable=undeliverable.of_identifiers(visit.conn, person.identifiers),
        opted_out=opt_outs.of_identifiers(visit.conn, person.identifiers),
    )


@page("/customers/<customer_id>/details", needs="customers.write", method="POST")
def change_customer(visit: Visit, customer_id: str) -> Response:
    person = found(visit, customer_id)
    fields = {name: one(visit.form(name, 200)) for name in FIELDS if visit.has(name)}
    fields = {name: value for name, value in fields.items() if value != getattr(person, name)}
    try:
        attributes = values_of(visit.desk.schema, person.attributes, visit)
    except AttributeProblem as error:
        raise Refused(" · ".join(error.problems)) from None
    if fields or attributes:
        customers.update(visit.conn, person.id, at=visit.now, attributes=attributes or None, **fields)
        visit.log("customer.changed", f"customer:{person.id}", fields=sorted({*fields, *attributes}))
    return visit.go("customer", customer_id=person.id, said=visit.t("Saved."))


@page("/customers/<customer_id>/identifiers", needs="customers.write", method="POST")
def add_identifier(visit: Visit, customer_id: str) -> Response:
    person = found(visit, customer_id)
    proof: Proof = "agent" if visit.form("proven", 5) == "yes" else "none"
    try:
        added = identifiers.add(
            visit.conn, person.id, visit.form("kind", 20), visit.form("value", 300),
            at=visit.now, proof=proof, region=visit.desk.company.country,
        )  # fmt: skip
    except InvalidIdentifier as error:
        raise Refused(str(error)) from None
    visit.log("identifier.added", f"customer:{person.id}", identifier=added.id, kind=added.kind, proof=added.proof)
    return visit.go("customer", customer_id=person.id, said=visit.t("Saved."))


@page("/customers/<customer_id>/identifiers/<identifier_id>/remove", needs="customers.write", method="POST")
def remove_identifier(visit: Visit, customer_id: str, identifier_id: str) -> Response:
    person = found(visit, customer_id)
    identifiers.remove(visit.conn, _identifier(person, identifier_id).id)
    visit.log("identifier.removed", f"customer:{person.id}", identifier=identifier_id)
    return visit.go("customer", customer_id=person.id, said=visit.t("Removed."))


@page("/customers/<customer_id>/identifiers/<identifier_id>/deliverable", needs="customers.write", method="POST")
def clear_undeliverable(visit: Visit, customer_id: str, identifier_id: str) -> Response:
    """An address can be delivered to after all."""
    person = found(visit, customer_id)
    known = _identifier(person, identifier_id)
    if undeliverable.clear_identifier(visit.conn, known):
        visit.log("identifier.deliverable", f"customer:{person.id}", identifier=identifier_id)
    return visit.go("customer", customer_id=person.id, said=visit.t("Messages go there again."))


@page("/customers/<customer_id>/identifiers/<identifier_id>/opt-in", needs="customers.write", method="POST")
def opt_in(visit: Visit, customer_id: str, identifier_id: str) -> Response:
    """Whoever is at an address has said that they want messages again."""
    person = found(visit, customer_id)
    known = _identifier(person, identifier_id)
    if channels := opt_outs.opt_in_identifier(visit.conn, known, source=visit.user.by, at=visit.now):
        visit.log("identifier.opted_in", f"customer:{person.id}", identifier=identifier_id, channels=channels)
    return visit.go("customer", customer_id=person.id, said=visit.t("Messages go there again."))


@page("/customers/<customer_id>/notes", needs="customers.write", method="POST")
def add_note(visit: Visit, customer_id: str) -> Response:
    person = found(visit, customer_id)
    note = keep_note(visit, person.id, contact_id=visit.form("contact_id", 64) or None)
    visit.log("note.added", f"customer:{person.id}", note=note.id)
    return visit.go_to(visit.back(), said=visit.t("The note is kept."))


def keep_note(visit: Visit, customer_id: str, *, contact_id: str | None = None, case_id: str | None = None) -> Note:
    """The form's `text` as a note of the user. Raises `Refused`."""
    text, author = visit.form("text", notes.LONGEST + 1), visit.user.by
    try:
        return notes.add(
            visit.conn, customer_id, text, author=author, at=visit.now, contact_id=contact_id, case_id=case_id
        )
    except ValueError:
        raise Refused(visit.t("A note has 1 to 10,000 characters.")) from None


@page("/customers/<customer_id>/consent", needs="customers.write", method="POST")
def put_consent(visit: Visit, customer_id: str) -> Response:
    person = found(visit, customer_id)
    channel = visit.form("channel", 20)
    state = next((state for state in get_args(consent.State) if state == visit.form("consent", 20)), None)
    if channel not in consent.CHANNELS or state is None:
        raise Refused(visit.t("That can't be noted."))
    stop = visit.form("do_not_contact", 5) == "yes"
    consent.put(visit.conn, person.id, channel, source=visit.user.by, at=visit.now, consent=state, do_not_contact=stop)
    visit.log("consent.noted", f"customer:{person.id}", channel=channel, consent=state, do_not_contact=stop)
    return visit.go("customer", customer_id=person.id, said=visit.t("Saved."))


def found(visit: Visit, customer_id: str) -> Customer:
    """The person, or the page for what isn't there."""
    try:
        return customers.get(visit.conn, customer_id)
    except UnknownCustomer:
        raise NotFound from None


def _identifier(person: Customer, identifier_id: str) -> Identifier:
    """One of this person's, or the page for what isn't there."""
    for known in person.identifiers:
        if known.id == identifier_id:
            return known
    raise NotFound


def older(last: tuple[datetime, str] | None) -> str | None:
    """What a link to the page after this (moment, id) has; `None` at the end."""
    return f"{last[0].isoformat()}_{last[1]}" if last else None


def before(text: str) -> Any:
    """The (moment, id) that such a link has; `None` where it has none."""
    at, _, last = text.partition("_")
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (moment, last) if moment.tzinfo is not None else None
