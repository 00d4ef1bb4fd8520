"""Outbound campaigns: how far each list is; pausing and resuming them; results by person to take along."""

from __future__ import annotations

from typing import Final

from flask import Response
from werkzeug.exceptions import NotFound

from callcenter.campaigns import config, figures, people
from callcenter.campaigns.figures import Progress
from callcenter.db import reading
from callcenter.desk.audit_words import t
from callcenter.desk.routing import link, page
from callcenter.desk.visit import Visit

link(45, "campaigns", "Campaigns", icon="send", needs="campaigns.read", key="l")

RESULTS: Final = {
    people.REACHED: t("reached"), people.NOT_REACHED: t("not reached"), people.DO_NOT_CONTACT: t("do not contact"),
    people.NO_CONSENT: t("no consent"), people.SERVED: t("served meanwhile"), people.DECLINED: t("wants no calls"),
    people.CANCELLED: t("cancelled"), people.SKIPPED: t("skipped"),
}  # fmt: skip
"""What people are told of each result."""


@page("/campaigns", needs="campaigns.read", transaction="own")
def campaigns(visit: Visit) -> Response:
    published = config.from_data(visit.desk.flows.data(config.FILE))
    found = _progress(visit, published)
    rows = [
        {
            "name": name,
            "label": published[name].label or name if name in published else name,
            "campaign": published.get(name),
            "progress": one,
            "results": [(visit.t(RESULTS.get(result, result)), count) for result, count in sorted(one.results.items())],
        }
        for name, one in found.items()
    ]
    return visit.render("campaigns.html", rows=rows)


@page("/campaigns/<name>.csv", needs="campaigns.read", transaction="own")
def campaign_csv(visit: Visit, name: str) -> Response:
    if name not in _progress(visit, config.from_data(visit.desk.flows.data(config.FILE))):
        raise NotFound
    with reading(visit.desk.engine) as conn:
        lines = list(figures.export(conn, name))
    visit.log("campaign.exported", f"campaign:{name}")
    response = Response("".join(lines), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f"attachment; filename=campaign-{name}.csv"
    return response


@page("/campaigns/<name>/pause", needs="campaigns.control", method="POST", transaction="own")
def pause_campaign(visit: Visit, name: str) -> Response:
    return _switch(visit, name, paused=True)


@page("/campaigns/<name>/resume", needs="campaigns.control", method="POST", transaction="own")
def resume_campaign(visit: Visit, name: str) -> Response:
    return _switch(visit, name, paused=False)


def _switch(visit: Visit, name: str, *, paused: bool) -> Response:
    if name not in _progress(visit, config.from_data(visit.desk.flows.data(config.FILE))):
        raise NotFound
    with visit.desk.engine.begin() as conn:
        changed = (people.pause if paused else people.resume)(conn, name, by=visit.user.by, at=visit.now)
        if changed:
            visit.log("campaign.paused" if paused else "campaign.resumed", f"campaign:{name}")
            visit.write(conn)
    said = visit.t("Nobody is called until it is resumed.") if paused else visit.t("People are called again.")
    return visit.go("campaigns", said=said)


def _progress(visit: Visit, published: object) -> dict[str, Progress]:
    names = list(published) if isinstance(published, dict) else []
    with reading(visit.desk.engine) as conn:
        return figures.progress(conn, names)
