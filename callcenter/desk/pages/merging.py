"""Merging two customers into one person: a preview first, and the way back."""

from __future__ import annotations

from flask import Response

from callcenter import merging
from callcenter.desk import finding
from callcenter.desk.attribute_forms import fields_of
from callcenter.desk.pages.customers import found
from callcenter.desk.routing import page
from callcenter.desk.visit import Refused, Visit


@page("/customers/<customer_id>/merge", needs="customers.merge")
def merge_preview(visit: Visit, customer_id: str) -> Response:
    person = found(visit, customer_id)
    text = visit.arg("q", 100)
    others = finding.search(visit.conn, text, region=visit.desk.company.country)
    other = found(visit, visit.arg("other", 64)) if visit.arg("other", 64) else None
    if other is not None and other.id == person.id:
        other = None
    if other is not None:
        visit.look("customer.viewed", f"customer:{other.id}")
    shared = {(known.kind, known.value) for known in person.identifiers} & {
        (known.kind, known.value) for known in (other.identifiers if other else ())
    }
    return visit.render(
        "merge.html", person=person, q=text, others=[hit for hit in others if hit.id != person.id],
        other=other, shared=shared, attributes=fields_of(visit.desk.schema, person.attributes, visit),
        other_attributes=fields_of(visit.desk.schema, other.attributes, visit) if other else [],
    )  # fmt: skip


@page("/customers/<customer_id>/merge", needs="customers.merge", method="POST")
def merge_customers(visit: Visit, customer_id: str) -> Response:
    person, other = found(visit, customer_id), found(visit, visit.form("other", 64))
    try:
        merge_id = merging.merge(visit.conn, person.id, other.id, by=visit.user.by, at=visit.now)
    except merging.NotMergeable:
        raise Refused(visit.t("They are one person already.")) from None
    visit.log("customer.merged", f"customer:{person.id}", merge=merge_id, absorbed=other.id)
    return visit.go("customer", customer_id=person.id, said=visit.t("They are one person now."))


@page("/merges/<merge_id>/undo", needs="customers.merge", method="POST")
def undo_merge(visit: Visit, merge_id: str) -> Response:
    try:
        undone = merging.undo(visit.conn, merge_id, by=visit.user.by, at=visit.now)
    except (LookupError, merging.NotMergeable):
        raise Refused(visit.t("This merge was undone already.")) from None
    visit.log("customer.unmerged", f"customer:{undone.survivor_id}", merge=merge_id, absorbed=undone.absorbed_id)
    return visit.go("customer", customer_id=undone.survivor_id, said=visit.t("They are two persons again."))
