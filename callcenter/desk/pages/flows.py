"""The flows: what is published, drawn; the mistakes of the files at hand; publishing and rolling back for admins."""

from __future__ import annotations

from flask import Response
from werkzeug.exceptions import NotFound

from callcenter.desk.ports import FlowsRefused
from callcenter.desk.routing import link, page
from callcenter.desk.visit import Refused, Visit

link(60, "flows", "Flows", icon="flow", needs="flows.read", key="f")

PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


@page("/flows", needs="flows.read", transaction="own")
def flows(visit: Visit) -> Response:
    port = visit.desk.flows
    return visit.render(
        "flows.html",
        flows=port.flows(),
        versions=port.versions()[:20],
        problems=port.problems(),
        changed=port.changed(),
    )


@page("/flows/<name>", needs="flows.read", transaction="own")
def flow(visit: Visit, name: str) -> Response:
    found = next((found for found in visit.desk.flows.flows() if found.name == name), None)
    if found is None:
        raise NotFound
    return visit.render("flow.html", flow=found)


@page("/flows/<name>/picture.svg", needs="flows.read", transaction="own")
def flow_picture(visit: Visit, name: str) -> Response:
    try:
        picture = visit.desk.flows.picture(name)
    except KeyError:
        raise NotFound from None
    response = Response(picture, content_type="image/svg+xml")
    response.headers["Content-Security-Policy"] = PICTURE_POLICY  # opened by itself it is a document
    return response


@page("/flows/publish", needs="flows.publish", method="POST", transaction="own")
def publish_flows(visit: Visit) -> Response:
    try:
        hash = visit.desk.flows.publish()
    except FlowsRefused as error:
        mistakes = len(error.problems)
        raise Refused(
            visit.words.counted(mistakes, "The files have one mistake.", "The files have %(count)s mistakes.")
        ) from None
    visit.log("flows.published", f"flows:{hash}")
    return visit.go("flows", said=visit.t("Version %(version)s answers new calls.", version=hash[:12]))


@page("/flows/roll_back", needs="flows.publish", method="POST", transaction="own")
def roll_back_flows(visit: Visit) -> Response:
    hash = visit.form("version", 100)
    try:
        visit.desk.flows.roll_back(hash)
    except KeyError:
        raise Refused(visit.t("There is no such version.")) from None
    visit.log("flows.rolled_back", f"flows:{hash}")
    return visit.go("flows", said=visit.t("Version %(version)s answers new calls.", version=hash[:12]))
