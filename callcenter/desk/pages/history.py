"""The history: figures of a period, by groups, drawn and to take along; flows with what callers did in them."""

from __future__ import annotations

from typing import Any

from flask import Response
from werkzeug.exceptions import NotFound

from callcenter.db import reading
from callcenter.desk import history as counting
from callcenter.desk.history import GROUPS, PERIODS, Period
from callcenter.desk.pages.flows import PICTURE_POLICY
from callcenter.desk.ports import FlowCounts
from callcenter.desk.routing import link, page
from callcenter.desk.spreadsheet import line
from callcenter.desk.visit import Visit
from callcenter.reports import kept
from callcenter.reports.exits import Traffic, leaving, traffic

link(50, "history", "History", icon="clock", needs="reports.read", key="h")


def _asked(visit: Visit) -> tuple[Period, str]:
    group = visit.arg("group", 20)
    asked = counting.period(
        visit.arg("period", 20), visit.arg("from", 10), visit.arg("to", 10), visit.now, visit.words.zone
    )
    return asked, group if group in GROUPS else "queue"


@page("/history", needs="reports.read", transaction="own")
def history(visit: Visit) -> Response:
    asked, group = _asked(visit)
    configured = counting.config(visit.desk.flows)
    drawn = {one.name for one in visit.desk.flows.flows()}
    with reading(visit.desk.engine) as conn:
        found = counting.read(conn, asked, group, configured, visit.now)
    rows = [
        (counting.label(group, name, configured, visit.words), one.shown()) for name, one in found.rows.items()
    ]  # fmt: skip
    return visit.render(
        "history.html",
        asked=asked,
        group=group,
        periods=PERIODS,
        groups=GROUPS,
        rows=rows,
        total=found.total.shown(),
        charts=counting.charts(found, visit.words),
        left=found.left,
        drawn=drawn,
        args=asked.args() | {"group": group},
    )


@page("/history.csv", needs="reports.read", transaction="own")
def history_csv(visit: Visit) -> Response:
    asked, group = _asked(visit)
    configured = counting.config(visit.desk.flows)
    with reading(visit.desk.engine) as conn:
        found = counting.read(conn, asked, group, configured, visit.now)
    total = counting.written(found.total.shown())
    lines = [line([group, *total])]
    lines += [line([name, *counting.written(one.shown()).values()]) for name, one in found.rows.items()]
    lines.append(line(["all", *total.values()]))
    visit.log("history.exported", "history", filters=asked.args() | {"group": group})
    response = Response("".join(lines), content_type="text/csv; charset=utf-8")
    name = f"history-{asked.first}-{asked.last}-{group}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


@page("/history/flows/<name>", needs="reports.read", transaction="own")
def flow_history(visit: Visit, name: str) -> Response:
    """What callers did in a flow: the drawing with counts, and the same as a table."""
    asked, group, found, left = _traffic(visit, name)
    steps = sorted({*found.entered, *left, *(step for step, _ in found.taken)}, key=lambda step: -found.entered[step])
    table = [
        {
            "step": step,
            "entered": found.entered[step],
            "left": left.get(step, 0),
            "exits": sorted(
                ((exit, count) for (at, exit), count in found.taken.items() if at == step), key=lambda one: -one[1]
            ),
        }
        for step in steps
    ]
    return visit.render("flow_history.html", name=name, asked=asked, steps=table, args=asked.args(), group=group)


@page("/history/flows/<name>/picture.svg", needs="reports.read", transaction="own")
def flow_history_picture(visit: Visit, name: str) -> Response:
    _, _, found, left = _traffic(visit, name)
    try:
        picture = visit.desk.flows.picture_with(name, FlowCounts(found.entered, found.taken, left))
    except KeyError:
        raise NotFound from None
    response = Response(picture, content_type="image/svg+xml")
    response.headers["Content-Security-Policy"] = PICTURE_POLICY  # opened by itself it is a document
    return response


def _traffic(visit: Visit, name: str) -> tuple[Period, str, Traffic, dict[str, Any]]:
    if name not in {one.name for one in visit.desk.flows.flows()}:
        raise NotFound
    asked, group = _asked(visit)
    with reading(visit.desk.engine) as conn:
        found = traffic(conn, asked.begin, asked.end, name)
        gone = leaving(kept.read(conn, asked.begin, asked.end))
    return asked, group, found, {step: count for (flow, step), count in gone.items() if flow == name}
