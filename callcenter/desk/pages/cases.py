"""Cases: what customers want settled."""

from __future__ import annotations

from typing import Any

from flask import Response
from werkzeug.exceptions import NotFound

from callcenter import cases, contacts, customers, notes
from callcenter.cases import NEXT, Case, UnknownCase, WrongStatus
from callcenter.desk import users
from callcenter.desk.pages.customers import before, found, keep_note, older
from callcenter.desk.routing import link, one, page
from callcenter.desk.visit import Refused, Visit

PAGE = 50

link(30, "case_list", "Cases", icon="case", needs="customers.read", key="k")


@page("/cases", needs="customers.read")
def case_list(visit: Visit) -> Response:
    status = visit.arg("status", 20)
    wanted = next((known for known in NEXT if known == status), None)
    shown = cases.listed(
        visit.conn, limit=PAGE + 1, status=wanted, unresolved=not status, before=before(visit.arg("before"))
    )
    more, shown = len(shown) > PAGE, shown[:PAGE]
    people = {case.customer_id: customers.get(visit.conn, case.customer_id) for case in shown}
    last = older((shown[-1].opened_at, shown[-1].id)) if more else None
    return visit.render("cases.html", cases=shown, people=people, status=status, states=list(NEXT), older=last)


@page("/customers/<customer_id>/cases", needs="cases.write", method="POST")
def open_case(visit: Visit, customer_id: str) -> Response:
    person = found(visit, customer_id)
    contact_id = visit.form("contact_id", 64) or None
    try:
        case = cases.open_case(
            visit.conn, person.id, one(visit.form("subject")), by=visit.user.by, at=visit.now, contact_id=contact_id
        )
    except ValueError:
        raise Refused(visit.t("A case's subject has 1 to 200 characters.")) from None
    except LookupError:
        raise NotFound from None
    visit.log("case.opened", f"case:{case.id}", customer=person.id)
    return visit.go_to(visit.back(), said=visit.t("The case is open."))


@page("/cases/<case_id>", needs="customers.read")
def case(visit: Visit, case_id: str) -> Response:
    found_case = _found(visit, case_id)
    person = customers.get(visit.conn, found_case.customer_id)
    visit.look("customer.viewed", f"customer:{person.id}", case=case_id)
    attached: list[Any] = [contacts.get(visit.conn, id) for id in cases.contacts_of(visit.conn, case_id)]
    return visit.render(
        "case.html", case=found_case, person=person, contacts=[contact for contact in attached if contact],
        changes=cases.history(visit.conn, case_id), notes=notes.of_case(visit.conn, case_id),
        next=sorted(NEXT[found_case.status]),
        names=users.names(visit.conn),
    )  # fmt: skip


@page("/cases/<case_id>/status", needs="cases.write", method="POST")
def change_case(visit: Visit, case_id: str) -> Response:
    status = next((known for known in NEXT if known == visit.form("status", 20)), None)
    if status is None:
        raise Refused(visit.t("There is no such status."))
    try:
        changed = cases.change(
            visit.conn, case_id, status, by=visit.user.by, at=visit.now,
            reason=one(visit.form("reason", 500)),
        )  # fmt: skip
    except UnknownCase:
        raise NotFound from None
    except WrongStatus:
        raise Refused(visit.t("Somebody has changed this case meanwhile.")) from None
    visit.log("case.changed", f"case:{case_id}", status=changed.status)
    return visit.go_to(visit.back(), said=visit.t("Saved."))


@page("/cases/<case_id>/notes", needs="cases.write", method="POST")
def add_case_note(visit: Visit, case_id: str) -> Response:
    found_case = _found(visit, case_id)
    note = keep_note(visit, found_case.customer_id, case_id=case_id)
    visit.log("note.added", f"case:{case_id}", note=note.id)
    return visit.go("case", case_id=case_id, said=visit.t("The note is kept."))


def _found(visit: Visit, case_id: str) -> Case:
    try:
        return cases.get(visit.conn, case_id)
    except UnknownCase:
        raise NotFound from None
