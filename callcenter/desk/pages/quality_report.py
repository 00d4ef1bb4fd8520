"""Scores of a period, by groups, drawn and to take along."""

from __future__ import annotations

from flask import Response

from callcenter.acd.config import Config
from callcenter.db import reading
from callcenter.desk import evaluation_forms as forms
from callcenter.desk import history as counting
from callcenter.desk import users
from callcenter.desk.charts import Chart, Series
from callcenter.desk.history import Period
from callcenter.desk.routing import page
from callcenter.desk.spreadsheet import line
from callcenter.desk.visit import Visit
from callcenter.quality import QualityFile, said
from callcenter.reports import quality as figures
from callcenter.reports.quality import ENOUGH, GROUPS, Group, Report, Scores


def _asked(visit: Visit) -> tuple[Period, Group, str]:
    group = next((one for one in GROUPS if one == visit.arg("group", 20)), GROUPS[0])
    asked = counting.period(
        visit.arg("period", 20) or "30days", visit.arg("from", 10), visit.arg("to", 10), visit.now, visit.words.zone
    )
    return asked, group, visit.arg("agent", 64)


def _read(visit: Visit) -> tuple[Period, Group, str, Report, dict[str, str]]:
    """The report that the address asks for, with the labels of its rows."""
    asked, group, agent = _asked(visit)
    configured, file = counting.config(visit.desk.flows), forms.file(visit)
    with reading(visit.desk.engine) as conn:
        found = figures.read(conn, asked.begin, asked.end, visit.words.zone, group, agent)
        names = users.names(conn)
    return (
        asked,
        group,
        agent,
        found,
        {name: _label(visit, group, name, configured, file, names) for name in found.rows},
    )


def _label(
    visit: Visit, group: Group, name: str, configured: Config, file: QualityFile | None, names: dict[str, str]
) -> str:
    if group in ("form", "section"):
        form_name, _, section = name.partition(" / ")
        form = file.forms.get(form_name) if file else None
        titles = [form_name if form is None else said(form.title, visit.words.language)]
        if section:
            known = form.sections.get(section) if form else None
            titles.append(section if known is None else said(known.title, visit.words.language))
        return " / ".join(titles)
    if group == "agent":
        shown = counting.label("agent", name, configured, visit.words)
        return names.get(f"agent:{name}", name) if shown == name else shown
    if group == "queue" and name:
        return counting.label("queue", name, configured, visit.words)
    return name or visit.t("no queue")


@page("/quality/report", needs="quality.read", transaction="own")
def quality_report(visit: Visit) -> Response:
    asked, group, agent, found, labels = _read(visit)
    return visit.render(
        "quality_report.html", asked=asked, group=group, groups=GROUPS, agent=agent, enough=ENOUGH,
        rows=[(labels[name], scores) for name, scores in found.rows.items()], total=found.total,
        charts=_charts(visit, group, found, labels), args=_args(asked, group, agent),
    )  # fmt: skip


@page("/quality/report.csv", needs="quality.read", transaction="own")
def quality_report_csv(visit: Visit) -> Response:
    """Scores from 0 to 1, empty where too few were evaluated."""
    asked, group, agent, found, labels = _read(visit)
    lines = [line([group, "name", "evaluations", "score", "failed", "disputed"])]
    lines += [line([name, labels[name], *_cells(scores)]) for name, scores in found.rows.items()]
    lines.append(line(["all", "", *_cells(found.total)]))
    visit.log("quality.exported", "quality", filters=_args(asked, group, agent))
    response = Response("".join(lines), content_type="text/csv; charset=utf-8")
    name = f"quality-{asked.first}-{asked.last}-{group}.csv"
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def _args(asked: Period, group: str, agent: str) -> dict[str, str]:
    return asked.args() | {"group": group} | ({"agent": agent} if agent else {})


def _cells(scores: Scores) -> list[object]:
    """How many failed or disputed says as much as a score: it isn't there either for too few."""
    if scores.mean is None:
        return [scores.count, "", "", ""]
    return [scores.count, round(scores.mean, 4), scores.zero, scores.disputed]


def _charts(visit: Visit, group: Group, found: Report, labels: dict[str, str]) -> list[Chart]:
    t = visit.words
    score = t("Mean score")

    def drawn(title: str, names: list[str], parts: list[Scores]) -> Chart:
        return Chart(title, names, [Series(score, "accent", [one.mean for one in parts])], t.percent, 1.0)

    made = []
    if group != "week":
        made.append(drawn(score, [labels[name] for name in found.rows], list(found.rows.values())))
    made.append(drawn(t("Mean score by week"), list(found.weeks), list(found.weeks.values())))
    made.append(
        Chart(
            t("Evaluations by week"),
            list(found.weeks),
            [Series(t("Evaluations"), "good", [float(one.count) for one in found.weeks.values()])],
            t.number,
        )
    )
    return [one for one in made if not one.empty]
