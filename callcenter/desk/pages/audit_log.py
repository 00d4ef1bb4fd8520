"""The audit log, to read and to take along."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from flask import Response, stream_with_context

from callcenter.db import reading
from callcenter.desk import audit, audit_words
from callcenter.desk.audit_names import Names, queue_labels
from callcenter.desk.routing import link, page
from callcenter.desk.spreadsheet import line
from callcenter.desk.visit import Visit

link(90, "audit_log", "Audit log", icon="log", needs="audit.read", key="a")

PAGE = 100


@page("/audit", needs="audit.read", transaction="own")
def audit_log(visit: Visit) -> Response:
    before = visit.arg("before")
    labels = queue_labels(visit)
    with reading(visit.desk.engine) as conn:
        found = audit.listed(
            conn, limit=PAGE + 1, before=int(before) if before.isdigit() and len(before) < 19 else None,
            **_filters(visit),
        )  # fmt: skip
        shown = found[:PAGE]
        names = Names(conn, visit, shown, labels)
    given = {name: visit.arg(name) for name in ("login", "action", "target", "since", "until") if visit.arg(name)}
    return visit.render(
        "audit.html",
        entries=[
            {"entry": entry, "said": audit_words.sentence(visit, entry, names),
             "details": list(audit_words.details(visit, entry, names))}
            for entry in shown
        ],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        given=given,
        people={login: login for login in [given.get("login")] if login} | names.people,
        kinds=audit_words.KINDS,
    )  # fmt: skip


@page("/audit.csv", needs="audit.read", transaction="own")
def audit_csv(visit: Visit) -> Response:
    filters = _filters(visit)
    visit.log("audit.exported", "audit", filters={name: str(value) for name, value in filters.items()})

    def lines() -> Iterator[str]:
        with reading(visit.desk.engine) as conn:
            yield line(["at", "login", "role", "action", "target", "address", "data"])
            for entry in audit.everything(conn, **filters):
                data = json.dumps(entry.data, ensure_ascii=False)
                yield line(
                    [entry.at.isoformat(), entry.login, entry.role, entry.action, entry.target, entry.address, data]
                )

    response = Response(stream_with_context(lines()), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = "attachment; filename=audit.csv"
    return response


def _filters(visit: Visit) -> dict[str, Any]:
    """What the address asks for; days are the company's."""
    found: dict[str, Any] = {
        name: visit.arg(name).strip() for name in ("login", "action", "target") if visit.arg(name).strip()
    }
    for name, later in (("since", 0), ("until", 1)):
        try:
            day = datetime.fromisoformat(visit.arg(name, 10)).replace(tzinfo=visit.words.zone)
            found[name] = day + timedelta(days=later)
        except (ValueError, OverflowError):
            continue
    return found
