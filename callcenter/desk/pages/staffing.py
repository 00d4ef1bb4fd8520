"""Staffing: what is expected to come in a week, and how many agents that takes; what if."""

from __future__ import annotations

from flask import Response
from werkzeug.exceptions import BadRequest, NotFound

from callcenter.desk import staffing as planning
from callcenter.desk.history import config
from callcenter.desk.routing import link, page
from callcenter.desk.spreadsheet import line
from callcenter.desk.visit import Visit
from callcenter.reports.forecast import LEAST, TooLittle
from callcenter.reports.forecast_staff import LIMITS, week_name
from callcenter.reports.forecast_table import rows

link(51, "staffing", "Staffing", icon="staff", needs="reports.read", key="s")


@page("/staffing", needs="reports.read", transaction="own")
def staffing(visit: Visit) -> Response:
    configured = config(visit.desk.flows)
    wanted = planning.asked(visit.arg, configured, visit.now, visit.words)
    found, too_many = None, False
    if wanted.queue:
        try:
            found = planning.plan(
                visit.desk.engine, visit.desk.flows, configured, wanted, visit.now, visit.words
            )  # fmt: skip
        except ValueError:
            too_many = True
    days = planning.days(found, visit.words) if found else []
    needs = [need for need in found.needs if wanted.day in (None, need.at.date())] if found else []
    charts = planning.charts(needs, visit.words, whole_week=wanted.day is None)
    return visit.render(
        "staffing.html",
        asked=wanted,
        args=wanted.args(),
        week=week_name(wanted.week),
        queues=[(name, one.label or name) for name, one in configured.queues.items()],
        plan=found,
        tested=found is not None and not isinstance(found.test, TooLittle),
        too_many=too_many,
        days=days,
        names=[(day.isoformat(), planning.weekday(day, visit.words)) for day in planning.week_days(wanted.week)],
        needs=needs,
        charts=[one for one in charts if not one.empty],
        limits=LIMITS,
        least=LEAST,
    )


@page("/staffing.csv", needs="reports.read", transaction="own")
def staffing_csv(visit: Visit) -> Response:
    """The whole week of the queue, half-hour by half-hour."""
    configured = config(visit.desk.flows)
    wanted = planning.asked(visit.arg, configured, visit.now, visit.words)
    if not wanted.queue:
        raise NotFound
    try:
        found = planning.plan(visit.desk.engine, visit.desk.flows, configured, wanted, visit.now, visit.words)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    visit.log("staffing.exported", "staffing", filters=wanted.args())
    response = Response("".join(map(line, rows([found]))), content_type="text/csv; charset=utf-8")
    name = f"staffing-{week_name(wanted.week)}-{wanted.queue}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response
