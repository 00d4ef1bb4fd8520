"""Calibration: several evaluate the same conversation blind, then compare."""

from __future__ import annotations

from flask import Response
from werkzeug.exceptions import NotFound

from callcenter import contacts, evaluations, quality_calibration
from callcenter.desk import evaluation_forms as forms
from callcenter.desk import users
from callcenter.desk.routing import page
from callcenter.desk.visit import Refused, Visit
from callcenter.evaluations import Impossible
from callcenter.quality import said
from callcenter.quality_calibration import FEWEST, Calibration


@page("/quality/calibrations", needs="quality.evaluate")
def calibration_list(visit: Visit) -> Response:
    found = [one for one in quality_calibration.listed(visit.conn) if not _own(visit, one)]
    return visit.render(
        "quality_calibrations.html", found=found, people=forms.people(visit.conn), names=users.names(visit.conn),
        titles={one.form_hash: said(evaluations.form_of(visit.conn, one.form_hash)[1].title, visit.words.language)
                for one in found},
    )  # fmt: skip


@page("/contacts/<contact_id>/calibrate", needs="quality.evaluate", method="POST", transaction="own")
def begin_calibration(visit: Visit, contact_id: str) -> Response:
    name, form = forms.chosen(visit)
    with visit.desk.engine.begin() as conn:
        if contacts.get(conn, contact_id) is None:
            raise NotFound
        talk = forms.talk(visit, conn, contact_id)
        try:
            calibration_id = quality_calibration.start(
                conn, contact_id=contact_id, agent=talk.agent, queue=talk.queue, form_name=name,
                form=form, by=visit.user.id, at=visit.now,
            )  # fmt: skip
        except Impossible as error:
            raise forms.refused(visit, error) from None
        visit.log("calibration.begun", f"calibration:{calibration_id}", contact=contact_id, agent=talk.agent)
        visit.write(conn)
    return visit.go("calibration", calibration_id=calibration_id)


@page("/quality/calibrations/<calibration_id>", needs="quality.evaluate")
def calibration(visit: Visit, calibration_id: str) -> Response:
    found = _found(visit, calibration_id)
    _, form = evaluations.form_of(visit.conn, found.form_hash)
    visit.look("calibration.viewed", f"calibration:{found.id}", contact=found.contact_id)
    return visit.render(
        "quality_calibration.html", calibration=found, form=form, fewest=FEWEST, people=forms.people(visit.conn),
        names=users.names(visit.conn), contact=contacts.get(visit.conn, found.contact_id),
        result=quality_calibration.result(visit.conn, found) if found.closed_at else None,
        said=lambda text: said(text, visit.words.language),
    )  # fmt: skip


@page("/quality/calibrations/<calibration_id>/join", needs="quality.evaluate", method="POST")
def join_calibration(visit: Visit, calibration_id: str) -> Response:
    found = _found(visit, calibration_id)
    try:
        evaluation_id = quality_calibration.join(visit.conn, found, visit.user.id, visit.now)
    except Impossible as error:
        raise forms.refused(visit, error) from None
    visit.log("calibration.joined", f"calibration:{found.id}", evaluation=evaluation_id)
    return visit.go("evaluation", evaluation_id=evaluation_id)


@page("/quality/calibrations/<calibration_id>/close", needs="quality.evaluate", method="POST")
def close_calibration(visit: Visit, calibration_id: str) -> Response:
    found = _found(visit, calibration_id)
    try:
        quality_calibration.close(visit.conn, found, visit.now)
    except Impossible as error:
        if str(error) == "too few have completed it":
            raise Refused(visit.t("At least %(count)s must have completed it.", count=FEWEST)) from None
        raise forms.refused(visit, error) from None
    visit.log("calibration.closed", f"calibration:{found.id}")
    return visit.go("calibration", calibration_id=found.id)


def _found(visit: Visit, calibration_id: str) -> Calibration:
    """One that isn't of the visitor's own conversation. Raises NotFound."""
    try:
        found = quality_calibration.get(visit.conn, calibration_id)
    except LookupError:
        raise NotFound from None
    if _own(visit, found):
        raise NotFound
    return found


def _own(visit: Visit, found: Calibration) -> bool:
    return evaluations.user_of(visit.conn, found.agent) == visit.user.id
